"""A cluster of Ray on this machine: its nodes are what machines would be, and can be taken away."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any

# Before Ray is imported: what it sends home is nothing, and all of it is on this machine alone, as on macOS.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

import pytest
import ray
from pools import FOLDER, SMALL
from ray.cluster_utils import Cluster

from engine.runs.actor import NAMESPACE
from engine.runs.limits import Limits
from engine.runs.ray import RayPool

ON_RAY = pytest.mark.xdist_group("ray")  # one process for all tests with a cluster
PATIENT = dataclasses.replace(SMALL, leave_after=600.0, pause_after=600.0)  # on a busy machine nobody is taken for gone
NODE = {"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False}


class Bounded(RayPool):
    """A pool whose limits can be set for a while, for everybody."""

    @property
    def limits(self) -> Limits:
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = limits
        self._do("__setattr__", "limits", limits)


class Machines:
    """The nodes: the head, which has the desk, and another one."""

    def __init__(self) -> None:
        with self._started():
            self._cluster: Any = Cluster(initialize_head=True, head_node_args=NODE)
        self.address: str = self._cluster.address
        self.get_back()
        ray.init(self.address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)

    @contextlib.contextmanager
    def pool(self, limits: Limits = PATIENT) -> Iterator[Bounded]:
        """A pool of its own, which ends with all its actors."""
        pool = Bounded(limits, workers=2, gpus=0.0)
        try:
            pool.wait_ready(120.0)
            yield pool
        finally:
            pool.shut_down()

    def lose(self) -> None:
        """Take the other node away, with all that is on it."""
        self._cluster.remove_node(self._other, allow_graceful=False)

    def get_back(self) -> None:
        with self._started():
            self._other = self._cluster.add_node(**NODE)

    def close(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()

    @contextlib.contextmanager
    def _started(self) -> Iterator[None]:
        """A machine has the environment in which it is started, and so have the actors there."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLAYGROUND_LABS", FOLDER)
            yield
