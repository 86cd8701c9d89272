"""A player whose run is shown and steered past Streamlit, by its socket: the page does only what the browser cannot.

A run of the page happens because the visitor did something, never because a picture is due.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import streamlit as st

from engine import Config, ConfigError, runs
from engine.runs import story
from engine.runs.history import Look
from engine.runs.run import Run
from ui.controls import unread
from ui.link import set_config, settings
from ui.player import Player, Watched, describe


def past_streamlit() -> bool:
    """Whether pages are built so; PLAYGROUND_LIVE=1 says it."""
    return os.environ.get("PLAYGROUND_LIVE", "") == "1"


class Steered(Player):
    """`config` is what the run does, `wanted` what the run last confirmed that its knobs say."""

    def follow(self, config: Config) -> None:
        """Let the run know which knobs have been turned since it confirmed them last: others are not ours to set."""
        if self.on_stage is None:
            with self.refusals_shown():
                self._open(config)
            return
        changes = {name: getattr(config, name) for name in self.wanted.changed(config)}
        if not changes:
            return
        with self.refusals_shown():
            if self.on_stage.look.status == "waiting":
                self.on_stage.run.reset(config)
                self.config = self.wanted = config
                return
            self.wanted, _ = self.on_stage.run.update(changes)
            if self.wanted != config:  # another tab has turned others, which this page did not know yet
                self._show_knobs()
                st.rerun()

    def peek(self) -> Look:
        """How the runs are, without their pictures."""
        assert self.on_stage is not None
        for watched in [self.on_stage, *self.compared]:
            watched.look = watched.run.report()
        look = self.on_stage.look
        self.speed = look.speed if look.config is not None and look.status != "waiting" else self.speed
        self.config = look.config or self.config
        return look

    def nudged(self) -> None:
        """The run has come to rest, or somebody else has turned its knobs: the widgets are to show what it says."""
        if self.on_stage is None:
            return
        self.error = ""  # something else has been done since
        look = self.peek()
        if look.wanted is not None and look.wanted != self.wanted:
            self.wanted = look.wanted
            self._show_knobs()

    def _show_knobs(self) -> None:
        """Let the widgets show what the run has confirmed; what was turned just now it is still to hear."""
        here = settings(self.slug, type(self.wanted))
        said, turned = here.notices, unread(self.slug, here)
        set_config(self.slug, self.wanted)
        with contextlib.suppress(ConfigError):  # they do not go together with what others have turned
            here.replace(self.wanted.turned(**turned))
        if not turned:
            here.notices = said  # about the link: they stay until the visitor turns something

    def _all(self, act: Callable[[Run], None]) -> None:
        """Do something to the run, and with it to those that march with it."""
        with self.refusals_shown():
            if self.on_stage is None or self.on_stage.look.status == "lost":
                self._open_anew()
            assert self.on_stage is not None
            act(self.on_stage.run)
            self.peek()

    def reset(self) -> None:
        if self.on_stage is None or self.on_stage.look.status == "lost":
            with self.refusals_shown():
                self._open_anew()
            return
        self._all(lambda run: run.reset(self.wanted))
        self.config = self.wanted

    def _open_anew(self) -> None:
        """The run is gone, and those beside it with it."""
        self.compared.clear()
        self._open(self.wanted)

    def go_on(self, run: Run) -> None:
        """Go on with a run that is there already, and with those beside it."""
        super().go_on(run)
        self.wanted = run.report().wanted or self.wanted
        for other in [each for each in run.group() if each.id != run.id]:
            look = other.report()
            label = describe(look.config, self.config) if look.config is not None else ""
            self.compared.append(Watched(other, label or f"another run, to step {look.last_step:,}", look))

    # ------------------------------------------------------------------ comparing

    def branch(self) -> None:
        self.peek()  # the page may have been drawn before the run came where it is
        if not self.rewound:
            return
        with self.refusals_shown():
            old = self._make_room()
            run = old.run.branch(old.look.step, self.wanted, beside=True)
            old.label = describe(self.config, self.wanted) or f"first run, to step {old.look.last_step:,}"
            self._keep(old)
            self._put_on_stage(Watched(run), self.wanted)
            run.play()
            self.peek()

    def keep(self) -> None:
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
        with self.refusals_shown():
            assert self.on_stage is not None
            self._keep(Watched(self._beside(config, marches=True), label))

    def set_beside(self, told: story.Story, *, together: bool) -> str:
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
        self.peek()
        with self.refusals_shown():
            self.compared[number].run.lead()
            super().swap(number)

    def _make_room(self) -> Watched:
        """What is on stage, in a group with room for one more."""
        assert self.on_stage is not None
        while len(self.compared) >= story.COMPARED:
            self.drop(len(self.compared) - 1)
        return self.on_stage
