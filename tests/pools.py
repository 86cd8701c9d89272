"""Pools of every kind with the lab that misbehaves on request, for the tests of runs."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

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
SMALL = Limits(workers=2, runs_per_worker=2, waiting=2, recovery_seconds=0.2, hang_after=6.0, checkpoint_seconds=0.02)


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


def until(run: Run, wanted: Callable[[Look], bool], seconds: float = 30.0) -> Look:
    """Look at `run` until `wanted` holds."""
    deadline = time.monotonic() + seconds
    while not wanted(look := run.peek()):
        assert time.monotonic() < deadline, f"still {look.status} at step {look.step}: {look.message}"
        time.sleep(0.01)
    return look


def answered(run: Run, since: int = -1, seconds: float = 30.0) -> Look:
    """A look that the bench has answered: a busy one takes longer than a look waits, and then the last one comes."""
    deadline = time.monotonic() + seconds
    while (look := run.peek(since)).busy:
        assert time.monotonic() < deadline, f"not answered: {look.message}"
    return look


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
