"""What the optimisers are called and how that is written; `engine.nets.optim` makes them."""

from __future__ import annotations

TITLES = {
    "gradient_descent": "gradient descent", "momentum": "momentum", "nesterov": "Nesterov", "adagrad": "Adagrad",
    "rmsprop": "RMSProp", "adam": "Adam", "adamw": "AdamW", "adamax": "Adamax", "nadam": "NAdam", "lamb": "LAMB",
    "lion": "Lion", "muon": "Muon", "sam": "SAM",
}  # fmt: skip
NAMES: tuple[str, ...] = tuple(TITLES)
"""Every optimiser that `optim.make` knows."""
WITH_MOMENTUM = ("momentum", "nesterov")
"""Those that take `momentum`."""
ELEMENTWISE: tuple[str, ...] = tuple(name for name in NAMES if name not in ("lamb", "muon", "sam"))
"""Those that treat each number by itself, so that many networks stacked in one tensor train as if each were alone."""


def title(name: str) -> str:
    """How the optimiser called `name` is written."""
    return TITLES.get(name, name)
