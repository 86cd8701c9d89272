"""What being watched costs a run: training on a bench against a bare loop, in turns."""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine
from benchmarks.report import Row, Topic
from engine.runs.limits import Limits
from engine.runs.processes import ProcessPool
from engine.runs.run import Run

ROOT = Path(__file__).resolve().parent.parent
SKIP = 0.3  # seconds of training before each measurement: the first steps of a process are slow
SHORTEST = 0.2  # seconds; what is over sooner is not compared

# What playground.tensorflow.org trains when it is opened, on its spiral: 250 of 500 points, in batches of 10.
PLAYGROUND = {"data": "spiral", "samples": "500", "train_share": "0.5", "batch_size": "10", "features": "x,y",
              "hidden": "4,2", "activation": "tanh", "optimiser": "gradient_descent",
              "learning_rate": "0.03"}  # fmt: skip


@dataclass(frozen=True)
class Window:
    """Training during one stretch of time."""

    steps: int
    seconds: float
    cpu: float  # seconds of processor that the process used
    pictures: int = 0  # of the stage, as they came

    @property
    def rate(self) -> float:
        """Steps a second on the clock."""
        return self.steps / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Steps a second of processor: what is left of `rate` when something else takes the machine's time."""
        return self.steps / self.cpu


class Bare:
    """The parent's side of `benchmarks.bare`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bare"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, encoding="utf-8", env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def ask(self, slug: str, params: dict[str, str], **request: float) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(
            json.dumps({"slug": slug, "params": params, "skip": SKIP, **request}), file=self._process.stdin, flush=True
        )
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def window(self, slug: str, params: dict[str, str], seconds: float) -> Window:
        answer = self.ask(slug, params, seconds=seconds)
        return Window(answer["steps"], answer["seconds"], answer["cpu"])


def _processor_seconds(pid: int) -> float:
    """Processor time of a process with all its threads."""
    return (
        sum(int(path.read_text(encoding="utf-8").split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        / 1e9
    )


def _settle(pid: int) -> None:
    """Wait until a worker has used every lab once, as it does in idle moments: not in the middle of a window."""
    before = -math.inf
    while (now := _processor_seconds(pid)) - before > 0.1:
        before = now
        time.sleep(1.5)


class Viewer:
    """One page that watches a run, stage and curves, and confirms each picture as soon as it has come."""

    def __init__(self, pool: ProcessPool, run: Run) -> None:
        self.sizes: dict[str, list[int]] = {"stage": [], "curves": []}  # bytes of each picture as it came
        self._pool, self._watch = pool, pool.watch(run.id, self._receive)

    def __enter__(self) -> Viewer:
        self._pool.tell(self._watch, {"type": "hello", "parts": ["stage", "curves"], "may": "watch"})
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.unwatch(self._watch)

    @property
    def pictures(self) -> int:
        """Those of the stage that have come."""
        return len(self.sizes["stage"])

    def _receive(self, payload: bytes | str | None) -> None:
        if not isinstance(payload, bytes):
            return
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[4:8], "little")])  # see engine.live.protocol
        self.sizes[header["part"]].append(len(payload))
        self._pool.tell(self._watch, {"type": "ack", "n": header["n"], "run": header["run"]})


def hosted(pool: ProcessPool, run: Run, seconds: float, *, watched: bool) -> Window:
    """Train `run` from its beginning on the bench of the first worker, with one who watches it or nobody."""
    pid = pool.pids()[0]
    run.reset()
    run.play()
    with Viewer(pool, run) if watched else contextlib.nullcontext() as viewer:
        time.sleep(SKIP)
        before = viewer.pictures if viewer else 0
        first, began, cpu = _steps(run), time.perf_counter(), _processor_seconds(pid)
        time.sleep(seconds)
        last, ended, cpu = _steps(run), time.perf_counter(), _processor_seconds(pid) - cpu
        pictures = viewer.pictures - before if viewer else 0
    look = run.report()
    if look.status != "running":
        raise RuntimeError(f"A run of {run.slug} was {look.status} before {seconds:.1f} s were over: {look.message}")
    run.pause()
    return Window(last - first, ended - began, cpu, pictures)


def _steps(run: Run) -> int:
    """Steps trained until this moment.  A report is one of an earlier moment where the worker is too busy to answer."""
    step: int = run.story()["step"]
    return step


@dataclass
class Comparison:
    """Windows of one experiment taken in turns: bare, watched, alone, bare, watched, alone, …, bare."""

    bare: list[Window]
    watched: list[Window]
    alone: list[Window]

    def ratio(self, kind: str, *, rate: str = "rate") -> list[float]:
        """Of each round, against the bare loops before and after it."""
        bare = [getattr(w, rate) for w in self.bare]
        return [
            2 * getattr(w, rate) / (before + after)
            for w, before, after in zip(getattr(self, kind), bare[:-1], bare[1:], strict=True)
        ]

    def rates(self, kind: str) -> list[float]:
        return [w.rate for w in getattr(self, kind)]


def compare(
    bare: Bare, pool: ProcessPool, slug: str, params: dict[str, str], *, rounds: int, seconds: float
) -> Comparison | None:
    """None if the run is over too soon to compare anything."""
    while bare.ask(slug, params, seconds=1.5 * seconds)["done"]:  # it must not end while it is measured
        seconds /= 2
        if seconds < SHORTEST:
            return None
    run = pool.open(slug, engine.lab(slug).Config.from_params(params))
    found = Comparison([bare.window(slug, params, seconds)], [], [])
    for _ in range(rounds):
        found.watched.append(hosted(pool, run, seconds, watched=True))
        found.alone.append(hosted(pool, run, seconds, watched=False))
        found.bare.append(bare.window(slug, params, seconds))
    run.close()
    return found


def _spread(values: list[float], digits: str = ".3g") -> str:
    return f"{min(values):{digits}} to {max(values):{digits}}"


def _speed(topic: Topic, slug: str, found: Comparison) -> None:
    kept = {"watched": ("one page watching", 0.9), "alone": ("nobody watching", 0.97)}
    for kind, (words, target) in kept.items():
        ratios, by_cpu = found.ratio(kind), statistics.median(found.ratio(kind, rate="cpu_rate"))
        note = f"{_spread(ratios, '.2f')}; {by_cpu:.3f} by processor time"
        if kind == "watched":
            note += f"; {statistics.median(w.pictures / w.seconds for w in found.watched):.1f} pictures a second"
        topic.add(Row(f"{slug}: speed kept, {words}", statistics.median(ratios), target=target, note=note))
    rates = found.rates("bare")
    share = min(w.cpu / w.seconds for w in found.bare)
    note = f"{_spread(rates)}; had at least {share:.0%} of a core"
    topic.add(Row(f"{slug}: bare loop", statistics.median(rates), "steps/s", note=note))


def _frames(topic: Topic, slug: str, frame: dict[str, Any]) -> None:
    note = f"{_spread([frame['low'], frame['high']])}; {frame['kB']:.0f} kB"
    topic.add(Row(f"{slug}: `frame()`", frame["median"], "ms", 10.0, at_least=False, note=note))


def measure(labs: list[str], *, quick: bool) -> list[Topic]:
    """One topic on what watching costs each lab, one on the network that TensorFlow Playground opens with."""
    rounds, seconds = (3, 1.0) if quick else (9, 1.0)  # short ones: a machine's pace drifts
    watching = Topic(
        "What being watched costs",
        "Steps a second of each lab's default config on a bench in a worker process, as a share of those of a bare "
        f"loop around `step()` in a process of its own. Medians of {rounds} rounds of {seconds:g} s each, taken in "
        "turns; each is compared with the bare loops before and after it. The share by processor time leaves out what "
        "other programs took. The bare loop is a script as anybody would start it; a worker is given huge pages, which "
        "are up to 7 % of these shares (docs/decisions/huge-pages-in-a-worker.md).",
    )
    playground = Topic(
        "The network of TensorFlow Playground",
        "Spiral, 250 training points, batches of 10, inputs x and y, hidden layers 4 and 2, tanh, plain gradient "
        "descent at 0.03. One step is one epoch, with the metrics that the page shows. With 64 seeds, 64 networks "
        "learn at once.",
    )
    pool = ProcessPool(Limits(workers=1), device="cpu")
    try:
        pool.wait_ready()
        _settle(pool.pids()[0])
        with Bare() as bare:
            for slug in labs:
                print(f"{slug}: bare, watched, alone", flush=True)
                found = compare(bare, pool, slug, {}, rounds=rounds, seconds=seconds)
                if found is not None:
                    _speed(watching, slug, found)
                _frames(watching, slug, bare.ask(slug, {}, frames=15))
            if "neural_network" in labs:
                for seeds, target in ((1, 180.0), (64, 8_000.0)):
                    _playground(playground, bare, pool, seeds=seeds, target=target, quick=quick)
    finally:
        pool.close()
    return [topic for topic in (watching, playground) if topic.rows]


def _playground(topic: Topic, bare: Bare, pool: ProcessPool, *, seeds: int, target: float, quick: bool) -> None:
    print(f"Playground's network, {seeds} seeds: bare, watched, alone", flush=True)
    params = {**PLAYGROUND, "seeds": str(seeds)}
    found = compare(bare, pool, "neural_network", params, rounds=3, seconds=1.0 if quick else 2.0)
    assert found is not None  # this lab never ends by itself
    unit = "epochs/s" if seeds == 1 else "network-epochs/s"
    names = {"bare": "bare loop", "alone": "on a bench, nobody watching", "watched": "on a bench, one page watching"}
    for kind, words in names.items():
        rates = [seeds * rate for rate in found.rates(kind)]
        note = f"{_spread(rates, ',.0f')}"
        if kind != "bare":
            note += f"; keeps {statistics.median(found.ratio(kind)):.2f} of the bare loop"
        who = "one network" if seeds == 1 else f"{seeds} networks"
        aim = None if kind == "bare" else target
        topic.add(Row(f"{who}, {words}", statistics.median(rates), unit, aim, note=note))
