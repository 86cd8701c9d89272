"""A pool in this process, for tests, scripts and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.runs import reading
from engine.runs.audience import WATCHING, gather
from engine.runs.bench import Bench
from engine.runs.limits import Limits
from engine.runs.vitals import BenchVitals
from engine.runs.watching import WatchedPool


class InlinePool(WatchedPool):
    """A bench in this process.  A look trains for one slice first, so that whoever watches sees it move."""

    def __init__(self, limits: Limits | None = None, device: str = "auto") -> None:
        super().__init__(limits)
        self._bench = Bench(self.limits, device)
        self._viewers = gather(WATCHING, self._bench, self._deliver)

    def places(self) -> dict[int, int]:
        return {0: self.limits.runs_per_worker}

    def send(self, place: int, verb: str, run_id: str, args: tuple[Any, ...], timeout: float) -> Any:
        if verb == "read":
            return reading.read(*args)
        with self._lock:
            if verb in ("peek", "moment"):
                for _ in self._bench.runs:
                    self._bench.tick()
            answer = self._bench.call(verb, run_id, *args)
            self._viewers.serve()
            return answer

    def hear(self, place: int, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        with self._lock:
            self._viewers.hear(number, run_id, message)
            self._viewers.serve()

    def bench_vitals(self) -> dict[int, BenchVitals]:
        with self._lock:
            return {0: BenchVitals(answers=True, told=self._bench.told())}

    def answering(self) -> int:
        return 1  # it answers whoever asks

    def close(self) -> None:
        with self._lock:
            self._records.clear()
            self._bench.runs.clear()
        self.discard_all()
