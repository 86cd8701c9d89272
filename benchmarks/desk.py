"""What a call costs the desk of a cluster: one process, which all web processes ask for runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import ray

from benchmarks.report import Row, Topic
from benchmarks.server import descendants, processor_seconds
from engine import lab
from engine.runs.actor import DESK, NAMESPACE
from engine.runs.cores import cores
from engine.runs.limits import Limits
from engine.runs.ray import RayPool

SLUG, RUNS = "gradient_descent", 100
LIMITS = Limits(workers=cores(), runs_per_worker=RUNS, runs_per_owner=RUNS)
AT_A_TIME = 8  # calls
COPIES = (300_000, 3_000_000)  # bytes of one that a bench sends
REST = 5.0  # seconds


def measure(topic: Topic, address: str, *, calls: int) -> None:
    """Ask the desk of the cluster at `address`, as web processes and benches do, for runs that nobody plays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", address)
        pool = RayPool(LIMITS, device="cpu")
        try:
            pool.warm()
            _measure(topic, pool, calls)
        finally:
            pool.close()
            ray.shutdown()


def _measure(topic: Topic, pool: RayPool, calls: int) -> None:
    (pid,) = [pid for pid, command in descendants(os.getpid()).items() if "ray::Desk" in command]
    desk, config = ray.get_actor(DESK, NAMESPACE), lab(SLUG).Config()

    def cost(what: str, call: Callable[[int], object], count: int) -> None:
        began, before = time.monotonic(), processor_seconds(pid)
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            list(threads.map(call, range(count)))
        took, used = time.monotonic() - began, processor_seconds(pid) - before
        note = f"{count / took:.0f} a second here, {AT_A_TIME} at a time, by {used / took:.2f} cores"
        topic.add(Row(f"desk: {what}", 1e3 * used / count, "ms", note=note))

    before = processor_seconds(pid)
    time.sleep(REST)
    used, note = processor_seconds(pid) - before, f"{cores()} benches, which it asks how they fare five times a second"
    topic.add(Row("desk: at rest", used / REST, "cores", note=note))
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        runs = list(threads.map(lambda _: pool.open(SLUG, config, "somebody"), range(RUNS)))
    watches = {run.id: True for run in runs}
    cost("a run opened and closed", lambda _: pool.close_run(pool.open(SLUG, config, "somebody else").id), RUNS)
    cost("a run found, to be steered", lambda n: pool.steer(runs[n % RUNS].id, runs[n % RUNS].key), calls)
    cost("a look at a run", lambda n: pool.peek(runs[n % RUNS].id), calls)
    cost(f"an exchange with a web process that has {RUNS} runs in sight",
         lambda n: ray.get(desk.exchange.remote(-1 - n % AT_A_TIME, [], [], watches)), calls // 4)  # fmt: skip
    for copy in map(bytes, COPIES):
        cost(f"a copy of a run, {len(copy) / 1e6:g} MB",
             lambda n, copy=copy: ray.get(desk.keep.remote(runs[n % RUNS].id, "", n, copy)), calls // 4)  # fmt: skip
