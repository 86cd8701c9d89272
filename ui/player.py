"""The player: one visitor's run of one lab, what a page can do with it, and what it is compared with.

A run is shown and steered past Streamlit, by its socket; here is what the browser cannot do alone.  A run of the page
happens because the visitor did something, never because a picture is due.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from engine import Config, ConfigError, runs
from engine.contract.described import describe as describe
from engine.runs import story
from engine.runs.history import Look
from engine.runs.pool import PoolError
from engine.runs.run import Run
from ui.controls import unread
from ui.link import set_config, settings
from ui.watched import Watched

SPEEDS: dict[str, float | None] = {"1 step/s": 1.0, "5 steps/s": 5.0, "30 steps/s": 30.0, "100 steps/s": 100.0,
                                   "full speed": None}  # fmt: skip

ALIKE = (
    "With nothing turned the second future would be the first once more. Turn a knob marked ● and press Branch again, "
    "or press Play to go on from here."
)


@dataclass
class Player:
    """What one session holds of one lab.

    `config` is what the run does, `wanted` what the run last confirmed that its knobs say.
    """

    slug: str
    config: Config
    wanted: Config
    on_stage: Watched | None = None
    compared: list[Watched] = field(default_factory=list)
    error: str = ""
    owner: str = ""  # the browser whose runs these are
    foreign: str = ""  # the id of somebody else's run, by whose address the page was opened: then none is begun
    speed: float | None = None  # steps a second, None for as fast as it goes
    rounds: int = 0  # grows when another run comes on stage
    nudges: int = 0  # how many the page has answered

    # ------------------------------------------------------------------ the run

    def follow(self, config: Config) -> None:
        """Let the run know which knobs have been turned since it confirmed them last: others are not ours to set."""
        if self.on_stage is None:
            with self.refusals_shown():
                self._open(config)
            return
        changes = {name: getattr(config, name) for name in self.wanted.changed(config)}
        if not changes:
            return  # and what was refused a moment ago stays on screen
        with self.refusals_shown():
            if self.on_stage.look.status == "waiting":
                self.on_stage.run.reset(config)
                self.config = self.wanted = config
                return
            self.wanted, _ = self.on_stage.run.update(changes)
            if self.wanted != config:  # another tab has turned others, which this page did not know yet
                self._show_knobs(self.wanted)
                st.rerun()

    def _open(self, config: Config) -> None:
        run = runs.current().open(self.slug, config, self.owner)
        run.speed(self.speed)
        self._put_on_stage(Watched(run), config)

    def _open_anew(self) -> None:
        """The run is gone, and those beside it with it."""
        self.compared.clear()
        self._open(self.wanted)

    def go_on(self, run: Run) -> None:
        """Go on with a run that is there already, and with those beside it."""
        watched = Watched(run)
        look = watched.peek()
        self._put_on_stage(watched, look.config or self.config)
        self.wanted = look.wanted or self.wanted
        for other in [each for each in run.group() if each.id != run.id]:
            look = other.report()
            label = describe(look.config, self.config) if look.config is not None else ""
            self.compared.append(Watched(other, label or f"another run, to step {look.last_step:,}", look))

    def take_over(self) -> None:
        """Go on with a copy of somebody else's run, at the pace that this page says."""
        with self.refusals_shown():
            run = runs.current().copy(self.foreign, self.owner)
            run.speed(self.speed)
            self.go_on(run)
            self.foreign = ""

    @property
    def rewound(self) -> bool:
        """Whether an earlier moment is on screen: then a turned knob waits for "go on" or "branch"."""
        look = self.on_stage.look if self.on_stage else None
        return look is not None and look.status != "running" and look.step < look.last_step

    def peek(self) -> Look:
        """How the run on stage and those beside it are."""
        assert self.on_stage is not None
        for other in self.compared:
            other.peek()
        look = self.on_stage.peek()
        self.speed = look.speed if look.config is not None and look.status != "waiting" else self.speed
        self.config = look.config or self.config
        return look

    def nudged(self) -> None:
        """The run has come to rest, or somebody else has turned its knobs: the widgets are to show what it says."""
        if self.on_stage is None:
            return
        self.nudges += 1
        self.error = ""  # something else has been done since
        self.hear()

    def hear(self) -> bool:
        """Ask how the runs are; whether the knobs are others than the page shows: it does from its next run on."""
        look = self.peek()
        if look.wanted is None or look.busy or look.wanted == self.wanted:
            return False
        self._show_knobs(look.wanted)
        self.wanted = look.wanted  # last: see ui.press.whole
        return True

    def _show_knobs(self, config: Config) -> None:
        """Let the widgets show what the run has confirmed; what was turned just now it is still to hear."""
        here = settings(self.slug, type(config))
        said, turned, before = here.notices, unread(self.slug, here), here.config
        set_config(self.slug, config)
        here.replaced = (time.monotonic(), before)
        with contextlib.suppress(ConfigError):  # they do not go together with what others have turned
            here.replace(config.turned(**turned))
        if not turned:
            here.notices = said  # about the link: they stay until the visitor turns something

    @property
    def side_by_side(self) -> bool:
        """Whether the first compared run stands beside the one on stage."""
        return bool(self.compared) and bool(st.session_state.get(f"{self.slug}.side_by_side", True))

    def marching(self) -> list[str]:
        """The ids of those beside the run on stage that do what is done to it."""
        found: list[str] = []
        with contextlib.suppress(PoolError):  # gone
            if self.on_stage is not None and self.on_stage.run.marches:
                found += [other.run.id for other in self.compared if other.run.marches]
        return found

    # ------------------------------------------------------------ what a page does to it

    @contextlib.contextmanager
    def refusals_shown(self) -> Iterator[None]:
        """A context in which what a run refuses becomes the sentence `error`, and ends there."""
        self.error = ""
        try:
            yield
        except (PoolError, ConfigError) as error:
            self.error = str(error)

    def play_to(self, step: int) -> None:
        """As fast as it goes to `step`."""
        self.set_speed("full speed")
        self._all(lambda run: run.play(step))

    def _all(self, act: Callable[[Run], None]) -> None:
        """Do something to the run, and with it to those that march with it."""
        with self.refusals_shown():
            if self.on_stage is None or self.on_stage.look.status == "lost":
                self._open_anew()
            assert self.on_stage is not None
            act(self.on_stage.run)
            self.peek()

    def begin(self, config: Config) -> None:
        """Back to the beginning with `config`, which need not be what the knobs say yet."""
        self.wanted = config
        self.reset()

    def reset(self) -> None:
        """Back to the same initial weights, with what the knobs say now."""
        if self.on_stage is None or self.on_stage.look.status == "lost":
            with self.refusals_shown():
                self._open_anew()
            return
        self._all(lambda run: run.reset(self.wanted))
        self.config = self.wanted

    def new_seed(self) -> None:
        self.turn(seed=(self.wanted.seed + 1) % 1_000_000)

    def set_speed(self, name: str) -> None:
        """Take the pace called `name`, one of `SPEEDS`."""
        self.speed = SPEEDS[name]
        with self.refusals_shown():
            if self.on_stage is not None:
                self.on_stage.run.speed(self.speed)

    # --------------------------------------------------------- knobs from the figures

    def turn(self, **knobs: Any) -> None:
        """Turn knobs from somewhere else than their widgets: a click on a figure, a new seed."""
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
        self.peek()  # the page may have been drawn before the run came where it is
        if not self.rewound:  # a press that came twice
            return
        with self.refusals_shown():
            if not self.config.changed(self.wanted):
                self.error = ALIKE
                return
            old = self._make_room()
            run = old.run.branch(old.look.step, self.wanted, beside=True)
            old.label = describe(self.config, self.wanted) or f"first run, to step {old.look.last_step:,}"
            self._keep(old)
            self._put_on_stage(Watched(run), self.wanted)
            run.play()
            self.peek()

    def keep(self) -> None:
        """Put what is on stage aside as a comparison, and start afresh with the same knobs."""
        self.peek()
        with self.refusals_shown():
            old = self._make_room()
            if not old.look.last_step:
                self.error = "There is nothing to keep yet: press Play first."
                return
            run = runs.current().open(self.slug, self.wanted, self.owner, beside=old.run)
            old.run.pause()  # now: where there is no place beside it, it trains on
            run.lead()
            old.run.march(False)
            run.speed(self.speed)
            self._put_on_stage(Watched(run), self.wanted)
            old.label = f"run {self.rounds - 1}, seed {self.config.seed}"
            self._keep(old)
            self.peek()

    def beside(self, config: Config, label: str) -> None:
        """Train a second run with another Config beside the one on stage, under the same buttons."""
        with self.refusals_shown():
            self._keep(Watched(self._beside(config, marches=True), label))

    def set_beside(self, told: story.Story, *, together: bool) -> str:
        """Put a run that a link tells of beside the one on stage, as far as it had come; returns what it says."""
        label = describe(told.config, self.config) or f"another run, to step {told.step:,}"
        said = ""
        with self.refusals_shown():
            run = self._beside(told.config, marches=together)
            said = run.retell(told.interventions, told.step, told.at)
            self.compared.append(Watched(run, label))
        return said

    def _beside(self, config: Config, *, marches: bool) -> Run:
        """A new run in the group of the one on stage."""
        assert self.on_stage is not None
        run = runs.current().open(self.slug, config, self.owner, beside=self.on_stage.run, marches=marches)
        run.speed(self.speed)
        return run

    def swap(self, number: int) -> None:
        """Bring a compared run on stage, and what is there to its place."""
        self.peek()
        with self.refusals_shown():
            assert self.on_stage is not None
            other, config = self.compared[number], self.compared[number].look.config
            wanted = other.look.wanted or config  # knobs may wait there
            other.run.lead()
            set_config(self.slug, wanted)  # first: see ui.press.whole
            self.on_stage.label = describe(self.config, config) or "the other run"
            self.compared[number] = self.on_stage
            self._put_on_stage(other, config)
            self.wanted = wanted

    def drop(self, number: int) -> None:
        self.error = ""  # perhaps that there were too many
        self.compared.pop(number).run.close()

    def drop_all(self) -> None:
        while self.compared:
            self.drop(0)

    def _make_room(self) -> Watched:
        """What is on stage, in a group with room for one more."""
        assert self.on_stage is not None
        while len(self.compared) >= story.COMPARED:
            self.drop(len(self.compared) - 1)
        return self.on_stage

    def _keep(self, watched: Watched) -> None:
        self.compared.insert(0, watched)
        while len(self.compared) > story.COMPARED:
            self.drop(len(self.compared) - 1)

    def _put_on_stage(self, watched: Watched, config: Config) -> None:
        self.on_stage, self.config, self.wanted = watched, config, config
        self.rounds += 1
