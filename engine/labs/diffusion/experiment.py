"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from engine.contract.device import generator
from engine.contract.states import copied
from engine.data import images, point_clouds
from engine.labs.diffusion import scores, trained_digits
from engine.labs.diffusion.config import SIZES, Config
from engine.labs.diffusion.few_steps import FewSteps
from engine.labs.diffusion.film import Trajectory
from engine.labs.diffusion.frame import SHOWN, Frame, frame
from engine.measures import class_scores, distances
from engine.nets.denoiser import Denoiser
from engine.nets.sampling import Route, Schedule, Walk, add_noise, route, sample, straight

__all__ = ["Config", "Experiment", "Frame", "Schedule", "add_noise", "sample"]

DIGIT_SIZES = {"small": (128, 2), "medium": (256, 3), "large": (384, 3)}
DATA, SAMPLES, BATCH = 4096, 512, 256  # points of the plane: to learn from, drawn together, behind one update
DIGIT_SAMPLES, DIGIT_BATCH = 160, 128
UNLABELLED = 0.1  # share of points whose class is not told, so that the network learns both answers
AVERAGE = 0.995  # of the weights that draw samples, over the updates
WARM_UP = 500  # updates until a network that was trained earlier learns at full speed again
AT_ONCE = 240  # calls of the network, for all samples, when they are drawn again because a knob was turned
OPENING = -1  # number of the samples that a network draws which was trained earlier, before the first update
REACH, ACROSS, MOMENTS = 2.4, 17, 10  # the field: half its width, arrows across, moments


