"""Knobs of every kind, for tests of widgets and links that need no lab."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from engine import Config, ConfigError
from engine.contract.knobs import knob


@dataclass(frozen=True)
class Small(Config):
    """One knob of each kind."""

    rate: float = knob(0.01, low=1e-5, high=10.0, log=True, live=True, help="Size of a step.")
    decay: float = knob(0.0, low=0.0, high=1.0, log=True)
    share: float = knob(0.5, low=0.1, high=0.9)
    width: int = knob(8, low=1, high=64)
    batch: int = knob(10, low=1, high=1000, log=True)
    clip: bool = knob(False, help="Cut long gradients.")
    limit: float = knob(1.0, low=0.1, high=10.0, when="clip=1")
    shape: str = knob("ring", choices=("ring", "moons", "xor"))
    method: str = knob("adam", choices=("sgd", "adam", "rmsprop", "adagrad", "lion", "lamb", "nadam"))
    inputs: tuple[str, ...] = knob(("x", "y"), choices=("x", "y", "xx", "yy"), length=(1, 4))
    hidden: tuple[int, ...] = knob((4, 2), low=1, high=64, length=(0, 4))
    note: str = knob("", length=(0, 50))

    def check(self) -> None:
        if self.shape == "xor" and self.width == 64:
            raise ConfigError("width", self.width, "xor takes fewer than 64")

    def settle(self, turned: str) -> Self:
        """Lion wants small steps; xor brings a width that it takes."""
        if turned == "method" and self.method == "lion":
            return replace(self, rate=min(self.rate, 0.003), hidden=self.hidden[:1])
        return replace(self, width=32) if turned == "shape" and self.shape == "xor" and self.width == 64 else self
