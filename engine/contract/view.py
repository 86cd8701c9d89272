"""What a view gets to draw, and what it may answer to a pick on the stage.

A lab's ``view.py`` is made of pure functions of a `View`.  ``stage(view) -> Scene`` draws what moves and
``curves(view) -> Scene`` the metrics; ``inside(view) -> list[Figure]`` shows what is inside the model.
``answer(view, pick)`` says what a click or a drag means: `Turn`, `Edit` or None.  ``say(view) -> str`` is one sentence,
what to look at now, and ``facts(view) -> dict[str, float | str]`` the numbers that texts may name.  `stage` must be
there; who leaves out another has no such thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Curves = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]  # metric -> (steps (N,), values (N,))


@dataclass(frozen=True)
class View:
    """One moment of a run: what its experiment looks like, and the way there.

    ``step`` is the moment on screen and ``last_step`` how far the run has come; they differ after a rewind.  With
    ``beside`` another run stands next to this one, and half of the width is left.
    """

    frame: Any
    config: Any
    curves: Curves = field(default_factory=dict)
    step: int = 0
    last_step: int = 0
    beside: bool = False

    @property
    def marker(self) -> int | None:
        """The step under the timeline, if it is not the last one."""
        return self.step if self.step < self.last_step else None


@dataclass(frozen=True)
class Turn:
    """Turn these knobs: by name, the values that `Config` takes."""

    knobs: Mapping[str, Any]


@dataclass(frozen=True)
class Edit:
    """Change the run's own state, as the lab's ``Experiment.edit`` understands it."""

    change: Mapping[str, Any]


Answer = Turn | Edit | None
