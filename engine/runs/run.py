"""A page's handle on one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engine.contract.figure import Figure
from engine.contract.knobs import Config
from engine.contract.view import Answer
from engine.runs.history import Intervention, Look


class PoolError(RuntimeError):
    """A run could not be reached.  The message is a sentence for the visitor."""


class Home(Protocol):
    """What a `Run` asks of the pool that holds it."""

    def call(self, verb: str, run_id: str, *args: Any, key: str = "", timeout: float | None = None) -> Any: ...

    def peek(self, run_id: str, since: int | None = -1, *, beside: bool = False) -> Look: ...

    def report(self, run_id: str) -> Look: ...

    def leave(self, run_id: str, key: str) -> None: ...

    def branch(self, run_id: str, step: int, config: Config, key: str, *, beside: bool = False) -> Run: ...

    def group(self, run_id: str, key: str = "") -> list[Run]: ...

    def lead(self, run_id: str, key: str) -> None: ...

    def march(self, run_id: str, on: bool, key: str) -> None: ...

    def marches(self, run_id: str) -> bool: ...

    def end(self, run_id: str, key: str) -> None: ...

    def read(self, kind: str, data: bytes, **options: Any) -> Any: ...


class Run:
    """One experiment, wherever it lives.  Cheap to make and to throw away: the state is on the bench.

    Whoever began the run has its `key`; without it one may look, and every method that changes the run raises
    `PoolError`.  Methods raise that too, with a sentence for the visitor, when the bench cannot be reached, and
    `ConfigError` when the lab refuses a value.
    """

    def __init__(self, pool: Home, run_id: str, slug: str, key: str = "") -> None:
        self.pool, self.id, self.slug, self.key = pool, run_id, slug, key

    def _act(self, verb: str, *args: Any) -> Any:
        return self.pool.call(verb, self.id, *args, key=self.key)

    def play(self, until: int | None = None) -> None:
        """Train to the step `until`, or until paused, done or diverged; after a rewind from the moment on screen."""
        self._act("play", None, until)

    def pause(self) -> None:
        self._act("pause")

    def step(self, n: int = 1) -> None:
        """Train `n` steps, then pause."""
        self._act("play", n)

    def speed(self, steps_per_second: float | None) -> None:
        """Slow down to `steps_per_second`; None is as fast as it goes."""
        self._act("speed", steps_per_second)

    def reset(self, config: Config | None = None) -> None:
        """Back to step 0 and the same initial weights, with `config` if given (any knob may differ)."""
        self._act("reset", config)

    def update(self, changes: Mapping[str, Any] | Config) -> tuple[Config, int]:
        """Turn the knobs in `changes` by hand, and what they bring along; later calls win, knob by knob.

        Values are those that `Config` takes, or texts as in a link.  Knobs that only look act at once; one that is
        not live starts the run again, which plays on if it played; at an earlier moment live ones wait for Play.
        Returns what the knobs are now, and the version of that.  A whole Config acts at once, and `ConfigError` is
        raised if another knob than a live one differs.
        """
        told: tuple[Config, int] | None = self._act("update", changes)
        if told is None:  # it waits for a place, or has just failed
            look = self.pool.report(self.id)
            return changes if isinstance(changes, Config) else look.config, look.version
        return told

    def look_as(self, config: Config) -> None:
        """Take the `look` knobs of `config`, and nothing else of it: whatever moment this is, nothing is done."""
        self._act("look_as", config)

    def edit(self, change: Mapping[str, Any]) -> None:
        """Set something by hand, as the lab's ``Experiment.edit`` understands it."""
        self._act("edit", dict(change))

    def peek(self, since: int | None = -1, *, beside: bool = False) -> Look:
        """The newest picture, the metrics after step `since`, and the status.  Never waits long.

        None for no metrics.  `beside` says that the picture is to share the width with that of another run.
        """
        return self.pool.peek(self.id, since, beside=beside)

    def report(self) -> Look:
        """Like `peek`, without picture and metrics."""
        return self.pool.report(self.id)

    def curves(self) -> Any:
        """The scene of all metrics so far; None where the lab draws none.  Raises `PoolError`."""
        return self.pool.call("curves", self.id)

    def inside(self) -> list[Figure]:
        """What the lab shows of the inside of its model now.  Raises `PoolError`."""
        return self.pool.call("inside", self.id, timeout=10.0) or []

    def answer(self, pick: Mapping[str, Any]) -> Answer:
        """What the lab answers to a pick on its stage; it is for the caller to do it.  Raises `PoolError`."""
        answer: Answer = self.pool.call("answer", self.id, dict(pick))
        return answer

    def facts(self) -> dict[str, float | str]:
        """The numbers of this moment that texts may name.  Raises `PoolError`."""
        return self.pool.call("facts", self.id) or {}

    def leave(self) -> None:
        """Whoever looked has gone: unless somebody looks again, the run pauses soon."""
        self.pool.leave(self.id, self.key)

    def seek(self, step: int) -> None:
        """Show the moment after `step` steps, exactly as it was."""
        self._act("seek", step)

    def retell(self, interventions: Sequence[Intervention], step: int, at: int | None = None) -> str:
        """From the beginning to `step` with what was done on the way, as `story` returned it, and back to step `at`.

        Edits that the lab refuses are left out; returns a sentence about them, to be begun with "In the link,", or "".
        """
        said: str | None = self._act("retell", list(interventions), step, at)
        return said or ""  # a run that waits for a place says it when it has one

    def branch(self, step: int, config: Config, *, beside: bool = False) -> Run:
        """A new run with the same past up to `step` and `config` (live knobs) from there on, paused.

        With `beside` it leads this run's group from now on, and this one stands beside it and does not march.
        """
        return self.pool.branch(self.id, step, config, self.key, beside=beside)

    def group(self) -> list[Run]:
        """The runs that are shown together with this one, itself among them, the leader first.

        Play, pause, step, reset, speed and seek act on all who march, whichever they are said to; a run that does not
        march obeys alone.  Whoever has the key of the leader gets them with their keys.  Raises `PoolError`.
        """
        return self.pool.group(self.id, self.key)

    def lead(self) -> None:
        """Come first in the group; the others keep their order."""
        self.pool.lead(self.id, self.key)

    def march(self, on: bool) -> None:
        """Whether this run does what is done to those of its group; one that was kept with another past does not."""
        self.pool.march(self.id, on, self.key)

    @property
    def marches(self) -> bool:
        """Whether it does.  Raises `PoolError` for a run that is gone."""
        return self.pool.marches(self.id)

    def weights(self) -> bytes:
        """The model's parameters and buffers as a safetensors file, for `engine.contract.weights.read`."""
        data: bytes = self.pool.call("weights", self.id, timeout=20.0)
        return data

    def story(self) -> dict[str, Any]:
        """The first config, the interventions and the step: what an export needs to get here again.

        After a rewind, "later" and "last_step" hold what was done after this step, and how far the run came.
        """
        story: dict[str, Any] = self.pool.call("story", self.id, timeout=20.0)
        return story

    def close(self) -> None:
        """Forget the run, with those whom it leads, and let the next one in.  Does nothing if it is gone already."""
        self.pool.end(self.id, self.key)

    def keep_weights(self) -> str:
        """Put the model on the shelf, for the knob `network` of another run, and return its key.

        Raises `engine.contract.reading.ReadError` if it cannot be kept.
        """
        key: str = self.pool.read("network", self.weights())
        return key
