"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import knob


@dataclass(frozen=True)
class Config(BaseConfig):
    points: int = knob(40, low=2, high=500, help="How many points there are.")
    noise: float = knob(0.3, low=0.0, high=2.0, help="How far they lie from the true line.")
    learning_rate: float = knob(0.1, low=0.001, high=2.0, log=True, live=True, help="Size of a step.")
    residuals: bool = knob(True, look=True, help="Draw how far each point is from the line.")
