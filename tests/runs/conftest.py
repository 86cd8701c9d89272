"""A pool of each kind, and the lab that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster import ON_RAY, Machines
from pools import home, misbehaving, pool_of

from engine.runs.pool import Pool
from engine.runs.processes import ProcessPool
from engine.runs.ray import RayPool


@pytest.fixture(autouse=True, scope="module")
def faulty() -> Iterator[type]:
    """The Config of the lab that misbehaves on request, here and in worker processes."""
    with misbehaving() as config:
        yield config


@pytest.fixture(scope="module")
def workers(faulty: type) -> Iterator[Pool]:
    with pool_of("processes") as pool:
        yield pool


@pytest.fixture(scope="session")
def cluster() -> Iterator[Machines]:
    """Two machines of a Ray cluster, as far as Ray can tell, with a core each."""
    there = Machines()
    yield there
    there.close()


@pytest.fixture(scope="session")
def rays(cluster: Machines) -> Iterator[RayPool]:
    with cluster.pool() as pool:
        yield pool


@pytest.fixture(params=["inline", "processes", pytest.param("ray", marks=ON_RAY)])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    yield from home(request)


@pytest.fixture
def processes(faulty: type) -> Iterator[ProcessPool]:
    with pool_of("processes") as pool:
        assert isinstance(pool, ProcessPool)
        yield pool
