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

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import optim
from engine.basins import Basins, fitting, off
from engine.curvature import contraction, curvature
from engine.device import generator
from engine.lab import Config as LabConfig
from engine.lab import ConfigError, knob
from engine.surfaces import SURFACES, Surface, diabetes_data, find, mean_squared_error, terrain

__all__ = ["SURFACES", "Config", "Experiment", "Frame"]

MAX_STEPS = 5_000
BATCH = {"full": None, "mini-batch": 32, "one sample": 1}
TIMES = {"standard": 1, "large": 4}  # as many starts along each side as `starts` says
LONGEST = 60.0  # milliseconds that a step of the grid may take
WITH_MOMENTUM = ("momentum", "nesterov")
WITH_DECAY = ("adamw", "lamb", "lion", "muon")


def _rate(name: str, default: float) -> Any:
    label = optim.title(name)
    return knob(
        default, low=1e-5, high=10.0, log=True, live=True, group="learning rates", when=f"optimisers={name}",
        label=label[0].upper() + label[1:],
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


@dataclass(frozen=True)
class Frame:
    """What a page draws.  R racers, G×G heights, S×S starts of the basins (S = 0 when they are off), M ends.

    Grids have y along the rows and x along the columns, and both grow.  Height and shade are read-only.
    """

    step: int
    names: tuple[str, ...]  # (R,) the racers, in the order of Config.optimisers
    points: np.ndarray  # (R, 2) where each is; a stopped one stays at its last point
    losses: np.ndarray  # (R,) the noiseless loss there
    diverged: np.ndarray  # (R,) bool: it went beyond 1,000 or was no longer finite
    left: np.ndarray  # (R,) bool: it left the map of a surface that falls for ever; that is a success
    paths: np.ndarray  # (R, T, 2) with T <= 400: the first 150 steps, the last 150, and 100 of those between
    path_steps: np.ndarray  # (T,) int: the step of each point of the paths
    gradients: np.ndarray  # (R, 2) of the noiseless loss
    momenta: np.ndarray  # (R, 2) running sum or average of gradients; zero for an optimiser that keeps none
    last_steps: np.ndarray  # (R, 2) the latest actual step, zero before the first and for a stopped racer
    learning_rates: np.ndarray  # (R,)
    eigenvalues: np.ndarray  # (R, 2) of the Hessian at each point: m, then L
    condition: np.ndarray  # (R,) L / m, NaN where m <= 0
    edge: np.ndarray  # (R,) 2 / L: gradient descent is stable below; infinite where L <= 0
    predicted_rate: np.ndarray  # (R,) `contraction` for these eigenvalues; NaN but for GD, momentum and Nesterov
    measured_rate: np.ndarray  # (R,) see `Experiment._measured_rate`; NaN where there is nothing to measure
    extent: tuple[float, float, float, float]  # left, right, bottom, top of the map
    grid_x: np.ndarray  # (G,)
    grid_y: np.ndarray  # (G,)
    height: np.ndarray  # (G, G) float32, the loss
    shade: np.ndarray  # (G, G) float32 in 0..1, the loss on a scale (often logarithmic) that shows all contours
    ends: np.ndarray  # (M, 2) the minima, or points down each valley of a surface that falls for ever
    basin_points: np.ndarray  # (S, S, 2) where each start is now; of a large grid, of every fourth row and column
    basin_ends: np.ndarray  # (S, S) int16: index into `ends`, -1 not arrived, -2 diverged; row and column as the start


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
        self._path = torch.zeros(MAX_STEPS + 1, len(config.optimisers), 2, dtype=torch.float64)
        self._path[0] = start.cpu()
        self._noise = generator(config.seed, "noise")
        self._batches = generator(config.seed, "batches")
        self._basins = None
        if config.basins:
            self._basins = Basins(
                self.surface, starts=config.side, seed=config.seed, like=start,
                optimiser=lambda points: optim.make(config.basins_by, points, 0.0),
            )  # fmt: skip
        self._tune()

    def _tune(self) -> None:
        """Give every optimiser the live knobs."""
        optimisers = list(self.optimisers.items())
        if self._basins:
            optimisers.append((self.config.basins_by, self._basins.optimiser))
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
        if self._basins:
            self._basins.step(batch_loss, noise=self.config.noise)
        self._path[self.step_count] = self.model.stacked().detach().cpu()
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

    def _measured_rate(self, steps: int = 20) -> np.ndarray:
        """Geometric mean over the last `steps` steps of the factor by which the distance to the minimum changed, (R,).

        The minimum is the one nearest now.  NaN before the first step, after a stop, and below 1e-12, where rounding
        decides.
        """
        names, k = self.config.optimisers, min(steps, self.step_count)
        rates = np.full(len(names), math.nan)
        if k == 0 or not self.surface.bounded:
            return rates
        now, then = self._path[self.step_count].numpy(), self._path[self.step_count - k].numpy()  # (R, 2)
        ends = self.ends.cpu().numpy()
        for i, name in enumerate(names):
            distances = np.linalg.norm(ends - now[i], axis=1)
            before = np.linalg.norm(ends[distances.argmin()] - then[i])
            if name not in self.diverged and distances.min() > 1e-12 and before > 1e-12:
                rates[i] = (distances.min() / before) ** (1 / k)
        return rates

    def _predicted_rate(self, eigenvalues: np.ndarray) -> np.ndarray:
        rates = np.full(len(eigenvalues), math.nan)
        for i, name in enumerate(self.config.optimisers):
            if name == "gradient_descent" or name in WITH_MOMENTUM:
                lr = getattr(self.config, f"lr_{name}")
                momentum = self.config.momentum if name in WITH_MOMENTUM else 0.0
                rates[i] = contraction(eigenvalues[i], lr=lr, momentum=momentum, nesterov=name == "nesterov")
        return rates

    def frame(self) -> Frame:
        config, names, t = self.config, self.config.optimisers, self.step_count
        points = self.model.stacked().detach()
        losses, gradients, hessians = (found.cpu().numpy() for found in curvature(self.surface, points))
        eigenvalues = np.linalg.eigvalsh(hessians).astype(float)
        m, L = eigenvalues.T
        momenta = np.zeros((len(names), 2))
        for i, (name, optimiser) in enumerate(self.optimisers.items()):
            state = optimiser.state.get(self.model.points[name], {})
            buffer = state.get("momentum_buffer", state.get("exp_avg"))
            if buffer is not None:
                momenta[i] = buffer.reshape(2).cpu().numpy()
        kept = np.arange(t + 1)
        if t >= 400:
            kept = np.concatenate([kept[:150], np.linspace(150, t - 150, 100).astype(int), kept[-150:]])
        path = self._path.numpy()
        basin_ends, basin_points = np.zeros((0, 0), dtype=np.int16), np.zeros((0, 0, 2))
        if self._basins:
            basin_ends = self._basins.ended()
            basin_points = self._basins.places(every=TIMES[config.size])
        with np.errstate(divide="ignore", invalid="ignore"):
            return Frame(
                step=t,
                names=names,
                points=path[t].copy(),
                losses=losses.astype(float),
                diverged=np.array([name in self.diverged for name in names]),
                left=np.array([name in self.left for name in names]),
                paths=path[kept].swapaxes(0, 1).copy(),
                path_steps=kept,
                gradients=gradients.astype(float),
                momenta=momenta,
                last_steps=path[t] - path[max(t - 1, 0)],
                learning_rates=np.array([getattr(config, f"lr_{name}") for name in names]),
                eigenvalues=eigenvalues,
                condition=np.where(m > 0, L / m, math.nan),
                edge=np.where(L > 0, 2 / L, math.inf),
                predicted_rate=self._predicted_rate(eigenvalues),
                measured_rate=self._measured_rate(),
                extent=self.surface.extent,
                **terrain(config.surface, condition=config.condition, angle=config.angle),
                ends=self.ends.cpu().numpy(),
                basin_points=basin_points,
                basin_ends=basin_ends,
            )

    def state_dict(self) -> dict[str, Any]:
        state = {
            "step_count": self.step_count,
            "model": self.model.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "diverged": sorted(self.diverged),
            "left": sorted(self.left),
            "path": self._path[: self.step_count + 1].clone(),
            "noise": self._noise.get_state(),
            "batches": self._batches.get_state(),
            "basins": self._basins.state_dict() if self._basins else None,
        }
        return copy.deepcopy(state)  # later steps change the tensors in place

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step_count = state["step_count"]
        self.model.load_state_dict(state["model"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.diverged, self.left = set(state["diverged"]), set(state["left"])
        self._path[: self.step_count + 1] = state["path"]
        self._noise.set_state(state["noise"])
        self._batches.set_state(state["batches"])
        if self._basins:
            self._basins.load_state_dict(state["basins"])
        self._tune()
