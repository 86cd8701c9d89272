"""How does a network remember?  Three recurrent cells, written out, learn to add two marked numbers of a sequence.

Run it: it trains and draws.  The constants are the knobs of the lab.
Does not know: task, text_key, temperature, size.
"""

import hashlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

SEED = 0
LENGTH = 50
HIDDEN = 32
FORGET_BIAS = 1.0
RECURRENT_SCALE = 1.0
OPTIMISER = "adam"  # or "gradient_descent"
LEARNING_RATE = 0.02
CLIP = 1.0  # 0 cuts nothing

GATES = {"rnn": 1, "gru": 3, "lstm": 4}  # how many layers each cell has side by side
NAMES = {"rnn": "tanh RNN", "gru": "GRU", "lstm": "LSTM"}


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def sequences(count: int, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """Numbers of which two are marked, one in each half: (N, T, 2), and the sum of those two, (N,)."""
    value, mark, rows = torch.rand(count, LENGTH, generator=dice), torch.zeros(count, LENGTH), torch.arange(count)
    mark[rows, torch.randint(0, LENGTH // 2, (count,), generator=dice)] = 1
    mark[rows, torch.randint(LENGTH // 2, LENGTH, (count,), generator=dice)] = 1
    return torch.stack([value, mark], dim=-1), (value * mark).sum(1)


class Cell(nn.Module):
    """A recurrent cell of one kind, and a linear readout of its last state."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, rows, dice = kind, GATES[kind] * HIDDEN, generator(SEED, f"weights/{kind}")

        def even(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-(HIDDEN**-0.5), HIDDEN**-0.5, generator=dice))

        self.W, self.U, self.b, self.b_ = even(rows, 2), even(rows, HIDDEN), even(rows), even(rows)
        self.readout, self.readout_b = even(1, HIDDEN), even(1)
        with torch.no_grad():
            self.W.mul_(HIDDEN**0.5)  # from -1 to 1: a single mark is to be heard
            self.U.mul_(RECURRENT_SCALE)
            if kind == "lstm":  # its second gate is the forget gate
                self.b[HIDDEN : 2 * HIDDEN], self.b_[HIDDEN : 2 * HIDDEN] = FORGET_BIAS, 0.0

    def states(self, x: Tensor) -> list[dict[str, Tensor]]:
        """For each step of sequences (N, T, 2): the state h and what the gates did, (N, H) each."""
        h = c = torch.zeros(len(x), HIDDEN)
        steps = []
        for x_t in x.unbind(1):
            Wx, Uh = x_t @ self.W.T + self.b, h @ self.U.T + self.b_  # (N, gates * H): what comes in, and the memory
            if self.kind == "rnn":
                h = torch.tanh(Wx + Uh)
                steps.append({"h": h})
            elif self.kind == "gru":
                (xr, xz, xn), (ur, uz, un) = Wx.chunk(3, dim=-1), Uh.chunk(3, dim=-1)
                r, z = torch.sigmoid(xr + ur), torch.sigmoid(xz + uz)  # reset, and update: 1 keeps the old state
                n = torch.tanh(xn + r * un)  # what could be written
                h = (1 - z) * n + z * h
                steps.append({"h": h, "r": r, "z": z, "n": n})
            else:
                i, f, g, o = (Wx + Uh).chunk(4, dim=-1)
                i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)  # input, forget and output gate
                g = torch.tanh(g)  # what could be written
                c = f * c + i * g
                h = o * torch.tanh(c)
                steps.append({"h": h, "i": i, "f": f, "g": g, "o": o, "c": c})
        return steps

    def answer(self, h: Tensor) -> Tensor:
        """States (N, H) -> sums (N,)."""
        return (h @ self.readout.T + self.readout_b)[:, 0]


cells = {kind: Cell(kind) for kind in GATES}


def train(steps: int) -> Iterator[dict[str, float]]:
    """A batch, and an update of each cell.  With long sequences or wide cells it is one cell's turn in each step."""
    make = {"adam": torch.optim.Adam, "gradient_descent": torch.optim.SGD}[OPTIMISER]
    optimisers = {kind: make(cell.parameters(), lr=LEARNING_RATE) for kind, cell in cells.items()}
    losses: dict[str, list[float]] = {kind: [] for kind in cells}
    lengths: dict[str, float] = {}  # of the last gradient
    turns = 1 if LENGTH <= 60 and HIDDEN <= 32 else 3
    for step in range(steps):
        x, y = sequences(32 if turns == 1 else 16, generator(SEED, f"batch/{step // turns}"))
        for kind in list(cells) if turns == 1 else [list(cells)[step % 3]]:
            loss = (cells[kind].answer(cells[kind].states(x)[-1]["h"]) - y).square().mean()
            optimisers[kind].zero_grad()
            torch.autograd.backward(loss)
            lengths[kind] = float(nn.utils.clip_grad_norm_(cells[kind].parameters(), CLIP or math.inf))
            optimisers[kind].step()
            losses[kind].append(loss.item())
        means = {f"loss_{kind}": sum(last[-16:]) / len(last[-16:]) for kind, last in losses.items() if last}
        yield means | {f"gradient_{kind}": length for kind, length in lengths.items()}


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(350))
    print({name: round(value, 3) for name, value in history[-1].items()})
    figure, (losses, gradients) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    x, y = sequences(16, generator(SEED, "shown"))
    for kind, cell in cells.items():
        losses.plot([metrics[f"loss_{kind}"] for metrics in history[2:]], label=NAMES[kind])
        states = [step["h"] for step in cell.states(x)]
        felt = torch.autograd.grad((cell.answer(states[-1]) - y).square().mean(), states)
        gradients.semilogy(range(1, LENGTH + 1), [float(d.norm(dim=1).mean()) for d in felt], label=NAMES[kind])
    losses.axhline(1 / 6, color="grey", linestyle=":", label="guessing")
    losses.set(title="Loss, mean of the last 16 updates", xlabel="step", ylabel="squared error")
    gradients.set(title="How much of the gradient gets back", xlabel="step of the sequence", ylabel="length of dL/dh")
    losses.legend()
    gradients.legend()
    seen = cells["lstm"].states(x[:1])
    marked = [int(place) + 1 for place in x[0, :, 1].nonzero()]
    figure, axes = plt.subplots(4, 1, figsize=(10, 9), layout="constrained", sharex=True)
    figure.suptitle(f"The LSTM on a sequence whose numbers {marked[0]} and {marked[1]} are marked")
    parts = {"i": "Input gate", "f": "Forget gate", "o": "Output gate", "c": "Cell"}
    for axis, name in zip(axes, parts, strict=True):
        what = torch.cat([step[name] for step in seen]).detach().T  # (H, T)
        low, palette = (-1, "RdBu_r") if name == "c" else (0, "Blues")
        place = (0.5, LENGTH + 0.5, HIDDEN + 0.5, 0.5)
        picture = axis.imshow(what, extent=place, aspect="auto", cmap=palette, vmin=low, vmax=1)
        figure.colorbar(picture, label="value" if name == "c" else "0 closed, 1 open")
        axis.set(title=parts[name], ylabel="unit")
    axes[-1].set(xlabel="step of the sequence")
    plt.show()
