"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.state_space.config import SELECTS, Config
from engine.labs.state_space.frame import Frame, frame
from engine.labs.state_space.layers import Network
from engine.labs.state_space.systems import as_matrix, convolve, discretise, hippo, kernel
from engine.labs.state_space.tasks import HELD_OUT, batch

__all__ = ["Config", "Experiment", "Frame", "as_matrix", "batch", "convolve", "discretise", "hippo", "kernel"]

WARM_UP = 50  # steps in which the learning rate rises to its own
MEAN = 16  # steps over which shares right are averaged: of unseen sequences, except of digits and a text
EVERY = 20  # steps between two looks at longer sequences
TIMES = (2, 4)  # as long as those trained on
ASKED = 32  # longer sequences


class Experiment:
    """One step is one batch, for the network and, if there is one, for the control beside it.

    Metrics: ``loss`` and ``accuracy`` (share right of what is asked, mean of the last `MEAN` batches); of the first
    layer, if it selects, the geometric means of the step sizes of its most selective head at what must be kept and at
    the rest (``dt_kept``, ``dt_rest``); and every `EVERY` steps the share right on sequences two and four times as long
    (``long_2``, ``long_4``), and on digits, or windows of a text, held out (``test_accuracy``).  The control's have
    ``control_`` before them.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        kinds = {"": config.layer} | ({} if config.control == "none" else {"control_": config.control})
        self.networks = {prefix: Network(config, kind) for prefix, kind in kinds.items()}
        for prefix, network in self.networks.items():
            network.initialise(generator(config.seed, f"{prefix}weights"))
            network.to(self.device)
        self.model = self.networks[""]
        self.optimisers = {
            prefix: torch.optim.AdamW(network.parameters(), lr=config.learning_rate, betas=(0.9, 0.98),
                                      weight_decay=0.01, fused=self.device.type in ("cpu", "cuda"))
            for prefix, network in self.networks.items()
        }  # fmt: skip
        self.recent = {prefix: deque[float](maxlen=MEAN) for prefix in self.networks}
        self.rare: dict[str, float] = {}
        self.tests = self._tests()

    def _tests(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """The sequences that a network is tried on now and then, by the metric that is measured on them."""
        config = self.config
        dice = generator(config.seed, "tests")
        if config.task == "digits":
            found = {"test_accuracy": batch("digits", dice, count=HELD_OUT, length=0, kept=0, held_out=True)}
        else:
            found = {f"long_{times}": batch(config.task, dice, count=ASKED, length=times * config.length,
                                            kept=config.kept, held_out=True) for times in TIMES}  # fmt: skip
        if config.task == "text":
            found["test_accuracy"] = batch("text", dice, count=ASKED, length=config.length, kept=0, held_out=True)
        return {name: (x.to(self.device), y.to(self.device), asked.to(self.device))
                for name, (x, y, asked) in found.items()}  # fmt: skip

    def step(self) -> dict[str, float]:
        config = self.config
        stream = generator(config.seed, f"batch/{self.step_count}")
        drawn = batch(config.task, stream, count=config.batch_size, length=config.length, kept=config.kept)
        x, targets, asked = (t.to(self.device) for t in drawn)
        self._tell_optimisers()
        metrics: dict[str, float] = {}
        for prefix, network in self.networks.items():
            logits = network(x)[asked]
            loss = F.cross_entropy(logits, targets[asked])
            self.optimisers[prefix].zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimisers[prefix].step()
            right = float((logits.detach().argmax(-1) == targets[asked]).float().mean())
            self.recent[prefix].append(right)
            metrics[f"{prefix}loss"] = float(loss.detach())
            metrics[f"{prefix}accuracy"] = sum(self.recent[prefix]) / len(self.recent[prefix])
        self.step_count += 1
        if self.step_count % EVERY == 0 or self.step_count == 1:
            self.rare = self._rare(x, asked)
        return metrics | self.rare

    @torch.no_grad()
    def _rare(self, x: Tensor, asked: Tensor) -> dict[str, float]:
        found = {}
        for prefix, network in self.networks.items():
            for name, (inputs, targets, at) in self.tests.items():
                found[f"{prefix}{name}"] = float((network(inputs).argmax(-1) == targets)[at].float().mean())
        if self.config.layer in SELECTS and self.config.task != "digits":
            found |= self._step_sizes(x, asked)
        return found

    def _step_sizes(self, x: Tensor, asked: Tensor) -> dict[str, float]:
        """The geometric means of the first layer's steps, at what must be kept and at the rest, of its best head."""
        layer: Any = self.model.layers[0]
        logs = layer.selected(layer.norm(self.model.read(x)))[1].log()  # (B, T, H)
        if self.config.task == "text":
            asked = torch.zeros_like(asked)
        telling = self.model.telling(x) & ~asked
        kept, rest = logs[telling].mean(0), logs[~telling & ~asked].mean(0)  # (H,)
        best = (kept - rest).argmax()
        return {"dt_kept": float(kept[best].exp()), "dt_rest": float(rest[best].exp())}

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config

    def _tell_optimisers(self) -> None:
        rate = self.config.learning_rate * min(1.0, (self.step_count + 1) / WARM_UP)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimisers' averages, what metrics look back on, and the number of the step."""
        return {
            "step_count": self.step_count, "rare": dict(self.rare),
            "recent": {prefix: list(values) for prefix, values in self.recent.items()},
            "optimisers": {prefix: copied(optimiser.state_dict()["state"])
                           for prefix, optimiser in self.optimisers.items()},
            "networks": {prefix: {name: tensor.clone() for name, tensor in network.state_dict().items()}
                         for prefix, network in self.networks.items()},
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.rare = state["step_count"], dict(state["rare"])
        for prefix, network in self.networks.items():
            network.load_state_dict(state["networks"][prefix])
            self.recent[prefix] = deque(state["recent"][prefix], maxlen=MEAN)
            optimiser = self.optimisers[prefix]
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": copied(state["optimisers"][prefix]), "param_groups": groups})

    @torch.no_grad()
    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return frame(config=self.config, networks=self.networks, device=self.device)
