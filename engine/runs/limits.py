"""Every bound on memory, time and number of runs, in one place.

Each can be set by an environment variable, ``PLAYGROUND_`` and its name in capitals: ``PLAYGROUND_WORKERS=4``.
docs/hosting.md says what each is for.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.bounds import CostBounds, ShelfBounds, UploadBounds
from engine.runs.cores import cores, memory_mb


@dataclass(frozen=True)
class Limits(ShelfBounds, UploadBounds, CostBounds):
    """Bounds for a pool and its benches, and those of the shelf, of uploads and of a step.

    What counts by browser counts by its cookie and never by its address: a lecture hall is one address.

    Memory that they allow, at most: in each worker ``runs_per_worker`` times (one experiment, ``checkpoint_mb`` of
    checkpoints, ``history_points`` rows of metrics); in the web process one frame and one checkpoint for each run.
    """

    workers: int = min(8, cores())  # one for each core: pages take little, and come first
    runs_per_worker: int = 64  # open runs, playing or not: a class of fifty, and what some of them compare
    runs_per_owner: int = 16  # of these, and of those that wait, of one browser; what it has left or hidden makes room
    waiting: int = 40  # runs in the queue; beyond that the answer is "full"
    waiting_per_owner: int = 8  # and of these of one browser
    slides_share: float = (
        0.5  # of the places, of the queue and of what is parked, for runs of slides, which nobody owns
    )
    pages: int = 1_000  # open in browsers, of one web process; beyond that the answer is a sentence in place of a page
    pages_per_owner: int = 48  # and of these in one browser
    viewers: int = 1_000  # sockets on which somebody watches or steers; beyond that the answer is "too many"
    viewers_per_owner: int = 64  # and of these of one browser
    viewers_per_run: int = 400  # and who only watch one run: a lecture hall
    worker_memory_mb: int = max(1_000, min(6_000, int(0.8 * memory_mb() / min(8, cores()))))  # resident size above
    # which a worker takes no new run
    spare_memory_mb: int = 2_000  # beyond that a worker gets no more memory, and the run in hand fails, on Linux
    step_seconds: float = 5.0  # of work in one step after which its run is paused

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
    slide_after: float = 120.0  # the same for a run of a slide that has been left: nobody else has its key
    parked: int = 400  # runs put away at most, each with its timeline, of ``checkpoint_mb`` at most; the oldest go
    parked_per_owner: int = 32  # and of these of one browser
    parked_mb: float = 4_000.0  # and never more than this, on disk or in memory
    answer_timeout: float = 5.0  # seconds that whoever presses something waits for a worker at work
    hang_after: float = 20.0  # seconds without a heartbeat until a worker is replaced
    start_timeout: float = 90.0  # seconds a worker may take to import torch and report
    restart_timeout: float = 8.0  # seconds until Ray has begun to start a lost bench again; else others get its runs
    crashes: int = 3  # workers that one run may bring down before it is not started again

    uploads: int = 32  # files on their way to one web process at once
    uploads_per_owner: int = 4  # and of these from one browser
    uploaded_mb_per_owner: float = 250.0  # within an hour
    reading: int = 16  # files being read at once
    reading_per_owner: int = 4  # and of these of one browser
    read_timeout: float = 25.0  # seconds until what a visitor brought is read; more than `hang_after`, to be told why
    read_memory_mb: float = 2_000.0  # that a worker may use for it, beyond what it has
