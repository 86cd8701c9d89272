"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from engine.contract.device import denormals_as_zero, generator
from engine.contract.states import copied
from engine.data import text
from engine.data.text import Alphabet, alphabet
from engine.labs.lstm_gates import cells, tasks
from engine.labs.lstm_gates.cells import CELLS, Reader
from engine.labs.lstm_gates.config import SHOWN, Config
from engine.labs.lstm_gates.frame import Frame, look
from engine.labs.lstm_gates.tasks import Task
from engine.nets import optim

__all__ = ["Config", "Experiment", "Frame", "gates"]

BATCH = {"adding": 32, "copying": 32, "brackets": 32, "text": 16}  # sequences behind each update; half for large cells
AT_ONCE = (60, 32)  # length and hidden size up to which one step updates all three cells
SMOOTH = 16  # updates over which a loss is averaged


def task_of(config: Config) -> Task:
    """The task that `config` names, with sequences of its length."""
    if config.task == "text":
        letters = text.require(config.text_key)
        return tasks.NextCharacter(letters, _alphabet(letters), config.length)
    made: dict[str, Any] = {"adding": tasks.Adding, "copying": tasks.Copying,
                            "brackets": tasks.Brackets}  # fmt: skip
    task: Task = made[config.task](config.length)
    return task


_alphabet = lru_cache(maxsize=8)(alphabet)


# ---------------------------------------------------------------------- the cells


@torch.no_grad()
def gates(cell: nn.RNN | nn.GRU | nn.LSTM, x: Tensor) -> dict[str, Tensor]:
    """What every gate of `cell` does at every step of the sequences `x`, each (batch, time, hidden).

    `x` is laid out as the cell takes it; the initial state is zero.  h_{t-1} comes from torch's own cell, which is
    fused and fast; with it the gates of all steps follow at once, and what they make is returned:

    - LSTM: i, f, g, o, c, h (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000);
    - GRU: r, z, n, h and u, the recurrent part of n before the reset (Cho et al. 2014; torch resets after the product);
    - RNN: h.

    Raises `ValueError` for a cell of several layers, two directions or a projection.
    """
    if cell.num_layers > 1 or cell.bidirectional or cell.proj_size:
        raise ValueError("The gates are those of a cell with one layer, one direction and no projection.")
    h, _ = cell(x)
    if not cell.batch_first and x.dim() == 3:
        x, h = x.transpose(0, 1), h.transpose(0, 1)
    if x.dim() == 2:
        x, h = x[None], h[None]
    before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], 1)  # h_{t-1}
    Wx, Uh = sums(cell, x, before)
    if isinstance(cell, nn.LSTM):
        i, f, g, o = (Wx + Uh).chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = [torch.zeros_like(h[:, 0])]
        for new, kept in zip((i * g).unbind(1), f.unbind(1), strict=True):
            c.append(torch.addcmul(new, kept, c[-1]))  # c_t = f_t c_{t-1} + i_t g_t
        c_all = torch.stack(c[1:], 1)
        return {"i": i, "f": f, "g": g, "o": o, "c": c_all, "h": o * c_all.tanh()}
    if isinstance(cell, nn.GRU):
        (xr, xz, xn), (ur, uz, u) = Wx.chunk(3, -1), Uh.chunk(3, -1)
        r, z = (xr + ur).sigmoid(), (xz + uz).sigmoid()
        n = (xn + r * u).tanh()
        return {"r": r, "z": z, "n": n, "u": u, "h": (1 - z) * n + z * before}
    return {"h": (Wx + Uh).tanh() if cell.nonlinearity == "tanh" else (Wx + Uh).relu()}


@torch.no_grad()
def sums(cell: nn.RNNBase, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """W x_t + b and U h_{t-1} + b' of all gates, (N, T, gates * H): torch keeps a bias for each of the two."""
    W, U, b, b_ = cells.weights(cell)
    return nn.functional.linear(x, W, b), nn.functional.linear(before, U, b_)


# ---------------------------------------------------------------------- the experiment


class Experiment:
    """One step draws a batch of new sequences and updates all three cells on it, each with an optimiser of its own.

    With long sequences or wide cells one step updates one cell, and the next step the next one, on the same batch of
    half the size: nobody else on the bench should have to wait.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.task = task_of(config)
        self.readers: dict[str, Reader] = {}
        for kind in CELLS:
            reader = Reader(kind, self.task.inputs, self.task.outputs, config.units)
            cells.initialise(reader, generator(config.seed, f"weights/{kind}"), forget_bias=config.forget_bias,
                                 recurrent_scale=config.recurrent_scale)  # fmt: skip
            self.readers[kind] = reader.to(self.device)
        self.model = nn.ModuleDict(self.readers)
        self.optimisers = {
            kind: optim.make(config.optimiser, reader.parameters(), config.learning_rate, fused=True)
            for kind, reader in self.readers.items()
        }
        self.losses: dict[str, list[float]] = {kind: [] for kind in CELLS}  # of the last updates
        self.norms = dict.fromkeys(CELLS, 0.0)  # of the last gradient, before clipping
        shown = self.task.draw(SHOWN, generator(config.seed, "shown"), test=True)
        self.shown = tasks.Batch(shown.x.to(self.device), shown.y.to(self.device))

    @property
    def turns(self) -> int:
        """Steps that one update of all three cells takes."""
        return 1 if self.config.length <= AT_ONCE[0] and self.config.units <= AT_ONCE[1] else len(CELLS)

    def step(self) -> dict[str, float]:
        number, turn = divmod(self.step_count, self.turns)
        count = BATCH[self.config.task] // (1 if self.turns == 1 else 2)
        batch = self.task.draw(count, generator(self.config.seed, f"batch/{number}"))
        x, y = batch.x.to(self.device), batch.y.to(self.device)
        with denormals_as_zero():  # gradients vanish here: they would cost half of the time
            for kind in CELLS if self.turns == 1 else [tuple(CELLS)[turn]]:
                self._learn(kind, x, y)
        self.step_count += 1
        metrics = {f"loss_{kind}": sum(losses) / len(losses) for kind, losses in self.losses.items() if losses}
        return metrics | {f"gradient_{kind}": self.norms[kind] for kind, losses in self.losses.items() if losses}

    def _learn(self, kind: str, x: Tensor, y: Tensor) -> None:
        reader, optimiser = self.readers[kind], self.optimisers[kind]
        loss = tasks.loss(self.task, reader(x), y)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        limit = self.config.clip or float("inf")
        self.norms[kind] = float(nn.utils.clip_grad_norm_(reader.parameters(), limit))  # Pascanu et al. 2013
        self.losses[kind] = [*self.losses[kind][1 - SMOOTH :], loss.item()]
        optimiser.step()

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        with denormals_as_zero():
            return look(self, gates, sums)

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimisers' averages, last losses, number of steps; batches follow from seed and step."""
        return {
            "step_count": self.step_count, "losses": copied(self.losses), "norms": dict(self.norms),
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "optimisers": {kind: copied(o.state_dict()["state"]) for kind, o in self.optimisers.items()},
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count = state["step_count"]
        self.losses, self.norms = copied(state["losses"]), dict(state["norms"])
        self.model.load_state_dict(state["model"])
        for kind, optimiser in self.optimisers.items():
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": copied(state["optimisers"][kind]), "param_groups": groups})

    @property
    def alphabet(self) -> Alphabet | None:
        """The characters of the text that is learned, if there is one."""
        return self.task.alphabet if isinstance(self.task, tasks.NextCharacter) else None
