"""Why does the learning rate decide everything?

Optimisers race down one loss of two parameters, all from the same point and with the same noise.  Watch what happens at
the edge 2/L, where L is the largest curvature (eigenvalue of the Hessian): just under it gradient descent converges,
just over it every step overshoots further.  In a ravine, where L is much larger than the smallest curvature m, the edge
allows only steps that are far too short along the floor; momentum and per-coordinate scaling are two answers to that.

Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.  Kingma and Ba, "Adam", ICLR 2015.
Goodfellow, Bengio and Courville, "Deep Learning", chapter 8.  The optimisers stand in engine/optim.py, the surfaces in
engine/surfaces.py, the predicted rate in engine/curvature.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine import optim, race_view
from engine.basins import Basins, fitting, off
from engine.device import generator
from engine.lab import Config as LabConfig
from engine.lab import ConfigError, knob
from engine.optim import WITH_MOMENTUM
from engine.packing import copied
from engine.race_view import Frame
from engine.surfaces import SURFACES, Surface, diabetes_data, find, mean_squared_error

__all__ = ["SURFACES", "Config", "Experiment", "Frame"]

MAX_STEPS = 5_000
BATCH = {"full": None, "mini-batch": 32, "one sample": 1}
TIMES = {"standard": 1, "large": 4}  # as many starts along each side as `starts` says
LONGEST = 60.0  # milliseconds that a step of the grid may take
WITH_DECAY = ("adamw", "lamb", "lion", "muon")


def _rate(name: str, default: float) -> Any:
    label = optim.title(name)
    return knob(
        default, low=1e-5, high=10.0, log=True, live=True, group="learning rates", when=f"optimisers={name}",
        label=label[0].upper() + label[1:], called=f"learning rate of {label}",
        help=f"Learning rate of {label}: the length of a step, compared with what drives it.",
    )  # fmt: skip


@dataclass(frozen=True)
class Config(LabConfig):
    surface: str = knob(
        "quadratic", choices=tuple(SURFACES), titles=[name.replace("_", " ").capitalize() for name in SURFACES],
        group="surface", help="The loss, as a landscape over two parameters.",
    )  # fmt: skip
    condition: float = knob(
        10.0, low=1.0, high=1000.0, log=True, group="surface", when="surface=quadratic",
        help="Largest curvature L divided by the smallest, m = 1: how narrow the ravine is.",
    )  # fmt: skip
    angle: float = knob(
        0.0, low=0.0, high=90.0, group="surface", when="surface=quadratic",
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
        ("gradient_descent", "momentum", "rmsprop", "adam"), choices=optim.NAMES, length=(1, len(optim.NAMES)),
        titles=[optim.title(name) for name in optim.NAMES],
        group="optimisers",
        help="Who takes part. Muon is for matrices only: it can run on diabetes, whose weights are a 1×2 matrix.",
    )  # fmt: skip
    lr_gradient_descent: float = _rate("gradient_descent", 0.05)
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
        "gradient_descent", choices=optim.ELEMENTWISE, group="many starts", when="basins=1",
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

    def check(self) -> None:
        if "muon" in self.optimisers and self.surface != "diabetes":
            raise ConfigError(
                "optimisers", self.optimisers,
                "Muon is for matrices only; choose the surface diabetes, whose two weights are a 1×2 matrix, "
                "or leave muon out",
            )  # fmt: skip
        rows = 442 if self.surface == "diabetes" else 1
        if self.basins and self.side > (fits := fitting(SURFACES[self.surface], rows=rows, milliseconds=LONGEST)):
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


class Racers(nn.Module):
    """One point in the plane for each optimiser.  Called, it gives the loss at each, (R,)."""

    def __init__(self, surface: Surface, start: Tensor, names: tuple[str, ...]) -> None:
        super().__init__()
        self.surface = surface
        self.points = nn.ParameterDict()
        for name in names:
            # Muon wants a matrix: the weights of a linear layer with two inputs and one output.
            self.points[name] = nn.Parameter(start.reshape((1, 2) if name == "muon" else (2,)).clone())

    def stacked(self) -> Tensor:
        """All points, (R, 2)."""
        return torch.stack([point.reshape(2) for point in self.points.values()])

    def forward(self) -> Tensor:
        values: Tensor = self.surface(self.stacked())
        return values


class Experiment:
    """A race.  ``model`` holds a point for each optimiser; a step moves all of them by the same noisy loss."""

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device = config, torch.device(device)
        self.step_count = 0
        self.surface = find(config.surface, condition=config.condition, angle=config.angle)
        dtype = torch.float32 if self.device.type == "mps" else torch.float64  # mps has no float64
        self.ends = torch.tensor(self.surface.ends, dtype=dtype, device=self.device)  # (M, 2)
        start = torch.tensor([config.start_x, config.start_y], dtype=dtype, device=self.device)
        self.model = Racers(self.surface, start, config.optimisers)
        self.optimisers = {name: optim.make(name, [point], 0.0) for name, point in self.model.points.items()}
        self.diverged: set[str] = set()
        self.left: set[str] = set()
        self.path = torch.zeros(MAX_STEPS + 1, len(config.optimisers), 2, dtype=torch.float64)
        self.path[0] = start.cpu()
        self._noise = generator(config.seed, "noise")
        self._batches = generator(config.seed, "batches")
        self.basins = None
        if config.basins:
            self.basins = Basins(
                self.surface, starts=config.side, seed=config.seed, like=start,
                optimiser=lambda points: optim.make(config.basins_by, points, 0.0),
            )  # fmt: skip
        self._tune()

    def _tune(self) -> None:
        """Give every optimiser the live knobs."""
        optimisers = list(self.optimisers.items())
        if self.basins:
            optimisers.append((self.config.basins_by, self.basins.optimiser))
        for name, optimiser in optimisers:
            group = optimiser.param_groups[0]
            group["lr"] = getattr(self.config, f"lr_{name}")
            if name in WITH_MOMENTUM:
                group["momentum"] = self.config.momentum
            if name in WITH_DECAY:
                group["weight_decay"] = self.config.weight_decay
            if name == "sam":
                group["rho"] = self.config.rho

    def update(self, config: Config) -> None:
        self.config.require_live(config)
        self.config = config
        self._tune()

    @property
    def done(self) -> bool:
        stopped = len(self.diverged | self.left) == len(self.optimisers)
        return self.step_count >= MAX_STEPS or (stopped and bool(self.left))

    def _batch_loss(self) -> Callable[[Tensor], Tensor]:
        """The loss on the next batch of patients; for the other surfaces, and a full batch, the surface itself."""
        size = BATCH[self.config.batch]
        if self.config.surface != "diabetes" or size is None:
            return self.surface
        features, targets = diabetes_data(self.ends.dtype, str(self.device))
        rows = torch.randint(len(targets), (size,), generator=self._batches).to(self.device)
        return lambda xy: mean_squared_error(xy, features[rows], targets[rows])

    def step(self) -> dict[str, float]:
        """One step of every racer that is still in the race.

        Returns ``loss.<optimiser>`` after the step, without noise, and ``distance.<optimiser>`` to the nearest minimum
        if the surface has any.  When all have diverged, every loss is infinite.  After `MAX_STEPS` nobody moves.
        """
        if self.step_count >= MAX_STEPS:
            return self._metrics()
        batch_loss = self._batch_loss()
        tilt = self.config.noise * torch.randn(2, generator=self._noise, dtype=self.ends.dtype).to(self.device)
        self.step_count += 1
        for name in self.optimisers:
            if name not in self.diverged and name not in self.left:
                # A tilted surface is one whose gradient has the tilt added to it.
                self._move(name, lambda xy: batch_loss(xy) + xy @ tilt)
        if self.basins:
            self.basins.step(batch_loss, noise=self.config.noise)
        self.path[self.step_count] = self.model.stacked().detach().cpu()
        return self._metrics()

    def _move(self, name: str, loss: Callable[[Tensor], Tensor]) -> None:
        point, optimiser = self.model.points[name], self.optimisers[name]
        before = point.detach().clone()

        def closure() -> float:
            optimiser.zero_grad()
            value = loss(point).sum()  # of one number; Muon's point is a matrix with one row
            torch.autograd.backward(value)
            return value.item()

        optimiser.step(closure)
        if not off(point.detach(), self.surface).any():
            return
        with torch.no_grad():
            (self.left if not self.surface.bounded else self.diverged).add(name)
            point.copy_(before)

    def _metrics(self) -> dict[str, float]:
        if len(self.diverged) == len(self.optimisers):
            return {f"loss.{name}": math.inf for name in self.optimisers}
        points = self.model.stacked().detach()
        losses = self.surface(points).tolist()  # the GPU must finish here
        distances = torch.cdist(points, self.ends).min(1).values.tolist()
        metrics = {}
        for name, loss, distance in zip(self.optimisers, losses, distances, strict=True):
            if name in self.diverged or name in self.left:
                continue
            metrics[f"loss.{name}"] = loss
            if self.surface.bounded:
                metrics[f"distance.{name}"] = distance
        return metrics

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return race_view.draw(self)

    def state_dict(self) -> dict[str, Any]:
        state = {
            "step_count": self.step_count,
            "model": self.model.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "diverged": sorted(self.diverged),
            "left": sorted(self.left),
            "path": self.path[: self.step_count + 1].clone(),
            "noise": self._noise.get_state(),
            "batches": self._batches.get_state(),
            "basins": self.basins.state_dict() if self.basins else None,
        }
        return copied(state)  # later steps change the tensors in place

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step_count = state["step_count"]
        self.model.load_state_dict(state["model"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.diverged, self.left = set(state["diverged"]), set(state["left"])
        self.path[: self.step_count + 1] = state["path"]
        self._noise.set_state(state["noise"])
        self._batches.set_state(state["batches"])
        if self.basins:
            self.basins.load_state_dict(state["basins"])
        self._tune()
