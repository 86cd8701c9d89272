"""Pools of every kind with the lab that misbehaves on request, for the tests of runs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene_format import decode

import engine
from engine.runs.history import Look
from engine.runs.inline import InlinePool
from engine.runs.limits import Limits
from engine.runs.pool import Pool
from engine.runs.processes import ProcessPool
from engine.runs.run import Run

FOLDER = str(Path(__file__).parent / "runs" / "outside")
SMALL = Limits(workers=2, runs_per_worker=2, waiting=2, recovery_seconds=0.2, hang_after=6.0, checkpoint_seconds=0.02,
               answer_timeout=60.0)  # fmt: skip


@contextlib.contextmanager
def misbehaving() -> Iterator[type]:
    """The Config of the lab that misbehaves on request, which is there meanwhile, also in worker processes."""
    package = sys.modules["engine.labs"]  # engine.labs itself is the function that lists them
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYGROUND_LABS", FOLDER)
        patch.setattr(package, "__path__", [*package.__path__, FOLDER])
        yield engine.lab("faulty").Config


@contextlib.contextmanager
def pool_of(kind: str, limits: Limits = SMALL) -> Iterator[Pool]:
    pool = InlinePool(dataclasses.replace(limits, runs_per_worker=limits.workers * limits.runs_per_worker)) \
        if kind == "inline" else ProcessPool(limits)  # fmt: skip
    try:
        if isinstance(pool, ProcessPool):
            pool.wait_ready()
        yield pool
    finally:
        pool.close()


def home(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """A pool of the kind that is the request's parameter, empty: inline a new one, else one that tests share."""
    if request.param == "inline":
        with pool_of("inline") as pool:
            yield pool
        return
    pool = request.getfixturevalue({"processes": "workers", "ray": "rays"}[request.param])
    pool.wait_ready()
    yield pool
    for run_id in pool.ids():
        pool.close_run(run_id)


def within(pool: Pool, act: Callable[[Any], Any]) -> Any:
    """Do something where the runs are known: to the pool itself, or to the desk of its cluster.

    Give a lambda, or a function within a function: such travel as they are, others by name.  Answers must travel too.
    """
    desk = getattr(pool, "_desk", None)
    if desk is None:
        return act(pool)
    import ray

    return ray.get(desk.__ray_call__.remote(act), timeout=60.0)


@contextlib.contextmanager
def keeping_in(pool: Pool, folder: Path) -> Iterator[None]:
    """What the pool puts away lies in a new place below this folder meanwhile."""

    def set_to(data: str | None, folder: Path | None = None) -> tuple[str | None, Path | None]:
        def act(there: Any) -> tuple[str | None, Path | None]:
            before = os.environ.pop("PLAYGROUND_DATA", None), there._folder
            os.environ.update({} if data is None else {"PLAYGROUND_DATA": data})
            there._folder = folder
            return before

        before: tuple[str | None, Path | None] = within(pool, act)
        return before

    before = set_to(str(folder))
    yield
    set_to(*before)


@contextlib.contextmanager
def read_by(pool: Pool, kind: str, reader: str) -> Iterator[None]:
    """What is of this kind is read by another reader meanwhile."""

    def set_to(reader: str | None) -> str | None:
        def act(there: Any) -> str | None:
            before: str | None = there.readers.pop(kind, None)
            there.readers.update({} if reader is None else {kind: reader})
            return before

        before: str | None = within(pool, act)
        return before

    before = set_to(reader)
    yield
    set_to(before)


def parked(pool: Pool, *runs: Run) -> bool:
    """Whether all of these are put away."""
    ids = [run.id for run in runs]
    return bool(within(pool, lambda there: all(there._records[run_id].parked for run_id in ids)))


def places(pool: Pool, *runs: Run) -> list[int | None]:
    """The benches of these."""
    ids = [run.id for run in runs]
    found: list[int | None] = within(pool, lambda there: [there._records[run_id].place for run_id in ids])
    return found


def later(pool: Pool, *runs: Run, seconds: float) -> None:
    """So many seconds have passed since somebody asked for these, and those beside them, or left them."""
    ids = [run.id for run in runs]

    def act(there: Any) -> None:
        for record in {each for run_id in ids for each in there._records[run_id].together}:
            record.asked, record.left = record.asked - seconds, record.left - seconds

    within(pool, act)


def park(pool: Pool, *runs: Run, left: bool = False) -> None:
    """Let nobody have looked at these for long enough, or since they were `left`, and wait until they are put away."""
    later(pool, *runs, seconds=1.0 + (pool.limits.leave_after if left else pool.limits.pause_after))
    deadline = time.monotonic() + 120
    while pool.sweep() or not parked(pool, *runs):
        assert time.monotonic() < deadline, "not parked"
        if isinstance(pool, InlinePool):
            pool._bench.tick()  # they go to the step where all of them stop
        else:
            time.sleep(0.05)


def until(run: Run, wanted: Callable[[Look], bool], seconds: float = 120.0, since: int | None = -1, *,
          beside: bool = False) -> Look:  # fmt: skip
    """Look at `run` until `wanted` holds."""
    deadline = time.monotonic() + seconds
    while not wanted(look := run.peek(since, beside=beside)):
        assert time.monotonic() < deadline, f"still {look.status} at step {look.step}: {look.message}"
        time.sleep(0.01)
    return look


def answered(run: Run, since: int = -1, seconds: float = 120.0) -> Look:
    """A look that the bench has answered: a busy one takes longer than a look waits, and then the last one comes."""
    return until(run, lambda look: not look.busy, seconds, since)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What the lab that misbehaves has drawn of itself."""

    step: int
    seen: int
    beside: bool
    weights: np.ndarray


def drawn(look: Look) -> Drawn:
    """The frame of the lab that misbehaves, read from its picture."""
    assert look.stage is not None
    header, arrays = decode(look.stage)
    panel = header["rows"][0][0]
    return Drawn(panel["step"], panel["seen"], panel["beside"], arrays[panel["weights"]])


def at_rest(look: Look) -> bool:
    return not look.active


def bare(config: object, steps: int) -> tuple[list[float], np.ndarray]:
    """Losses and final weights of the same experiment without any bench."""
    experiment = engine.lab("faulty").Experiment(config)
    losses = [m["loss"] for m in engine.train(experiment, steps)]
    return losses, experiment.frame().weights
