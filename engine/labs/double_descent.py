"""Can a bigger model overfit less?

The classical answer is a U: a model that is too small misses what is there, one that is too large learns the noise by
heart.  Make it larger still, and the test error falls again.  Watch where the peak stands, what the fit looks like
there and beyond, how large its coefficients grow, and what a little ridge does to it.  Every point on the curve is a
model fitted from scratch, for all seeds at once.

References: Belkin, Hsu, Ma, Mandal, "Reconciling modern machine-learning practice and the classical bias-variance
trade-off", PNAS 2019; Belkin, Hsu, Xu, "Two models of double descent for weak features", 2020; Nakkiran et al., "Deep
double descent", 2020; Hastie et al., "Surprises in high-dimensional ridgeless least squares interpolation", 2022;
Heckel and Yilmaz, "Early stopping in deep networks: double descent and how to eliminate it", 2021.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import two_speeds
from engine.feature_maps import Problem
from engine.lab import Config as BaseConfig
from engine.lab import ConfigError, knob
from engine.sweeps import NUMBERS, AcrossWidth, Point, Sweep
from engine.trained_widths import AcrossTraining, network_threshold
from engine.two_speeds import AcrossEpochs, TwoSpeeds

if TYPE_CHECKING:
    import pandas as pd

GOES_WITH = {
    "fourier": ("digits", "curve"), "relu": ("digits", "curve"), "legendre": ("curve",),
    "gaussian_subset": ("gaussian",), "network": ("digits", "curve"),
}  # fmt: skip
TIMES = {"standard": 1, "large": 3}  # as many samples, and with them features
FITS = 60_000  # samples x widths x seeds: what is kept, so that the ridge can be turned at once
MOST = 300  # samples of a large problem that is solved exactly: one decomposition is one step
COEFFICIENTS = {"standard": 400_000, "large": 900_000}  # samples x features of the widest model
NEURONS = {"standard": 400_000, "large": 600_000}  # samples x seeds x hidden neurons of the widest network

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Config(BaseConfig):
    across: str = knob(
        "width", choices=("width", "epochs"), titles=("Width", "Epochs"), group="model",
        help="What grows from left to right: the model, or how long one model is trained.",
    )  # fmt: skip
    model: str = knob(
        "fourier", choices=tuple(GOES_WITH), group="model", when="across=width",
        titles=("Random Fourier features", "Random relu features", "Legendre polynomials", "Subset of Gaussian inputs",
                "Two-layer network, trained"),
        help="What is made wider. All but the network are fitted exactly: of all solutions, the smallest.",
    )  # fmt: skip
    ridge: float = knob(
        0.0, low=0.0, high=100.0, log=True, live=True, group="model",
        help="Price λ of large coefficients. At zero, the smallest of all solutions is taken.",
    )  # fmt: skip
    data: str = knob(
        "digits", choices=("digits", "curve", "gaussian"), titles=("Digits", "Curve", "Gaussian"), group="data",
        when="across=width", help="What is to be learned: handwritten digits, a curve, or a linear rule.",
    )  # fmt: skip
    samples: int = knob(100, low=10, high=200, group="data", help="Number n of training samples.")
    size: str = knob("standard", choices=tuple(TIMES), group="data", help="Large has 3 times the training samples, and "
                     "so 3 times the features at every multiple of the threshold. It is meant for a server with a GPU; "
                     "without one it goes on more slowly.")  # fmt: skip
    noise: float = knob(
        0.0, low=0.0, high=1.0, group="data",
        help="Digits: share of the training labels that are wrong. Otherwise: standard deviation of the label noise.",
    )  # fmt: skip
    narrowest: float = knob(
        0.05, low=0.01, high=0.9, log=True, group="widths", when="across=width",
        help="The first width, as a multiple of the threshold, where parameters = samples.",
    )  # fmt: skip
    widest: float = knob(
        10.0, low=1.2, high=30.0, log=True, group="widths", when="across=width",
        help="The last width, as a multiple of the threshold.",
    )  # fmt: skip
    widths: int = knob(22, low=5, high=60, group="widths", label="Points on the curve",
                       help="Number of widths, or of epochs looked at.")  # fmt: skip
    seeds: int = knob(5, low=1, high=20, group="run", help="Repetitions, each with samples and features of its own.")

    def check(self) -> None:
        fitting = GOES_WITH[self.model]
        if self.across == "width" and self.data not in fitting:
            title = self.knobs()["model"].title(self.model)
            words = " or ".join(self.knobs()["data"].title(name) for name in fitting)
            raise ConfigError("data", self.data, f"{title} goes with data: {words}")
        n, trained = self.n, self.across == "width" and self.model == "network"
        if self.size == "large" and not trained:
            words = "would make everybody else here wait"
            if n > MOST:
                allowed = f"to solve for {n} samples {words}; take at most {MOST // TIMES['large']}, which makes {MOST}"
                raise ConfigError("size", self.size, allowed)
            if self.across == "width" and self.model == "legendre":
                allowed = f"so many polynomials {words}; take random Fourier features, which learn the same curve"
                raise ConfigError("size", self.size, allowed)
        if n * self.widths * self.seeds > FITS:
            allowed = f"with {n} samples and {self.seeds} seeds at most {FITS // n // self.seeds}"
            raise ConfigError("widths", self.widths, f"{allowed} points are kept at hand")
        if trained:
            most = NEURONS[self.size] / n / self.seeds / (n / (7.5 if self.data == "digits" else 3))
            if self.widest > most:
                allowed = f"with {n} samples and {self.seeds} seeds it is at most {most:.3g} thresholds"
                raise ConfigError("widest", self.widest, allowed)
        elif self.across == "width":
            most = COEFFICIENTS[self.size] / n**2
            if self.widest > most:
                raise ConfigError("widest", self.widest, f"with {n} samples it is at most {most:.3g} times n")

    @property
    def n(self) -> int:
        """The number of training samples."""
        return TIMES[self.size] * self.samples


@dataclass(frozen=True)
class Frame:
    """W points of the curve, so far, for S seeds.  `kind` says what ``answers`` (W, ...) are about.

    "digits": of the first seed about ten test pictures, (W, 10, 10), with their ``truth`` (10,) and ``pictures``.
    "curve": of all seeds along the curve, (W, S, G); ``truth`` (G, 2) is the curve, ``train_points`` (n, 2) are those
    of the first seed.  "coefficients": of the first seed, (W, D), and the true ones in ``truth`` (D,).
    """

    step: int
    across: str
    kind: str
    planned: NDArray[np.int64]  # (P,) every width, or epoch, that will be looked at
    stops: NDArray[np.int64]  # (W,) those that have been
    part: float  # share of the next one that is done
    train_error: Array  # (W, S), squared error
    test_error: Array  # (W, S)
    norm: Array  # (W, S), of the coefficients
    rank: Array  # (W, S), of the training features
    smallest: Array  # (W, S), the smallest singular value of the features that is not zero
    wrong: Array  # (W, S), share of test pictures taken for another digit; zero for other data
    good_ridge_error: Array  # (W, S), test error with the ridge that turns out best; only if exact
    parts: Array  # (W, 2), error due to fast and to slow inputs, mean over seeds; zero across width
    threshold: float  # width with as many parameters as samples; NaN across epochs
    full_rank: float  # first width at which the training features of every seed have rank n; NaN before
    theory_at: NDArray[np.float64]  # (T,)
    theory: NDArray[np.float64]  # (T,), infinite at the threshold; empty where there is none
    answers: Array
    truth: Array
    pictures: Array  # (10, 8, 8), or none
    train_points: Array  # (n, 2), or none


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
        stops, done = self.sweep.stops, len(self.points)
        numbers = np.zeros((done, self.config.seeds, len(NUMBERS)), dtype=np.float32)
        for k, point in enumerate(self.points):
            numbers[k] = point.numbers
        found = dict(zip(NUMBERS, numbers.transpose(2, 0, 1), strict=True))  # each (W, S)
        full = (found["rank"] >= self.config.n).all(axis=1)
        k, part = self.plan[min(self.step_count, len(self.plan) - 1)]
        at, theory = self.sweep.theory(self.config.ridge)
        setting = self.sweep.setting()
        answers = np.zeros((done, *setting.shape), dtype=np.float32)
        for i, point in enumerate(self.points):
            answers[i] = point.answers
        return Frame(
            step=self.step_count,
            across=self.config.across,
            kind=setting.kind,
            planned=np.array(stops),
            stops=np.array(stops[:done]),
            part=0.0 if self.done else part / self.sweep.parts(k),
            train_error=found["train_error"],
            test_error=found["test_error"],
            norm=found["norm"],
            rank=found["rank"],
            smallest=found["smallest"],
            wrong=found["wrong"],
            good_ridge_error=found["good_ridge_error"],
            parts=np.stack([found["fast"].mean(axis=1), found["slow"].mean(axis=1)], axis=1),
            threshold=self.sweep.threshold,
            full_rank=float(stops[int(full.argmax())]) if full.any() else math.nan,
            theory_at=np.array(at, dtype=float),
            theory=np.array(theory, dtype=float),
            answers=answers,
            truth=setting.truth,
            pictures=setting.pictures,
            train_points=setting.train_points,
        )
