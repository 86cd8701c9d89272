"""What Ray is asked to start, where, and with what: see `engine.runs.ray`."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.runs.actor import NAMESPACE, Seat, State, last_words
from engine.runs.limits import Limits
from engine.runs.processes import ENVIRONMENT, ROOT, UNLESS_SET
from engine.runs.run import PoolError

log = logging.getLogger(__name__)
SILENT = (
    10.0  # seconds after which it is said that there is no answer: Ray asks for minutes, and says it in its own words
)


def connect() -> None:
    """Belong to the cluster that $RAY_ADDRESS names, or to the one that this machine is in.  Raises `PoolError`."""
    if ray.is_initialized():
        return
    ends = signal.getsignal(signal.SIGTERM)
    where = os.environ.get("RAY_ADDRESS", "this machine")
    silent = threading.Timer(SILENT, log.warning, ("The Ray cluster of %s does not answer. It is asked again.", where))
    silent.daemon = True
    silent.start()
    try:
        ray.init(address="auto", namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise PoolError(f"The playground cannot reach its Ray cluster: {error}") from error
    finally:
        silent.cancel()
    if ends is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ends)  # how a server ends is for itself to say, and Ray has said something else


def share_of_a_gpu(environment: Mapping[str, str] = os.environ) -> float:
    """What each bench has of one, as $PLAYGROUND_GPU_SHARE says; 0: benches have a core each.  Raises `ValueError`."""
    said = environment.get("PLAYGROUND_GPU_SHARE", "0")
    try:
        share = float(said)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"PLAYGROUND_GPU_SHARE={said!r} is no number from 0, for no GPU, to 1, for a whole one.")
    return share


def environment() -> dict[str, Any]:
    """What an actor starts with: the same code, and what makes a worker fast and exact.

    Ray gives its processes a niceness of 15: on a machine at work a desk that has died would take minutes to be back.
    A worker is nice by itself, once it is there.
    """
    more = {name: value for name, value in UNLESS_SET.items() if name not in os.environ}
    return {"env_vars": {**more, **ENVIRONMENT, "RAY_worker_niceness": "0", "PYTHONPATH": str(ROOT)}}


def shares(gpus: float) -> int:
    """How many benches the cluster has room for now: one for each core, or for each share of a GPU."""
    there = ray.cluster_resources()
    return max(1, int(there.get("GPU", 0.0) / gpus if gpus else there.get("CPU", 0.0)))


def seat(place: int, gpus: float, told: tuple[Limits, str, str]) -> tuple[Any, bool]:
    """The actor of a bench, and whether it was there already."""
    name = f"bench-{place}"
    try:
        return ray.get_actor(name, NAMESPACE), True
    except ValueError:
        return ray.remote(Seat).options(
            name=name, namespace=NAMESPACE, lifetime="detached", max_restarts=-1, scheduling_strategy="SPREAD",
            num_cpus=0 if gpus else 1, num_gpus=gpus, runtime_env=environment(),
        ).remote(*told), False  # fmt: skip


def in_hand(state: State) -> str:
    """The run that a bench had in hand when it ended; "" if its machine has gone too: then no run is to blame."""
    if not any(node["Alive"] for node in ray.nodes() if node["NodeID"] == state.node):
        return ""
    there = NodeAffinitySchedulingStrategy(state.node, soft=False)
    ask = ray.remote(last_words).options(
        num_cpus=0, max_retries=0, scheduling_strategy=there, runtime_env=environment()
    )
    try:
        run_id: str = ray.get(ask.remote(state.last_words), timeout=10.0)
    except ray.exceptions.RayError:
        return ""
    return run_id
