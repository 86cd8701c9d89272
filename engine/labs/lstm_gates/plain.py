"""How does a network remember?  Three recurrent cells, written out, learn whether a bracket is open, or to add.

Run it: it trains and draws.  The constants are the knobs of the lab.
Does not know: task=copying|text, text_key, temperature, size.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0
TASK = "brackets"  # or "adding"
LENGTH = 50
HIDDEN = 32
FORGET_BIAS = 1.0
RECURRENT_SCALE = 1.0
OPTIMISER = "adam"  # or "gradient_descent"
LEARNING_RATE = 0.02
CLIP = 1.0  # 0 cuts nothing

GATES = {"rnn": 1, "gru": 3, "lstm": 4}  # how many layers each cell has side by side


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def adding(count: int, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """Numbers of which two are marked, one in each half: (N, T, 2), and the sum of the marked so far, (N, T)."""
    value, mark, rows = torch.rand(count, LENGTH, generator=dice), torch.zeros(count, LENGTH), torch.arange(count)
    mark[rows, torch.randint(0, LENGTH // 2, (count,), generator=dice)] = 1
    mark[rows, torch.randint(LENGTH // 2, LENGTH, (count,), generator=dice)] = 1
    return torch.stack([value, mark], dim=-1), (value * mark).cumsum(1)


def brackets(count: int, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences of "(", ")" and "·", each as a one among zeros, (N, T, 3), and how many are open after each, (N, T)."""
    depth, seen, depths = torch.zeros(count, dtype=torch.int64), [], []
    for p in torch.rand(count, LENGTH, generator=dice).unbind(1):
        token = torch.where(p < 0.4, 0, torch.where(p < 0.8, 1, 2))
        token = torch.where((token == 1) & (depth == 0), 2, token)  # there is nothing to close
        token = torch.where((token == 0) & (depth == 8), 1, token)  # no deeper
        depth = depth + (token == 0).long() - (token == 1).long()
        seen.append(token)
        depths.append(depth)
    return F.one_hot(torch.stack(seen, 1), 3).float(), torch.stack(depths, 1)


sequences, INPUTS, OUTPUTS = {"brackets": (brackets, 3, 2), "adding": (adding, 2, 1)}[TASK]


class Cell(nn.Module):
    """A recurrent cell of one kind, and a linear readout of each state."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, rows, dice = kind, GATES[kind] * HIDDEN, generator(SEED, f"weights/{kind}")

        def even(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-(HIDDEN**-0.5), HIDDEN**-0.5, generator=dice))

        self.W, self.U, self.b, self.b_ = even(rows, INPUTS), even(rows, HIDDEN), even(rows), even(rows)
        self.readout, self.readout_b = even(OUTPUTS, HIDDEN), even(OUTPUTS)
        with torch.no_grad():
            self.W.mul_(HIDDEN**0.5)  # from -1 to 1: a single one is to be heard
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
        """States (…, H) -> logits (…, 2) of closed and open, or a sum (…, 1)."""
        return h @ self.readout.T + self.readout_b


cells = {kind: Cell(kind) for kind in GATES}


def train(steps: int) -> Iterator[dict[str, float]]:
    """A batch, and an update of each cell.  With long sequences or wide cells it is one cell's turn in each step."""
    make = {"adam": torch.optim.Adam, "gradient_descent": torch.optim.SGD}[OPTIMISER]
    optimisers = {kind: make(cell.parameters(), lr=LEARNING_RATE) for kind, cell in cells.items()}
    losses: dict[str, list[float]] = {kind: [] for kind in cells}
    lengths: dict[str, float] = {}  # of the last gradient
    turns = 1 if LENGTH <= 60 and HIDDEN <= 32 else 3
    for step in range(steps):
        x, wanted = sequences(32 if turns == 1 else 16, generator(SEED, f"batch/{step // turns}"))
        for kind in list(cells) if turns == 1 else [list(cells)[step % 3]]:
            answers = cells[kind].answer(
                torch.stack([step["h"] for step in cells[kind].states(x)], 1)
            )  # (N, T, outputs)
            loss = (answers[:, -1, 0] - wanted[:, -1]).square().mean()
            if TASK == "brackets":  # asked at each step: is any open?
                loss = F.cross_entropy(answers.flatten(0, 1), (wanted > 0).long().flatten())
            optimisers[kind].zero_grad()
            torch.autograd.backward(loss)
            lengths[kind] = float(nn.utils.clip_grad_norm_(cells[kind].parameters(), CLIP or float("inf")))
            optimisers[kind].step()
            losses[kind].append(loss.item())
        means = {f"loss_{kind}": sum(last[-16:]) / len(last[-16:]) for kind, last in losses.items() if last}
        yield means | {f"gradient_{kind}": length for kind, length in lengths.items()}


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(200))
    figure, (losses, memories) = plt.subplots(2, 1, figsize=(10, 8), layout="constrained")
    x, wanted = sequences(16, generator(SEED, "shown"))
    memories.step(range(1, LENGTH + 1), wanted[0], where="mid", color="grey", label="what is to be remembered")
    for kind, cell in cells.items():
        losses.semilogy([metrics[f"loss_{kind}"] for metrics in history], label=kind.upper())
        memory = torch.stack([step.get("c", step["h"]) for step in cell.states(x)], 1).detach()  # (N, T, H)
        r = torch.corrcoef(torch.cat([memory.flatten(0, 1).T, wanted.flatten()[None].float()]))[-1, :-1]
        best = int(r.abs().nan_to_num().argmax())
        a, b = np.polyfit(memory[0, :, best], wanted[0], 1)  # to the same scale
        memories.plot(range(1, LENGTH + 1), a * memory[0, :, best] + b, label=f"{kind.upper()}, r = {r[best]:.2f}")
    losses.set(title="Loss, mean of the last 16 updates", xlabel="step", ylabel="loss")
    memories.set(title="The number of each memory that follows it best", xlabel="step of the sequence")
    figure.legend(loc="outside lower center", ncols=4)
    plt.show()
