"""A loop around `Experiment.step` and nothing else, in a process of its own: what a run on a bench is compared with.

And a loop around a picture and nothing else: with what a worker that many watch is compared.

Reads one request a line from standard input and answers each with one line; `benchmarks.engine` starts it.
"""

from __future__ import annotations

import json
import pickle
import statistics
import sys
import time
from typing import Any

import torch

import engine
from engine.live.keys import Keys
from engine.live.pictures import Pictures
from engine.runs.bench import Bench


def loop(experiment: Any, seconds: float) -> dict[str, Any]:
    """Train for `seconds`; return steps, seconds on the clock, seconds of processor, and whether it ended early."""
    steps, cpu, began = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - began < seconds and not experiment.done:
        experiment.step()
        steps += 1
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"steps": steps, "seconds": seconds, "cpu": cpu, "done": experiment.done}


def frames(experiment: Any, count: int) -> dict[str, float]:
    """Milliseconds of `frame()`, each after a step, and kilobytes of one."""
    took = []
    for _ in range(count):
        experiment.step()
        began = time.perf_counter()
        frame = experiment.frame()
        took.append(1e3 * (time.perf_counter() - began))
    return {"median": statistics.median(took), "low": min(took), "high": max(took),
            "kB": len(pickle.dumps(frame, protocol=5)) / 1e3}  # fmt: skip


def picture(slug: str, params: dict[str, str], count: int) -> dict[str, float]:
    """Seconds of processor that a picture of the stage takes, each after a step: frame, view and packing."""
    bench = Bench(device="cpu")
    bench.call("open", "bare", slug, engine.lab(slug).Config.from_params(params))
    pictures, keys, timeline = Pictures(bench), Keys(), bench.runs["bare"]
    took = []
    for number in range(count):
        timeline.advance(0.0, lambda: False)  # a step
        began = time.process_time()
        scene = pictures.make("bare", "stage")
        assert scene is not None
        keys.messages(scene, {"n": number}, {1: range(number)})  # for one who has confirmed all before
        took.append(time.process_time() - began)
    return {"cpu": statistics.mean(took[count // 4 :])}  # the first ones make what later ones keep


def main() -> None:
    torch.set_num_threads(1)  # as in the workers
    for line in sys.stdin:
        request = json.loads(line)
        if "pictures" in request:
            print(json.dumps(picture(request["slug"], request["params"], request["pictures"])), flush=True)
            continue
        module = engine.lab(request["slug"])
        experiment = module.Experiment(module.Config.from_params(request["params"]), "cpu")
        if "frames" not in request:
            loop(experiment, request["skip"])
        answer = frames(experiment, request["frames"]) if "frames" in request else loop(experiment, request["seconds"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
