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
from engine.labs.lstm_gates.cells import CELLS, Reader, gates
from engine.labs.lstm_gates.config import SHOWN, Config
from engine.labs.lstm_gates.frame import Frame, frame
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
            return frame(config=self.config, task=self.task, readers=self.readers, shown=self.shown,
                         steps_per_update=self.turns)  # fmt: skip

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
