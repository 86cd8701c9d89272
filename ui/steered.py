"""A player whose run is shown and steered past Streamlit, by its socket: the page does only what the browser cannot.

A run of the page happens because the visitor did something, never because a picture is due.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from engine import Config
from engine.runs.history import Look
from engine.runs.run import Run
from ui.link import set_config
from ui.player import Player


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
            self._look_beside(config)
            if self.on_stage.look.status == "waiting":
                self.on_stage.run.reset(config)
                self.config = self.wanted = config
            else:
                self.wanted, _ = self.on_stage.run.update(changes)

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
        look = self.peek()
        if look.wanted is not None and look.wanted != self.wanted:
            self.wanted = look.wanted
            set_config(self.slug, look.wanted)

    def _all(self, act: Callable[[Run], None]) -> None:
        with self.refusals_shown():
            if self.on_stage is None or self.on_stage.look.status == "lost":
                self._open(self.wanted)
            assert self.on_stage is not None
            for watched in [self.on_stage, *(w for w in self.compared if w.together)]:
                act(watched.run)
            self.peek()

    def branch(self) -> None:
        self.peek()  # the page may have been drawn before the run came where it is
        super().branch()

    def keep(self) -> None:
        self.peek()
        super().keep()

    def swap(self, number: int) -> None:
        self.peek()
        super().swap(number)
