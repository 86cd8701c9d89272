"""How four families of generative models are judged, a little after every update, and what a page sees of them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.data import point_clouds
from engine.labs.generative_families.config import EXTENT, HELD_OUT, MEASURED, ROUND, SIDE
from engine.labs.generative_families.families import FAR, STRAY, VAE, Diffusion, Family, Flow, gaussian
from engine.measures import distances

SPLITS = 8  # of the real points, behind the floor
CODES = 300  # behind the autoencoder's density
REACH, LINES, ALONG = 2.2, 9, 31  # the grid of noise that is folded
EVERY = 2  # updates from one job to the next, if there is one seed
PATHS, STOPS = 60, 12  # particles whose way is shown, and places kept of it

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """One seed of every family that learns, and the measures of all seeds.  Points are (N, 2) on the plane."""

    real: Array  # (MEASURED, 2), never trained on
    centres: Array  # (K, 2), or (0, 2)
    samples: dict[str, Array]  # (MEASURED, 2) by family, always from the same noise
    maps: dict[str, Array]  # (SIDE, SIDE), row 0 lowest: log density in nats; for the GAN what the discriminator says
    gan_range: tuple[float, float]  # of the GAN's map
    lines: dict[str, Array]  # (L, T, 2): a grid of noise as it is folded; for diffusion the way of particles
    blur: float  # what the autoencoder adds to every sample, standard deviation
    measured: dict[str, dict[str, Array]]  # measure -> family -> (S,)
    floor: float  # energy distance between two halves of the real points
    ceiling: float  # mean log density of the true distribution at the held-out points; nan if it has none
    passes: dict[str, int]  # of a network for a sample
    update_work: dict[str, float]  # multiplications in one update of one network
    sample_work: dict[str, float]  # multiplications for one sample
    speed: dict[str, float]  # samples a second on this machine, the fastest so far; 0 before any were drawn
    alpha: float  # share of the data at the level where diffusion begins to draw
    clip: float  # what diffusion expects of a point is held to ± this
    stray: float  # share of the points of a Gaussian heap that count as strays
    shown: int


class Evaluator:
    """Measures every family in turn, one small job an update, by points that no family has learned from.

    `model` holds the families, S networks each.
    """

    def __init__(self, data: str, drawn: str, model: nn.ModuleDict, *, seeds: range, batch_size: int) -> None:
        self.model, self.seeds, self.batch_size = model, seeds, batch_size
        self.device = next(model.parameters()).device
        self.alone = copy.deepcopy(model)  # its tensors become views of one seed's
        self.tensors = {n: [*zip(self.alone[n].parameters(), model[n].parameters(), strict=True)] for n in model}
        both = point_clouds.sample(data, 2 * MEASURED, self._stream(0, "judge"), drawn)
        halves = self._stream(0, "halves")
        self.floor = sum(distances.floor(distances.energy_distance, both, halves) for _ in range(SPLITS)) / SPLITS
        self.real = both[:MEASURED]
        middles = point_clouds.centres(data)
        self.centres = None if middles is None else middles.to(self.device)
        held_out = self.real[:HELD_OUT]
        self.ceiling = math.nan if self.centres is None else float(log_density(held_out, self.centres).mean())
        side = torch.linspace(EXTENT[0], EXTENT[1], SIDE, device=self.device)
        y, x = torch.meshgrid(side, side, indexing="ij")
        self.grid = torch.stack([x, y], -1).reshape(1, -1, 2)
        along, across = torch.linspace(-REACH, REACH, ALONG), torch.linspace(-REACH, REACH, LINES)
        first = torch.stack(torch.meshgrid(across, along, indexing="ij"), -1)  # (LINES, ALONG, 2)
        self.mesh = torch.cat([first, first.flip(-1)]).reshape(1, -1, 2).to(self.device)

        places = range(len(seeds))
        streams = [self._stream(place, "view") for place in places]
        self.noise = {name: gaussian(streams, MEASURED, self.family(name).noise) for name in model}
        self.codes = gaussian(streams[:1], CODES, 2)
        self.measured: dict[str, dict[str, list[float]]] = {}
        self.maps, self.lines = dict[str, Tensor](), dict[str, Tensor]()
        self.gan_range, self.shown = (0.0, 1.0), 0
        self.seconds: dict[str, float] = {}  # for a sample, the best so far: how busy the machine is does not count
        if "diffusion" in model:
            self.ready = self.noise["diffusion"]
            self.path = self.ready[None, :, :PATHS]  # (T, S, PATHS, 2)
            self._restart()
        self.jobs = [("measure", name, place) for place in places for name in model]
        self.jobs += [("likelihood", name, place) for place in places for name in model if name in ("vae", "flow")]
        self.jobs += [(what, name, 0) for what in ("map", "fold") for name in model if name != "diffusion"]
        for job in self.jobs:
            self._do(*job, step=0)
        self.work: dict[str, tuple[float, float]] = {}  # `take` fills it in

    def take(self, *, shown: int, steps: int) -> None:
        """Show another seed from now on, or let diffusion draw its samples in another number of steps."""
        if "diffusion" in self.model and self._diffusion.passes != steps:
            self._diffusion.passes = steps
            self.seconds.pop("diffusion", None)
            self._restart()
        self.work = {name: self.family(name).work(self.batch_size) for name in self.model}
        if shown != self.shown:
            self.shown = shown
            for job in self.jobs:
                if job[0] in ("map", "fold"):
                    self._do(*job, step=0)

    def _restart(self) -> None:
        """Let diffusion begin its samples anew."""
        self.walk = self._diffusion.begin(self.noise["diffusion"])
        self.spent = 0.0  # seconds, on these samples
        self.kept = [self.walk.x[:, :PATHS]]

    def family(self, name: str) -> Family:
        found = self.model[name]
        assert isinstance(found, Family)
        return found

    @property
    def _diffusion(self) -> Diffusion:
        found = self.model["diffusion"]
        assert isinstance(found, Diffusion)
        return found

    def only(self, name: str, place: int) -> Any:
        """Family `name` with the network at `place` alone.  It shares its memory with the others."""
        for mine, all_of_them in self.tensors[name]:
            mine.data = all_of_them.data[place : place + 1]
        return self.alone[name]

    # ------------------------------------------------------------------ evaluating

    @torch.no_grad()
    def evaluate(self, step: int) -> None:
        """One job, and some steps of diffusion's samples on their way.  Waits for the GPU."""
        if "diffusion" in self.model:
            self._advance()
        turn, rest = divmod(step, max(1, EVERY // len(self.seeds)))
        if not rest:
            self._do(*self.jobs[turn % len(self.jobs)], step=step)

    def _advance(self) -> None:
        steps, unused = len(self.walk.route.times), torch.Generator()
        for _ in range(math.ceil(steps / ROUND)):
            began = self._now()
            self.walk.advance(self._diffusion.expect, unused)
            self.spent += self._now() - began
            if self.walk.at * (STOPS - 1) // steps > (self.walk.at - 1) * (STOPS - 1) // steps:
                self.kept.append(self.walk.x[:, :PATHS])
            if self.walk.done:
                self._timed("diffusion", self.spent / (MEASURED * len(self.seeds)))
                self.ready, self.path = self.walk.x, torch.stack(self.kept)
                self._restart()
                break

    def sample(self, name: str, place: int) -> Tensor:
        """Samples (MEASURED, 2) of one network; diffusion's are the newest that are ready."""
        if name == "diffusion":
            return self.ready[place]
        found: Tensor = self.only(name, place).sample(self.noise[name][place : place + 1])[0]
        return found

    @torch.no_grad()
    def _do(self, what: str, name: str, place: int, *, step: int) -> None:
        if what == "map":
            self._map(name)
        elif what == "fold":
            self._fold(name)
        elif what == "likelihood":
            self._put("log_likelihood", name, place, self._likelihood(name, place, step))
        else:
            began = self._now()
            samples = self.sample(name, place)
            if name != "diffusion":
                self._timed(name, (self._now() - began) / MEASURED)
            self._put("energy", name, place, distances.energy_distance(samples, self.real))
            if self.centres is not None:
                nearest = torch.cdist(samples, self.centres).min(dim=1).values
                strays = (nearest > distances.RADIUS * point_clouds.SIGMA).float().mean()
                self._put("strays", name, place, float(strays))
                covered = distances.modes_covered(samples, self.centres, point_clouds.SIGMA)
                self._put("modes", name, place, float(covered))

    def _put(self, measure: str, name: str, place: int, value: float) -> None:
        row = self.measured.setdefault(measure, {}).setdefault(name, [0.0] * len(self.seeds))
        row[place] = value

    def _likelihood(self, name: str, place: int, step: int) -> float:
        family, x = self.only(name, place), self.real[None, :HELD_OUT]
        if isinstance(family, VAE):
            self._put("kl", name, place, float(family.kl(*family.model.encode_all(x)).mean()))
            return float(family.log_density(x, [self._stream(place, f"codes/{step}")]).mean())
        return float(family.log_density(x).mean())

    def _map(self, name: str) -> None:
        """What the network that is shown says about every place."""
        family = self.only(name, self.shown)
        if isinstance(family, VAE):
            middles, blur = family.decode(self.codes)[0], float(family.blur)
            squared = torch.cdist(self.grid[0], middles).square()
            found = (squared / (-2 * blur**2)).logsumexp(1) - math.log(CODES * 2 * math.pi * blur**2)
        elif isinstance(family, Flow):
            found = family.log_density(self.grid)[0]
        else:
            both = torch.cat([self.grid[0], self.real, self.sample(name, self.shown)])[None]
            found, self.gan_range = surface(family.D(both)[0, :, 0], family.loss)
        self.maps[name] = found

    def _fold(self, name: str) -> None:
        """Where the network that is shown takes a square grid of noise."""
        family = self.only(name, self.shown)
        self.lines[name] = (family.decode if isinstance(family, VAE) else family.sample)(self.mesh)[0]

    # ------------------------------------------------------------------ time

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def _timed(self, name: str, seconds: float) -> None:
        self.seconds[name] = min(seconds, self.seconds.get(name, math.inf))

    def _stream(self, place: int, purpose: str) -> torch.Generator:
        return generator(self.seeds[place], f"judge/{purpose}", self.device)

    # ------------------------------------------------------------------ keeping

    def state_dict(self) -> dict[str, Any]:
        """What was measured and drawn, and the samples on their way; not how long it took."""
        state = {"measured": self.measured, "maps": self.maps, "lines": self.lines, "gan_range": self.gan_range,
                 "shown": self.shown}  # fmt: skip
        if "diffusion" in self.model:
            state |= {"ready": self.ready, "path": self.path, "kept": self.kept, "x": self.walk.x, "at": self.walk.at,
                      "passes": len(self.walk.route.times)}  # fmt: skip
        return copied(state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse; samples that would be drawn in another number of steps begin anew."""
        state = copied(dict(state))
        self.measured, self.maps, self.lines = state["measured"], state["maps"], state["lines"]
        self.gan_range, shown, self.shown = state["gan_range"], self.shown, state["shown"]
        if "diffusion" in self.model:
            self.ready, self.path = state["ready"], state["path"]
            self._restart()
            if state["passes"] == len(self.walk.route.times):
                self.walk.x, self.walk.at, self.kept = state["x"], state["at"], state["kept"]
        self.take(shown=shown, steps=self._diffusion.passes if "diffusion" in self.model else 1)

    @torch.no_grad()
    def frame(self) -> Frame:
        """The present frame.  Waits for the GPU."""
        shown = self.shown
        lines = {name: found.reshape(2 * LINES, ALONG, 2) for name, found in self.lines.items()}
        if "diffusion" in self.model:
            lines["diffusion"] = self.path[:, shown].transpose(0, 1)
        return Frame(
            real=_array(self.real), centres=_array(torch.zeros(0, 2) if self.centres is None else self.centres),
            samples={name: _array(self.sample(name, shown)) for name in self.model},
            maps={name: _array(found.reshape(SIDE, SIDE)) for name, found in self.maps.items()},
            gan_range=self.gan_range, lines={name: _array(found) for name, found in lines.items()},
            blur=float(self.only("vae", shown).blur) if "vae" in self.model else 0.0,
            measured={m: {name: np.array(v, np.float32) for name, v in of.items()} for m, of in self.measured.items()},
            floor=self.floor, ceiling=self.ceiling, passes={name: self.family(name).passes for name in self.model},
            update_work={name: work[0] for name, work in self.work.items()},
            sample_work={name: work[1] for name, work in self.work.items()},
            speed={name: 1 / self.seconds[name] if self.seconds.get(name) else 0.0 for name in self.model},
            alpha=self.walk.route.alpha[0] if "diffusion" in self.model else 1.0, clip=FAR, stray=STRAY,
            shown=shown,
        )  # fmt: skip


def log_density(x: Tensor, centres: Tensor, sigma: float = point_clouds.SIGMA) -> Tensor:
    """log p(x) in nats, (N,), of Gaussians of one size at `centres` (K, 2), equally likely: "ring" and "grid"."""
    squared = (x[:, None] - centres).square().sum(-1)
    return (squared / (-2 * sigma**2)).logsumexp(1) - math.log(len(centres) * 2 * math.pi * sigma**2)


def surface(logits: Tensor, loss: str) -> tuple[Tensor, tuple[float, float]]:
    """What a discriminator says on the grid, from its logits there, at the real points and at the samples.

    A probability; or, since only differences of a critic's answers mean something, the answer in units of the largest.
    """
    on_grid, points = logits[: SIDE * SIDE], logits[SIDE * SIDE :]
    if loss != "wasserstein":
        return on_grid.sigmoid(), (0.0, 1.0)
    middle = (points[:MEASURED].mean() + points[MEASURED:].mean()) / 2
    reach = (points - middle).abs().max().clamp(min=1e-6)
    return ((on_grid - middle) / reach).clamp(-1, 1), (-1.0, 1.0)


def _array(tensor: Tensor) -> Array:
    found: Array = tensor.detach().cpu().numpy().astype(np.float32)  # a copy: the tensor may be changed in place
    return found
