"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.labs.double_descent import two_speeds
from engine.labs.double_descent.config import Config
from engine.labs.double_descent.feature_maps import Problem
from engine.labs.double_descent.frame import Frame, frame
from engine.labs.double_descent.sweeps import NUMBERS, AcrossWidth, Point, Sweep
from engine.labs.double_descent.trained_widths import AcrossTraining, network_threshold
from engine.labs.double_descent.two_speeds import AcrossEpochs, TwoSpeeds

if TYPE_CHECKING:
    import pandas as pd


def min_norm_fit(features: Tensor, targets: Tensor, ridge: float = 0.0) -> Tensor:
    """Weights (w,) or (w, K) that make |features @ weights - targets|² + ridge |weights|² smallest.

    `features` are (n, w), `targets` (n,) or (n, K).  Without a ridge there may be many; this is the one of smallest
    norm, where gradient descent from zero ends: pinv(features) @ targets.
    """
    u, s, vh = torch.linalg.svd(features, full_matrices=False)
    kept = s > s.max() * max(features.shape) * torch.finfo(s.dtype).eps  # the rank of the features
    shrunk = torch.where(kept, s / (s.square() + ridge), 0)
    weights: Tensor = (vh.mT * shrunk) @ (u.mT @ targets)
    return weights


def stops(config: Config, threshold: float) -> list[int]:
    """The widths of a config: the threshold, and others on both sides of it, denser near it."""
    below = math.log(1 / config.narrowest)
    above = math.log(config.widest)
    count = max(2, min(config.widths - 2, round((config.widths - 1) * below / (below + above))))
    left = [-below * (1 - k / count) ** 1.4 for k in range(count)]
    right = [above * (k / (config.widths - 1 - count)) ** 1.4 for k in range(config.widths - count)]
    return sorted({max(1, round(threshold * math.exp(at))) for at in left + right})


def sweep(config: Config, device: torch.device) -> Sweep:
    """The models that a config asks for, not yet fitted."""
    seeds = range(config.seed, config.seed + config.seeds)
    known: dict[str, Any] = {"samples": config.n, "noise": config.noise, "device": device}
    if config.across == "epochs":
        return AcrossEpochs([TwoSpeeds(seed=s, **known) for s in seeds], two_speeds.epochs(config.widths))

    def problem(seed: int, widest: int) -> Problem:
        return Problem(config.data, config.model, widest=widest, seed=seed, **known)

    if config.model == "network":
        problems = [problem(seed, 0) for seed in seeds]
        widths = stops(config, network_threshold(problems[0]))
        return AcrossTraining(problems, widths, seed=config.seed)
    widths = stops(config, config.n)
    return AcrossWidth([problem(seed, widths[-1]) for seed in seeds], widths)


def risk_curve(config: Config) -> pd.DataFrame:
    """Fit everything that `config` asks for: a row for each width and seed.

    Columns: width (across epochs: epoch), seed, train_error, test_error, norm.
    """
    import pandas as pd  # a third of a second, and no page asks for the table

    experiment = Experiment(config)
    while not experiment.done:
        experiment.step()
    first = "width" if config.across == "width" else "epoch"
    rows = [
        {first: stop, "seed": config.seed + i, "train_error": train, "test_error": test, "norm": norm}
        for stop, point in zip(experiment.sweep.stops, experiment.points, strict=True)
        for i, (train, test, norm) in enumerate(point.numbers[:, :3].tolist())
    ]
    return pd.DataFrame(rows)


class Experiment:
    """One step is one width with all its seeds, or a part of it if that would take longer than a slice of time."""

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        # In double precision, which mps does not have; and these matrices are too small to gain from it.
        self.device = torch.device("cpu" if torch.device(device).type == "mps" else device)
        self.config, self.step_count = config, 0
        self.sweep = sweep(config, self.device)
        self.plan = [(k, part) for k in range(len(self.sweep.stops)) for part in range(self.sweep.parts(k))]
        self.points: list[Point] = []

    @property
    def done(self) -> bool:
        return self.step_count >= len(self.plan)

    @property
    def model(self) -> nn.Module:
        """The newest model of the first seed, as a part of the widest one."""
        return self.sweep.model(len(self.points), lambda phi, y: min_norm_fit(phi, y, self.config.ridge))

    def step(self) -> dict[str, float]:
        """The metrics of the newest width that is complete; while a network trains, its loss."""
        if self.done:
            return self._metrics()
        k, part = self.plan[self.step_count]
        loss = self.sweep.work(k, part, self.config.ridge)
        self.step_count += 1
        if part == self.sweep.parts(k) - 1:
            self.points.append(self.sweep.point(k, self.config.ridge))
        return self._metrics() | ({} if math.isnan(loss) else {"loss": loss})

    def _metrics(self) -> dict[str, float]:
        if not self.points:
            return {"ridge": self.config.ridge}
        at = self.sweep.stops[len(self.points) - 1]
        numbers = self.points[-1].numbers
        middle = dict(zip(NUMBERS, np.median(numbers, axis=0).tolist(), strict=True))
        metrics = {self.config.across: float(at), "ridge": self.config.ridge}
        metrics |= {name: middle[name] for name in ("train_error", "test_error", "norm")}
        metrics |= {"test_error_low": float(numbers[:, 1].min()), "test_error_high": float(numbers[:, 1].max())}
        if self.config.across == "width" and self.config.data == "digits":
            metrics["share_wrong"] = middle["wrong"]
        return metrics

    def update(self, config: Config) -> None:
        """Take another ridge: every model that can be solved again is, all at once."""
        self.config.require_live(config)
        changed, self.config = self.config.ridge != config.ridge, config
        if changed and self.sweep.exact:
            self.points = [self.sweep.point(k, config.ridge) for k in range(len(self.points))]

    def state_dict(self) -> dict[str, Any]:
        """The points so far, and what the next step goes on from."""
        points = [(point.numbers.copy(), point.answers.copy()) for point in self.points]
        return {"step_count": self.step_count, "points": points, "sweep": self.sweep.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step_count = state["step_count"]
        self.points = [Point(numbers.copy(), answers.copy()) for numbers, answers in state["points"]]
        self.sweep.load_state_dict(state["sweep"])

    def frame(self) -> Frame:
        """Every point so far.  Nothing is computed: it was when the point was made."""
        k, part = self.plan[min(self.step_count, len(self.plan) - 1)]
        return frame(
            self.points, self.sweep.setting(), config=self.config, step=self.step_count, planned=self.sweep.stops,
            part=0.0 if self.done else part / self.sweep.parts(k), threshold=self.sweep.threshold,
            theory=self.sweep.theory(self.config.ridge),
        )  # fmt: skip
