"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.contract.states import copied
from engine.labs.grokking.config import Config
from engine.labs.grokking.fourier import circles, fourier_power, restricted
from engine.labs.grokking.frame import Frame, frame
from engine.labs.grokking.grid import Grid
from engine.labs.grokking.networks import Network, build
from engine.labs.grokking.tables import phases, split, table
from engine.nets import optim

__all__ = ["Config", "Experiment", "Frame", "fourier_power", "restricted", "table"]

KEYS = 5  # of the strongest frequencies together we ask what they would answer alone


class Experiment:
    """One step is one step of the optimiser on all cells that are shown.

    Network i of the stack is the network that a run with seed + i trains alone.  Metrics are the mean over the
    networks; with more than one, ``*_low`` and ``*_high`` hold 80 % of them.

    In the phase picture all networks of the stack begin with the weights of ``seed``, and its `Grid` says what each is
    shown and how it is shrunk.  What looks at one network looks at that of the cell chosen.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        cells = table(config.operation, config.p, bits=config.bits)
        self.a, self.b, self.c = (t.to(device) for t in cells)  # (N,)
        self.grid = Grid(config, (self.a, self.b, self.c), self.device) if config.trained == "phases" else None
        self.train, self.new = (t.to(device) for t in split(config.elements, config.train_share, config.data_seed))
        self.shown_cells = tuple(t[self.train] for t in (self.a, self.b, self.c))  # (M,) each

        rows, hour, self.hours = phases(config.operation, config.p)
        self.rows, self.hour = rows.to(device), hour.to(device)
        self.pairs = self._on_the_clock()

        of_seeds = range(config.seed, config.seed + config.seeds)
        self.networks = of_seeds if self.grid is None else [config.seed] * len(self.grid.decay)
        self.stack = build(config, self.networks, device)
        self.optimiser = optim.make(
            config.optimiser, self.stack.parameters(), config.learning_rate,
            **self._decay(), **({"betas": (0.9, 0.98)} if config.optimiser in ("adamw", "adam") else {}),
            **({"fused": True} if config.optimiser in ("adamw", "adam") and self.device.type == "cpu" else {}),
        )  # fmt: skip
        self.each = [self.stack.one(i) for i in range(len(self.networks))]
        self._choose()
        self._answer()

    def _choose(self) -> None:
        """Look at the network that is to be shown, and, in the phase picture, at what it is shown itself."""
        self.model = self.each[self.shown]
        if self.grid is not None:
            self.train, self.new = self.grid.masks[self.shown % len(self.grid.masks)]

    def _answer(self) -> None:
        """In the phase picture: what all networks answer now, which is also where the next step begins."""
        if self.grid is not None:
            logits = self.grid.logits(self.stack)
            self.losses = (self._cost(logits, self.grid.c) * self.grid.train).sum(-1)  # (S,)
            self.grid.see(logits.detach())

    def _decay(self) -> dict[str, float]:
        return {"weight_decay": self.config.weight_decay if self.grid is None else 0.0}

    def _on_the_clock(self) -> tuple[Tensor, Tensor, Tensor]:
        """Which cells have a phase for both a and b, (n,) indices, and the two phases, whose sum answers, (n,) each."""
        hour = torch.full((self.config.elements,), -1, device=self.device)
        hour[self.rows] = self.hour
        of_a, of_b = hour[self.a], hour[self.b]
        on = ((of_a >= 0) & (of_b >= 0)).nonzero()[:, 0]
        sign = -1 if self.config.operation == "a-b" else 1
        return on, of_a[on], sign * of_b[on] % max(1, self.hours)

    def step(self) -> dict[str, float]:
        if self.grid is not None:
            return self._step_of_all(self.grid)
        a, b, c = self.shown_cells
        loss = self._cost(self.stack(a, b), c).mean(-1).sum()  # networks do not touch each other
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.step_count += 1
        return self._metrics()

    def _step_of_all(self, grid: Grid) -> dict[str, float]:
        self.losses.sum().backward()  # type: ignore[no-untyped-call]  # networks do not touch each other
        grid.shrink(self.stack.parameters(), self.config.learning_rate)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.step_count += 1
        self._answer()
        grid.remember(self.step_count)
        # One network may diverge where its decay times the learning rate is above 2, and the others go on.
        return {**grid.metrics(), "train_loss": float(self.losses.detach().nanmedian())}

    def _cost(self, logits: Tensor, c: Tensor) -> Tensor:
        """The loss of each cell's logits, (..., N, K) to (..., N)."""
        if self.config.loss == "squared":
            return (logits - F.one_hot(c, logits.shape[-1])).square().sum(-1)
        right = logits.gather(-1, c.expand(logits.shape[:-1])[..., None])[..., 0]
        return logits.logsumexp(-1) - right

    @torch.no_grad()
    def _metrics(self) -> dict[str, float]:
        scores = [self._scores(network) for network in self.each]  # one after the other: each fits into the cache
        names = list(scores[0])
        values = torch.stack([torch.stack(list(found.values())) for found in scores]).cpu().numpy().astype(float)
        metrics = dict(zip(names, values.mean(0).tolist(), strict=True))
        if len(scores) > 1:
            low, high = np.sort(values, axis=0)[[len(scores) // 10, -1 - len(scores) // 10]].tolist()
            metrics |= {f"{name}_low": value for name, value in zip(names, low, strict=True)}
            metrics |= {f"{name}_high": value for name, value in zip(names, high, strict=True)}
        return metrics

    def _scores(self, network: Network) -> dict[str, Tensor]:
        """Of one network: accuracies, losses, the norm of its weights; and what its key frequencies alone would get.

        The frequencies alone are asked about cells that are new in both orders: ``key_accuracy`` fits them on these
        cells only, ``customary_accuracy`` on the whole table.
        """
        logits = network.read(network.everywhere())
        right = (logits.argmax(-1) == self.c).float()
        cost, train, other = self._cost(logits, self.c), self.train, ~self.train
        scores = {
            "train_accuracy": _mean(right[train]), "test_accuracy": _mean(right[other]),
            "new_accuracy": _mean(right[self.new]), "train_loss": _mean(cost[train]), "test_loss": _mean(cost[other]),
            "norm": torch.stack([p.square().sum() for p in network.parameters()]).sum().sqrt(),
        }  # fmt: skip
        if self.hours:
            _, shares = circles(network.rows[self.rows], self.hour, self.hours)
            strongest, keys = shares.topk(min(KEYS, len(shares)))
            scores["key_share"] = strongest.sum().to(logits.dtype)
            scores |= self._from_keys(logits, keys + 1)
        return scores

    def _from_keys(self, logits: Tensor, keys: Tensor) -> dict[str, Tensor]:
        on, a, b = self.pairs
        new, logits, c = self.new[on], logits[on], self.c[on]
        alone = restricted(logits[new], a[new], b[new], keys, self.hours)
        customary = restricted(logits, a, b, keys, self.hours)[new]
        return {name: _mean((found.argmax(-1) == c[new]).float())
                for name, found in (("key_accuracy", alone), ("customary_accuracy", customary))}  # fmt: skip

    @property
    def shown(self) -> int:
        """Which network of the stack is shown."""
        if self.grid is not None:
            return self.config.cell
        return min(self.config.shown, self.config.seeds - 1)

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        self._choose()
        self._tell_optimiser()

    def _tell_optimiser(self) -> None:
        for group in self.optimiser.param_groups:
            group |= {"lr": self.config.learning_rate, **self._decay()}

    def state_dict(self) -> dict[str, Any]:
        """Weights of all networks, the optimiser's averages, and the number of the step."""
        return {
            "step_count": self.step_count, "optimiser": copied(self.optimiser.state_dict()["state"]),
            "stack": {name: tensor.clone() for name, tensor in self.stack.state_dict().items()},
            **({} if self.grid is None else {"grid": self.grid.state_dict()}),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count = state["step_count"]
        self.stack.load_state_dict(state["stack"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})
        self._tell_optimiser()
        if self.grid is not None:
            self.grid.load_state_dict(state["grid"])
        self._answer()

    @torch.no_grad()
    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        config, model = self.config, self.model
        return frame(
            model, self.c, train=self.train, scores=self._scores(model), operation=config.operation,
            elements=config.elements, rows=self.rows, hour=self.hour, hours=self.hours, frequency=config.frequency,
            bits=config.bits, phases=None if self.grid is None else self.grid.picture(),
        )  # fmt: skip


def _mean(values: Tensor) -> Tensor:
    """The mean; 0 of nothing."""
    return values.mean() if len(values) else values.new_zeros(())
