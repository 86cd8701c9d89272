"""The player: one visitor's run of one lab, what can be done with it, and what it is compared with."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from engine import Config, ConfigError, runs
from engine.contract.described import describe as describe
from engine.contract.facts import Facts
from engine.contract.figure import Chart, Figure
from engine.runs import story
from engine.runs.history import Look
from engine.runs.pool import PoolError
from engine.runs.run import Run
from engine.scene.scene import Scene
from ui.burst import Burst
from ui.link import set_config, settings

SPEEDS: dict[str, float | None] = {"1 step/s": 1.0, "5 steps/s": 5.0, "30 steps/s": 30.0, "100 steps/s": 100.0,
                                   "full speed": None}  # fmt: skip
FASTEST, SLOWEST = 0.04, 0.5  # seconds between two looks, alone and in a full class


@dataclass
class Watched:
    """A run as this visitor sees it: the newest look, the newest scene of its curves, and what was inside last."""

    run: Run
    label: str = ""
    look: Look = field(default_factory=lambda: Look(status="waiting"))
    together: bool = False  # a compared run that obeys the same buttons
    scene: Scene | None = None
    drawn: tuple[int, int, int] = (-1, -1, -1)  # step, last step and version of `scene`
    figures: list[Figure] = field(default_factory=list)
    opened: tuple[int, int, int] = (-1, -1, -1)  # those of `figures`
    held: dict[str, Chart] = field(default_factory=dict)  # what stands still, as it was when the run last rested

    def peek(self, *, beside: bool = False) -> Look:
        """Look again; `beside` is for half of the width."""
        self.look = self.run.peek(None, beside=beside)
        return self.look

    def curves(self) -> Scene | None:
        """The curves of what was looked at; the last ones as long as the run cannot be reached."""
        if self.there and self._now != self.drawn:
            with contextlib.suppress(PoolError):  # busy or lost: the look says so, and the next one asks again
                self.scene, self.drawn = self.run.curves(), self._now
        return copy.deepcopy(self.scene)  # others are drawn into it

    def inside(self) -> list[Figure]:
        """What was inside at the moment that was looked at, in the same way."""
        if self.there and self._now != self.opened:
            with contextlib.suppress(PoolError):
                self.figures, self.opened = self.run.inside(), self._now
        return copy.deepcopy(self.figures)

    @property
    def there(self) -> bool:
        """Whether there is something to see of it."""
        waits = self.look.busy or self.look.status in ("waiting", "failed", "lost")
        return self.look.stage is not None or (self.look.config is not None and not waits)

    @property
    def _now(self) -> tuple[int, int, int]:
        return self.look.step, self.look.last_step, self.look.version


@dataclass
class Player:
    """What one session holds of one lab.  `config` is what the run was last told, `wanted` what the knobs say."""

    slug: str
    config: Config
    wanted: Config
    on_stage: Watched | None = None
    compared: list[Watched] = field(default_factory=list)
    error: str = ""
    rate: tuple[float, int, float] = (0.0, 0, 0.0)  # when and at which step steps a second were last taken, and they
    owner: str = ""  # the browser whose runs these are
    foreign: str = ""  # the id of somebody else's run, by whose address the page was opened: then none is begun
    speed: float | None = None  # steps a second, None for as fast as it goes
    marked: tuple[float, Look] = (0.0, Look(status="waiting"))  # when the timeline was last moved, and to what
    drawn: tuple[object, ...] = ()  # `showing` when the buttons were drawn
    rounds: int = 0  # grows when another run comes on stage
    burst: Burst = field(default_factory=Burst)

    # ------------------------------------------------------------------ the run

    def follow(self, config: Config) -> None:
        """Let the run follow the knobs: live ones at once, others by starting again."""
        before, self.wanted = self.wanted, config
        if self.on_stage is not None and (config == self.config or (self.rewound and config == before)):
            return  # and what was refused a moment ago stays on screen
        with self.refusals_shown():
            if self.on_stage is None:
                self._open(config)
            else:
                self._turn(config)

    def _open(self, config: Config) -> None:
        run = runs.current().open(self.slug, config, self.owner)
        run.speed(self.speed)
        self._put_on_stage(Watched(run), config)

    def go_on(self, run: Run) -> None:
        """Go on with a run that is there already."""
        watched = Watched(run)
        self._put_on_stage(watched, watched.peek().config or self.config)

    def take_over(self) -> None:
        """Go on with a copy of somebody else's run, at the pace that this page says."""
        with self.refusals_shown():
            run = runs.current().copy(self.foreign, self.owner)
            run.speed(self.speed)
            self.go_on(run)
            self.foreign = ""

    def _turn(self, config: Config) -> None:
        assert self.on_stage is not None
        self._look_beside(config)
        if not all(config.knobs()[name].live for name in self.config.changed(config)):
            playing = self.on_stage.look.status == "running"
            self.on_stage.run.reset(config)
            self.config = config
            if playing:
                self.on_stage.run.play()
        elif not self.rewound:
            self.on_stage.run.update(config)
            self.config = config
        elif (seen := self.config.seen_as(config)) != self.config:  # looking does not wait for "go on" or "branch"
            self.on_stage.run.look_as(seen)
            self.config = seen

    def _look_beside(self, config: Config) -> None:
        """What is looked at in the run on stage is looked at in those beside it too."""
        knobs = config.knobs()
        looks = {name: getattr(config, name) for name in self.config.changed(config) if knobs[name].look}
        for other in self.compared if looks else ():
            if other.look.config is not None:
                other.run.look_as(dataclasses.replace(other.look.config, **looks))

    @property
    def rewound(self) -> bool:
        """Whether an earlier moment is on screen: then a turned knob waits for "go on" or "branch"."""
        look = self.on_stage.look if self.on_stage else None
        return look is not None and look.status != "running" and look.step < look.last_step

    @property
    def playing(self) -> bool:
        """Whether a run that obeys the buttons trains, or waits to: then there is something to pause."""
        together = [self.on_stage, *(w for w in self.compared if w.together)]
        return any(w is not None and w.look.status in ("running", "waiting") for w in together)

    @property
    def active(self) -> bool:
        watched = [self.on_stage, *self.compared] if self.on_stage else []
        return any(w is not None and w.look.active for w in watched)

    @property
    def showing(self) -> tuple[object, ...]:
        """What the buttons, and how often we look, depend on."""
        return self.playing, self.active, self.rounds

    @property
    def interval(self) -> float:
        """Seconds between two looks.  A class shares the server, so each looks less often.

        When nothing moves nobody looks, but for a sign of life that keeps the lease of a run on an open page.
        """
        if not self.active:
            return runs.current().limits.pause_after / 2
        return min(SLOWEST, max(FASTEST, FASTEST * runs.current().stats()["watched"] / 3))

    def peek(self) -> Look:
        """Look at the run on stage and those beside it."""
        assert self.on_stage is not None
        for place, other in enumerate(self.compared):
            other.peek(beside=self.side_by_side and place == 0)
        return self.on_stage.peek(beside=self.side_by_side)

    @property
    def side_by_side(self) -> bool:
        """Whether the first compared run stands beside the one on stage."""
        return bool(self.compared) and bool(st.session_state.get(f"{self.slug}.side_by_side", True))

    def facts(self) -> tuple[Facts, Facts | None]:
        """What texts may name of the run on stage, and of the one beside it.  Raises `PoolError`."""
        beside = self.compared[0].run.facts() if self.compared else None
        return (self.on_stage.run.facts() if self.on_stage else {}), beside

    # ---------------------------------------------------------------- transport

    @contextlib.contextmanager
    def refusals_shown(self) -> Iterator[None]:
        """A context in which what a run refuses becomes the sentence `error`, and ends there."""
        self.error = ""
        try:
            yield
        except (PoolError, ConfigError) as error:
            self.error = str(error)

    def _all(self, act: Callable[[Run], None]) -> None:
        with self.refusals_shown():
            if self.on_stage is None or self.on_stage.look.status == "lost":
                self._open(self.wanted)
            assert self.on_stage is not None
            if self.wanted != self.config:
                self.on_stage.run.update(self.wanted)
                self.config = self.wanted
            for watched in [self.on_stage, *(w for w in self.compared if w.together)]:
                act(watched.run)
            self.peek()

    def play(self) -> None:
        self._all(Run.play)

    def pause(self) -> None:
        self._all(Run.pause)

    def step(self) -> None:
        self._all(Run.step)

    def begin(self, config: Config) -> None:
        """Back to the beginning with `config`, which need not be what the knobs say yet."""
        self.wanted = config
        self.reset()

    def reset(self) -> None:
        """Back to the same initial weights, with what the knobs say now."""
        with self.refusals_shown():
            if self.on_stage is None or self.on_stage.look.status == "lost":
                self._open(self.wanted)
            else:
                self.on_stage.run.reset(self.wanted)
                self.config = self.wanted
            for other in self.compared:
                if other.together:
                    other.run.reset()
            self.peek()

    def new_seed(self) -> None:
        self.turn(seed=(self.wanted.seed + 1) % 1_000_000)

    def seek(self, step: int) -> None:
        with self.refusals_shown():
            assert self.on_stage is not None
            self.on_stage.run.seek(step)
            for other in self.compared:
                if other.together:
                    other.run.seek(step)
            self.peek()

    def set_speed(self, name: str | None = None) -> None:
        """Take the pace called `name`, one of `SPEEDS`, or what its widget says."""
        if name is not None:
            st.session_state[f"{self.slug}.speed"] = name
        self.speed = SPEEDS[st.session_state[f"{self.slug}.speed"]]
        with self.refusals_shown():
            for watched in [self.on_stage, *self.compared]:
                if watched is not None:
                    watched.run.speed(self.speed)

    # --------------------------------------------------------- knobs from the stage

    def turn(self, **knobs: Any) -> None:
        """Turn knobs from somewhere else than their widgets: a click on the map, a new seed."""
        self.error = ""
        try:
            set_config(self.slug, dataclasses.replace(self.wanted, **knobs))
        except ConfigError as error:
            self.error = str(error)

    def turn_at_once(self, **knobs: Any) -> None:
        """Like `turn`, and the run follows and is looked at before the page is drawn again."""
        self.turn(**knobs)
        if self.error:
            return
        with self.refusals_shown():
            self.follow(settings(self.slug, type(self.wanted)).config)
            self.peek()

    def edit(self, change: dict[str, Any]) -> None:
        """Set something in the run by hand."""
        with self.refusals_shown():
            assert self.on_stage is not None
            self.on_stage.run.edit(change)
            self.peek()

    # ------------------------------------------------------------------ comparing

    def branch(self) -> None:
        """Train on from the moment on screen with what the knobs say; the first future stays as a comparison."""
        if not self.rewound:  # a press that came twice
            return
        with self.refusals_shown():
            assert self.on_stage is not None
            old = self.on_stage
            run = old.run.branch(old.look.step, self.wanted)
            old.label = describe(self.config, self.wanted) or f"first run, to step {old.look.last_step:,}"
            self._keep(old)
            self._put_on_stage(Watched(run), self.wanted)
        if not self.error:
            self.play()

    def keep(self) -> None:
        """Put what is on stage aside as a comparison, and start afresh with the same knobs."""
        with self.refusals_shown():
            old = self.on_stage
            assert old is not None
            if not old.look.last_step:
                self.error = "There is nothing to keep yet: press Play first."
                return
            old.run.pause()
            self._open(self.wanted)
            old.label = f"run {self.rounds - 1}, seed {self.config.seed}"
            self._keep(old)
            self.peek()

    def beside(self, config: Config, label: str) -> None:
        """Train a second run with another Config beside the one on stage, under the same buttons."""
        with self.refusals_shown():
            self._keep(Watched(runs.current().open(self.slug, config, self.owner), label, together=True))
            self.compared[0].run.speed(self.speed)

    def set_beside(self, told: story.Story, *, together: bool) -> str:
        """Put a run that a link tells of beside the one on stage, as far as it had come; returns what it says."""
        label = describe(told.config, self.config) or f"another run, to step {told.step:,}"
        said = ""
        with self.refusals_shown():
            run = runs.current().open(self.slug, told.config, self.owner)
            run.speed(self.speed)
            said = run.retell(told.interventions, told.step, told.at)
            self.compared.append(Watched(run, label, together=together))
        return said

    def swap(self, number: int) -> None:
        """Bring a compared run on stage, and what is there to its place."""
        assert self.on_stage is not None
        other, config = self.compared[number], self.compared[number].look.config
        set_config(self.slug, config)  # first: see ui.press.whole
        self.on_stage.label = describe(self.config, config) or "the other run"
        self.compared[number] = self.on_stage
        self._put_on_stage(other, config)

    def drop(self, number: int) -> None:
        self.compared.pop(number).run.close()

    def drop_all(self) -> None:
        while self.compared:
            self.drop(0)

    def _keep(self, watched: Watched) -> None:
        self.compared.insert(0, watched)
        while len(self.compared) > story.COMPARED:
            self.drop(len(self.compared) - 1)

    def _put_on_stage(self, watched: Watched, config: Config) -> None:
        self.on_stage, self.config, self.wanted = watched, config, config
        self.rounds += 1
