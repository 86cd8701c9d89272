"""Every bound on memory, time and number of runs, in one place.

Each can be set by an environment variable, ``PLAYGROUND_`` and its name in capitals: ``PLAYGROUND_WORKERS=4``.
``PLAYGROUND_DATA`` is the folder for what is kept on disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.bounds import ShelfBounds
from engine.runs.cores import cores


@dataclass(frozen=True)
class Limits(ShelfBounds):
    """Bounds for a pool and its benches, and those of the shelf.

    Memory that they allow, at most: in each worker ``runs_per_worker`` times (one experiment, ``checkpoint_mb`` of
    checkpoints, ``history_points`` rows of metrics); in the web process one frame and one checkpoint for each run.
    """

    workers: int = min(8, cores())  # one for each core: pages take little, and come first
    runs_per_worker: int = 64  # open runs, playing or not: a class of fifty, and what some of them compare
    viewers: int = 1_000  # sockets on which somebody watches or steers; beyond that the answer is "too many"
    viewers_per_run: int = 400  # and of these who only watch one run: a lecture hall
    waiting: int = 40  # runs in the queue; beyond that the answer is "full"
    worker_memory_mb: int = 6_000  # resident size above which a worker takes no new run

    slice_ms: float = 20.0  # how long one run trains before the next has its turn, at most: less where many train
    round_seconds: float = 0.4  # until everybody who trains has had a turn, with the pictures in between
    drawing_share: float = 0.25  # of a worker's time goes into pictures at most, while anything trains there
    history_points: int = 2_000  # rows of metrics kept for a run; older ones are thinned
    checkpoints: int = 100  # kept for a run's timeline; older ones are thinned
    checkpoint_mb: float = 24.0  # and never more than this for a run
    checkpoint_seconds: float = 0.25  # of training between two checkpoints, or of waiting where a run is slowed down
    recovery_seconds: float = 2.0  # between two copies sent to the parent, from which a lost run goes on

    leave_after: float = 15.0  # seconds after the last page that showed it was closed or left until a run is parked
    pause_after: float = 90.0  # seconds without anybody who sees it, as in a hidden browser tab, until it is parked
    drop_after: float = 900.0  # seconds without anybody who sees it until the run is closed
    parked: int = 400  # runs put away at most, each with its timeline, of ``checkpoint_mb`` at most; the oldest go
    hang_after: float = 20.0  # seconds without a heartbeat until a worker is replaced
    start_timeout: float = 90.0  # seconds a worker may take to import torch and report
    restart_timeout: float = 8.0  # seconds until Ray has begun to start a lost bench again; else others get its runs
    crashes: int = 3  # workers that one run may bring down before it is not started again

    read_timeout: float = 25.0  # seconds until what a visitor brought is read; more than `hang_after`, to be told why
    read_memory_mb: float = 2_000.0  # that a worker may use for it, beyond what it has
