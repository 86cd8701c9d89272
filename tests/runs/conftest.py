"""A pool of each kind, and the lab that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pools import misbehaving, pool_of

from engine.runs.pool import Pool
from engine.runs.processes import ProcessPool


@pytest.fixture(autouse=True, scope="module")
def faulty() -> Iterator[type]:
    """The Config of the lab that misbehaves on request, here and in worker processes."""
    with misbehaving() as config:
        yield config


@pytest.fixture(scope="module")
def workers(faulty: type) -> Iterator[Pool]:
    with pool_of("processes") as pool:
        yield pool


@pytest.fixture(params=["inline", "processes"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param == "inline":
        with pool_of("inline") as pool:
            yield pool
        return
    pool = request.getfixturevalue("workers")
    pool.wait_ready()
    yield pool
    for run_id in list(pool._records):
        pool.close_run(run_id)


@pytest.fixture
def processes(faulty: type) -> Iterator[ProcessPool]:
    with pool_of("processes") as pool:
        assert isinstance(pool, ProcessPool)
        yield pool
