"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob

GOES_WITH = {
    "fourier": ("digits", "curve"), "relu": ("digits", "curve"), "legendre": ("curve",),
    "gaussian_subset": ("gaussian",), "network": ("digits", "curve"),
}  # fmt: skip
TIMES = {"standard": 1, "large": 3}  # as many samples, and with them features
FITS = 60_000  # samples x widths x seeds: what is kept, so that the ridge can be turned at once
MOST = 300  # samples of a large problem that is solved exactly: one decomposition is one step
COEFFICIENTS = {"standard": 400_000, "large": 900_000}  # samples x features of the widest model
NEURONS = {"standard": 400_000, "large": 600_000}  # samples x seeds x hidden neurons of the widest network


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
            most = patience(NEURONS[self.size]) / n / self.seeds / (n / (7.5 if self.data == "digits" else 3))
            if self.widest > most:
                allowed = f"with {n} samples and {self.seeds} seeds it is at most {most:.3g} thresholds"
                raise ConfigError("widest", self.widest, allowed)
        elif self.across == "width":
            most = patience(COEFFICIENTS[self.size]) / n**2
            if self.widest > most:
                raise ConfigError("widest", self.widest, f"with {n} samples it is at most {most:.3g} times n")

    def settle(self, turned: str) -> Self:
        """A model brings along data that it takes."""
        fitting = GOES_WITH[self.model]
        return replace(self, data=fitting[0]) if turned == "model" and self.data not in fitting else self

    @property
    def n(self) -> int:
        """The number of training samples."""
        return TIMES[self.size] * self.samples