class Experiment:
    """One step is one update of the network, one or a few steps of the samples under way, and one measurement step.

    `model` is the network that draws: its weights are an average over the updates.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.digits = config.data == "digits"
        self.count = DIGIT_SAMPLES if self.digits else SAMPLES
        self.data, self.labels, self.real = _data(config, self.count, self.device)
        width, depth = (DIGIT_SIZES if self.digits else SIZES)[config.size]
        self.network = Denoiser(
            self.data.shape[1], width=width, depth=depth, classes=config.classes,
            generator=generator(config.seed, "weights"),
        ).to(self.device)  # fmt: skip
        self.trained = config.trained
        if self.trained:
            trained_digits.load(self.network)
        self.model = copy.deepcopy(self.network).requires_grad_(False)
        fused = self.device.type in ("cpu", "cuda")  # all of it in one call
        self.optimiser = torch.optim.Adam(self.network.parameters(), config.learning_rate, fused=fused)
        self.schedule = Schedule(config.schedule, config.steps)

        classes = config.classes
        self.asked = torch.arange(self.count, device=self.device) % classes if classes else None  # the classes drawn
        self.turn = class_scores.in_turn(self.labels, self.count)  # places of the data that are shown
        self.clip = 1.0 if self.digits else 1.25
        methods = ("ddim", "ddpm", "heun") if config.objective == "noise" else ("ddim", "heun")
        self.few = FewSteps(methods, self._route, real=self.real[: self.count], clip=self.clip, seed=config.seed)
        self.floor = distances.floor(distances.energy_distance, self.real, generator(config.seed, "floor", self.device))
        self.run, self.shown_run, self.drawn_at = 0, OPENING, -1  # samples under way, samples shown, and their update
        self.scores, self.variety = dict[str, float](), torch.zeros(0)
        self.under_way = self._begin(self.run, self.count)
        self.path, self.path_times = self.under_way.path, [1.0]
        side = torch.linspace(-REACH, REACH, ACROSS, device=self.device)
        self.grid = torch.cartesian_prod(side, side) if not self.digits else torch.zeros(0, 2)
        self.field = torch.zeros(MOMENTS, len(self.grid), 2, device=self.device)
        for moment in range(0 if self.digits else MOMENTS):
            self._look(moment)
        if self.trained:  # it can draw before it learns anything here
            self._draw_again()

    # ---------------------------------------------------------------- learning

    def step(self) -> dict[str, float]:
        config, chance = self.config, generator(self.config.seed, f"batch/{self.step_count}", self.device)
        count = DIGIT_BATCH if self.digits else BATCH
        chosen = torch.randint(len(self.data), (count,), generator=chance, device=self.device)
        x0, label = self.data[chosen], None
        noise = torch.randn(x0.shape, generator=chance, device=self.device)
        if self.labels is not None:
            told = torch.rand(count, generator=chance, device=self.device) >= UNLABELLED
            label = torch.where(told, self.labels[chosen], self.network.classes)
        if config.objective == "noise":
            t = torch.randint(config.steps, (count,), generator=chance, device=self.device)
            x, time, wanted = add_noise(x0, t, noise, self.schedule), (t + 1) / config.steps, noise
        else:  # on the straight line from data to noise; wanted is its direction
            time = torch.rand(count, generator=chance, device=self.device)
            x, wanted = torch.lerp(x0, noise, time[:, None]), noise - x0
        loss = (self.network(x, time, label) - wanted).square().mean()
        for group in self.optimiser.param_groups:  # Adam must get to know a stored network before it takes full steps
            group["lr"] = config.learning_rate * (min(1.0, (self.step_count + 1) / WARM_UP) if self.trained else 1.0)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step_count += 1
        with torch.no_grad():
            keep = AVERAGE if self.trained else min(AVERAGE, self.step_count / (self.step_count + 10))
            torch._foreach_lerp_([*self.model.parameters()], [*self.network.parameters()], 1 - keep)
            self._draw()
        return {"loss": loss.item(), **self.scores}

    # ---------------------------------------------------------------- drawing

    def expect(
        self, x: Tensor, time: float, alpha: float, sigma: float, *, labels: Tensor | None = None, guidance: float = 0.0
    ) -> Tensor:
        """The x_0 that the network expects on seeing `x` (N, d), of class `labels` (N,) if given.

        Guidance w goes beyond the answer for the class, away from the answer for no class, (1 + w) e_class - w e_none;
        at 0 it is the answer for the class (Ho and Salimans, equation 6).
        """
        clock = torch.full((len(x),), self.time_of(time), device=self.device)
        answer: Tensor = self.model(x, clock, labels)
        if guidance and labels is not None:
            answer = answer + guidance * (answer - self.model(x, clock))
        return x - sigma * answer if self.config.objective == "flow" else (x - sigma * answer) / alpha

    def sample(self, count: int, generator: torch.Generator, *, labels: Tensor | None = None) -> Tensor:
        """`count` samples (count, d) of the network as it is, drawn as the knobs say, of classes `labels` (count,)."""
        method, eta, steps, guidance = self.config.sampler_settings

        def denoise(x: Tensor, time: float, alpha: float, sigma: float) -> Tensor:
            return self.expect(x, time, alpha, sigma, labels=labels, guidance=guidance)

        x = torch.randn(count, self.data.shape[1], generator=generator, device=self.device)
        walk = Walk(x, self._route(steps), method=method, eta=eta, clip=self.clip)
        with torch.no_grad():
            while not walk.done:
                walk.advance(denoise, generator)
        return walk.x

    def _of_class(self, x: Tensor, time: float, alpha: float, sigma: float) -> Tensor:
        asked = None if self.asked is None else self.asked[: len(x)]
        return self.expect(x, time, alpha, sigma, labels=asked)

    def _guided(self, x: Tensor, time: float, alpha: float, sigma: float) -> Tensor:
        asked = None if self.asked is None else self.asked[: len(x)]
        return self.expect(x, time, alpha, sigma, labels=asked, guidance=self.config.sampler_settings[3])

    def _route(self, steps: int) -> Route:
        return straight(steps) if self.config.objective == "flow" else route(self.schedule, steps)

    def time_of(self, time: float) -> float:
        """From 0 to 1, whatever a route counts in."""
        return time if self.config.objective == "flow" else (time + 1) / self.config.steps

    def _begin(self, run: int, count: int) -> Trajectory:
        """The first `count` samples of a run, still noise."""
        method, eta, steps, _ = self.config.sampler_settings
        chance = generator(self.config.seed, f"sampling/{run}", self.device)
        x = torch.randn(self.count, self.data.shape[1], generator=chance, device=self.device)[:count]
        return Trajectory(Walk(x, self._route(steps), method=method, eta=eta, clip=self.clip), self.time_of)

    def _chance(self, run: int, trajectory: Trajectory) -> torch.Generator:
        return generator(self.config.seed, f"sampling/{run}/{trajectory.walk.at}", self.device)

    def _draw(self) -> None:
        """What is looked at moves on a little with each update, so that no frame and no update has to wait for it."""
        trajectory = self.under_way
        for _ in range(1 if self.digits else min(4, math.ceil(len(trajectory.walk.route.times) / 50))):
            trajectory.advance(self._guided, self._chance(self.run, trajectory))
            if trajectory.walk.done:
                self._show(trajectory, self.run)
                self.run += 1
                self.under_way = self._begin(self.run, self.count)
                break
        if not self.digits:
            self._look(self.step_count % MOMENTS)
        if not self.digits or self.step_count % 2:
            self.few.advance(self._of_class)

    def _draw_again(self) -> None:
        """What is shown is drawn from the same noise as the knobs say now; only some of it if that takes many calls."""
        trajectory = self._begin(self.shown_run, self.count)
        calls = trajectory.walk.calls * (2 if self.asked is not None and self.config.sampler_settings[3] else 1)
        if calls > AT_ONCE:
            trajectory = self._begin(self.shown_run, max(SHOWN, self.count * AT_ONCE // calls))
        with torch.no_grad():
            while not trajectory.walk.done:
                trajectory.advance(self._guided, self._chance(self.shown_run, trajectory))
        self._show(trajectory, self.shown_run)

    def _show(self, trajectory: Trajectory, run: int) -> None:
        """Samples are ready to be looked at; if all are there, they are measured too.  Waits for the GPU."""
        x = trajectory.walk.x
        self.path, self.path_times = trajectory.path, trajectory.times
        self.drawn_at, self.shown_run = self.step_count, run
        if len(x) < self.count:
            return
        self.scores, self.variety = scores.measure(
            x, self.config.data, real=self.real[: self.count], known=self.data, labels=self.labels, asked=self.asked
        )
        self.scores["straightness"] = trajectory.straightness

    def _look(self, moment: int) -> None:
        """Bring the arrows of one moment up to date: the way back, d x / d angle with x = cos x_0 + sin noise."""
        time, alpha, sigma = self.moments()[moment]
        x0 = self.expect(self.grid, time, alpha, sigma).clamp(-self.clip, self.clip)
        noise = (self.grid - alpha * x0) / sigma
        self.field[moment] = x0 - noise if self.config.objective == "flow" else sigma * x0 - alpha * noise

    def moments(self) -> list[tuple[float, float, float]]:
        """(time, alpha, sigma) of the moments at which the field is shown, from noise to data."""
        found = self._route(MOMENTS)
        return list(zip(found.times, found.alpha, found.sigma, strict=False))

    # ---------------------------------------------------------------- the contract of a lab

    def update(self, config: Config) -> None:
        """Take new values of live knobs; samples that would be drawn in another way now are drawn again at once."""
        self.config.require_live(config)
        anew = config.sampler_settings != self.config.sampler_settings
        self.config = config
        if anew:
            self.run += 1
            self.under_way = self._begin(self.run, self.count)
            if self.drawn_at >= 0:
                self._draw_again()

    def state_dict(self) -> dict[str, Any]:
        """Both networks, the optimiser, the samples that are ready and those under way, and what was measured."""
        return copied({
            "step_count": self.step_count, "network": self.network.state_dict(), "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict()["state"], "few": self.few.state_dict(), "run": self.run,
            "shown_run": self.shown_run, "path": self.path, "path_times": self.path_times, "drawn_at": self.drawn_at,
            "scores": self.scores, "variety": self.variety, "field": self.field,
            "sampler_settings": self.config.sampler_settings, "under_way": self.under_way.state_dict(),
        })  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        state = copied(dict(state))
        self.network.load_state_dict(state["network"])
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state["optimiser"], "param_groups": groups})
        self.few.load_state_dict(state["few"])
        for name in ("step_count", "run", "shown_run", "path", "path_times", "drawn_at", "scores", "variety", "field"):
            setattr(self, name, state[name])
        self.under_way = self._begin(self.run, self.count)
        if state["sampler_settings"] == self.config.sampler_settings:
            self.under_way.load_state_dict(state["under_way"])

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing, and waits for the GPU."""
        return frame(
            config=self.config, schedule=self.schedule, real=self.data[self.turn], asked=self.asked, path=self.path,
            path_times=self.path_times, drawn_at=self.drawn_at, flying=self.under_way.walk, grid=self.grid,
            field=self.field, field_times=[self.time_of(time) for time, _, _ in self.moments()], few=self.few,
            floor=self.floor, clip=self.clip, variety=self.variety, scores=self.scores,
        )  # fmt: skip


def _data(config: Config, count: int, device: torch.device) -> tuple[Tensor, Tensor | None, Tensor]:
    """Points to learn from (M, d), their classes (M,) or None, and 2 `count` others to measure by (2 count, d)."""
    if config.data == "digits":
        digits = images.load("digits")
        x, real = (torch.from_numpy(part).flatten(1) * 2 - 1 for part in (digits.train_x, digits.test_x))
        return x.to(device), torch.from_numpy(digits.train_y).to(device), real[: 2 * count].to(device)
    x, real = (
        point_clouds.sample(config.data, size, generator(config.seed, name), drawn=config.points).to(device)
        for name, size in (("data", DATA), ("real", 2 * count))
    )
    return x, point_clouds.classes(config.data, x) if config.classes else None, real
