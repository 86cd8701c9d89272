"""The knobs, and what they must not be together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from engine.contract.bounds import patience
from engine.contract.knobs import Config as LabConfig
from engine.contract.knobs import ConfigError, knob
from engine.labs.gradient_descent.surfaces import SURFACES, Surface, find
from engine.nets.optimiser_names import ELEMENTWISE, NAMES, title

BATCH = {"full": None, "mini-batch": 32, "one sample": 1}
TIMES = {"standard": 1, "large": 4}  # as many starts along each side as `starts` says
LONGEST = 60.0  # milliseconds that a step of the grid may take


def _rate(name: str, default: float) -> Any:
    label = title(name)
    return knob(
        default, low=1e-5, high=10.0, log=True, live=True, group="learning rates", when=f"optimisers={name}",
        label=label[0].upper() + label[1:], called=f"learning rate of {label}",
        help=f"Learning rate of {label}: the length of a step, compared with what drives it.",
    )  # fmt: skip


def fitting(surface: Surface, *, rows: int, milliseconds: float) -> int:
    """How many starts along each side one core moves, and looks at, in about so many milliseconds each (torch 2.13).

    `rows` of data stand behind the loss.
    """
    moving, looking = 2e-4 + 2.7e-5 * rows, 5e-5 + 1.4e-5 * len(surface.ends)  # milliseconds for each start
    return math.isqrt(int(milliseconds / max(moving, looking)))


@dataclass(frozen=True)
class Config(LabConfig):
    surface: str = knob(
        "quadratic", choices=tuple(SURFACES), titles=[name.replace("_", " ").capitalize() for name in SURFACES],
        group="surface", help="The loss, as a landscape over two parameters.",
    )  # fmt: skip
    condition: float = knob(
        20.0, low=1.0, high=1000.0, log=True, group="surface", when="surface=quadratic",
        label="Steepest / flattest curvature L/m",
        help="Largest curvature L divided by the smallest, m = 1: how narrow the ravine is.",
    )  # fmt: skip
    angle: float = knob(
        60.0, low=0.0, high=90.0, group="surface", when="surface=quadratic",
        help="Degrees by which the ravine is turned away from the axes. Methods that scale each coordinate notice.",
    )  # fmt: skip
    start_x: float = knob(
        -1.5, low=-6.0, high=6.0, group="start and noise",
        help="First parameter at the start. A click on the map sets it.",
    )  # fmt: skip
    start_y: float = knob(
        2.0, low=-6.0, high=6.0, group="start and noise",
        help="Second parameter at the start. A click on the map sets it.",
    )  # fmt: skip
    noise: float = knob(
        0.0,
        low=0.0,
        high=200.0,
        live=True,
        group="start and noise",
        help="Standard deviation of noise added to the gradient.",
    )
    batch: str = knob(
        "full", choices=tuple(BATCH), live=True, group="start and noise", when="surface=diabetes",
        help="How many of the 442 patients each gradient looks at: all, 32, or one.",
    )  # fmt: skip
    optimisers: tuple[str, ...] = knob(
        ("gradient_descent", "momentum"), choices=NAMES, length=(1, len(NAMES)),
        titles=[title(name) for name in NAMES],
        group="optimisers",
        help="Who takes part. Muon is for matrices only: it can run on diabetes, whose weights are a 1×2 matrix.",
    )  # fmt: skip
    lr_gradient_descent: float = _rate("gradient_descent", 0.09)
    lr_momentum: float = _rate("momentum", 0.02)
    lr_nesterov: float = _rate("nesterov", 0.02)
    lr_adagrad: float = _rate("adagrad", 0.5)
    lr_rmsprop: float = _rate("rmsprop", 0.02)
    lr_adam: float = _rate("adam", 0.1)
    lr_adamw: float = _rate("adamw", 0.1)
    lr_adamax: float = _rate("adamax", 0.1)
    lr_nadam: float = _rate("nadam", 0.1)
    lr_lamb: float = _rate("lamb", 0.05)
    lr_lion: float = _rate("lion", 0.02)
    lr_muon: float = _rate("muon", 0.02)
    lr_sam: float = _rate("sam", 0.05)
    momentum: float = knob(
        0.9, low=0.0, high=0.999, live=True, group="learning rates", when="optimisers=momentum|nesterov",
        label="Momentum β",
        help="Share β of the last step's velocity that momentum and Nesterov keep; 0 is plain gradient descent.",
    )  # fmt: skip
    weight_decay: float = knob(
        0.01, low=0.0, high=1.0, live=True, group="learning rates", when="optimisers=adamw|lamb|lion|muon",
        help="How strongly AdamW, LAMB, Lion and Muon pull both parameters towards zero.",
    )  # fmt: skip
    rho: float = knob(
        0.05, low=0.0, high=1.0, live=True, group="learning rates", when="optimisers=sam", label="SAM's radius ρ",
        help="How far SAM climbs before it looks at the gradient.",
    )  # fmt: skip
    basins: bool = knob(
        False, group="many starts", help="Also run a grid of starts, and colour each by the minimum it ends in."
    )
    basins_by: str = knob(
        "gradient_descent", choices=ELEMENTWISE, group="many starts", when="basins=1",
        help="The optimiser that runs from every start, with its own learning rate above.",
    )  # fmt: skip
    starts: int = knob(
        24, low=4, high=256, group="many starts", when="basins=1", help="Starts along each side of the grid."
    )
    size: str = knob(
        "standard", choices=tuple(TIMES), group="many starts", when="basins=1",
        help="Large has 4 times as many starts along each side of the grid, 16 times as many in all. It is meant for a "
        "server with a GPU; without one it goes on more slowly.",
    )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """Another surface brings a start, and a learning rate at which gradient descent does not fly out at once."""
        if turned != "surface":
            return self
        (x, y), rate = self.landscape.start, self.landscape.rate
        return replace(self, start_x=x, start_y=y, lr_gradient_descent=float(f"{rate:.2g}"))

    @property
    def landscape(self) -> Surface:
        return find(self.surface, condition=self.condition, angle=self.angle)

    @property
    def rail(self) -> float:
        """How far the learning rate of gradient descent is slid in the picture: twice the edge of the bowl."""
        return float(f"{(2 if self.surface == 'quadratic' else 4) * self.landscape.rate / 0.9:.2g}")

    def check(self) -> None:
        if "muon" in self.optimisers and self.surface != "diabetes":
            raise ConfigError(
                "optimisers", self.optimisers,
                "Muon is for matrices only; choose the surface diabetes, whose two weights are a 1×2 matrix, "
                "or leave muon out",
            )  # fmt: skip
        rows = 442 if self.surface == "diabetes" else 1
        if self.basins and self.side > (
            fits := fitting(SURFACES[self.surface], rows=rows, milliseconds=patience(LONGEST))
        ):
            large = self.size == "large"
            raise ConfigError(
                "size" if large else "starts", self.size if large else self.starts,
                f"steps of {self.side} × {self.side} starts on this surface would hold up everybody else on this "
                f"server; {fits} along each side are allowed. Lower starts to {fits // TIMES[self.size]}"
                + (", or take the standard size" if large else ""),
            )  # fmt: skip

    @property
    def side(self) -> int:
        """Starts along each side of the grid."""
        return TIMES[self.size] * self.starts
