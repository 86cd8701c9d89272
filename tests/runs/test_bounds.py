"""What one run may take of a worker, and one visitor of the readers: whoever wants more is told, and others go on."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pools import SMALL, at_rest, bare, drawn, pool_of, read_by, until

from engine.contract.reading import ReadError
from engine.runs import memory
from engine.runs.cores import memory_mb
from engine.runs.pool import Pool
from engine.runs.processes import ProcessPool

ANNA, BERT = "a" * 22, "b" * 22


# ------------------------------------------------------------------ memory of a worker


def test_a_run_that_wants_too_much_memory_is_told_and_costs_nobody_else_anything(faulty: type) -> None:
    limits = dataclasses.replace(SMALL, workers=1, runs_per_worker=3, worker_memory_mb=1_000, spare_memory_mb=1_000)
    with pool_of("processes", limits) as pool:
        assert isinstance(pool, ProcessPool)
        before = pool.pids()
        others = [pool.open("faulty", faulty(seed=3), ANNA) for _ in range(2)]
        greedy = pool.open("faulty", faulty(fault="swell", at=1), BERT)
        greedy.play()
        look = until(greedy, at_rest)
        assert look.status == "failed" and "more memory than a run may use" in look.message
        assert "take smaller settings" in look.message and look.message.endswith("Reset starts it again.")
        for run in others:
            run.step(40)
            np.testing.assert_array_equal(drawn(until(run, at_rest)).weights, bare(faulty(seed=3), 40)[1])
        assert pool.pids() == before  # the worker was not lost over it
        assert pool.places() == {0: 3}  # and has given the memory back, or it would take no more
        greedy.reset(faulty())
        greedy.step(5)
        assert until(greedy, at_rest).step == 5


@pytest.mark.parametrize("error", [
    MemoryError(), RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
])  # fmt: skip
def test_what_lacks_memory_is_known(error: Exception) -> None:
    assert memory.lacks(error) and not memory.lacks(RuntimeError("the dog ate it"))


@pytest.mark.parametrize(("said", "limit", "wanted"), [
    ("0::/\n", "2000000000\n", 2_000.0), ("0::/a/b\n", "2000000000\n", 2_000.0), ("0::/\n", "max\n", 3_000.0),
    ("0::/\n", "9000000000\n", 3_000.0), ("4:memory:/a\n", "2000000000\n", 3_000.0), ("", "2000000000\n", 3_000.0),
])  # fmt: skip
def test_a_container_s_memory_counts_where_it_can_be_read(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, said: str, limit: str, wanted: float
) -> None:
    pages = {"SC_PAGE_SIZE": 1_000, "SC_PHYS_PAGES": 3_000_000}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    mine, group = tmp_path / "cgroup", tmp_path / "groups"  # type: ignore[operator]
    (group / "a").mkdir(parents=True)
    mine.write_text(said, encoding="utf-8")
    (group / ("a" if "/a" in said else "") / "memory.max").write_text(limit, encoding="utf-8")
    assert memory_mb(mine, group) == wanted


# ------------------------------------------------------------------ a step that takes long


def test_a_step_that_takes_too_long_pauses_its_run_and_says_so(faulty: type) -> None:
    with pool_of("inline", dataclasses.replace(SMALL, step_seconds=0.2)) as pool:
        slow, sleeps = (pool.open("faulty", faulty(fault=fault, at=3)) for fault in ("work", "slow"))
        slow.play()
        look = until(slow, at_rest)
        assert (look.status, look.step) == ("paused", 3) and "everybody else on this server waits" in look.message
        assert "Take smaller settings" in look.message
        slow.play()
        assert until(slow, at_rest).step == 4  # one more each time
        sleeps.step(5)
        assert until(sleeps, at_rest).step == 5  # a machine that was busy with others is no fault of a run


# ------------------------------------------------------------------ what visitors bring


@pytest.mark.parametrize("kind", ["table", "picture", "text", "network"])
def test_a_file_that_is_too_large_is_refused_before_a_worker_gets_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(pool, "limits", dataclasses.replace(pool.limits, **{f"{kind}_mb": 0.5}))
    with read_by(pool, kind, "engine.labs.faulty:misread"):
        with pytest.raises(ReadError, match=r"^The file has 0\.6 MB; at most 0\.5 MB are accepted\.$"):
            pool.read(kind, bytes(600_000))
        assert pool.read(kind, bytes(500_000))["length"] == 500_000


def test_a_browser_has_so_many_files_read_at_once_and_others_have_theirs(faulty: type) -> None:
    limits = dataclasses.replace(SMALL, reading=2, reading_per_owner=1, read_timeout=0.2)
    with pool_of("inline", limits) as pool, ThreadPoolExecutor(2) as threads:
        pool.readers["misread"] = "engine.labs.faulty:misread"
        begun, over = threading.Event(), threading.Event()
        send = pool.send

        def held(place: int, verb: str, run_id: str, args: tuple[object, ...], timeout: float) -> object:
            if args[1] == b"held":
                begun.set()
                assert over.wait(60)
            return send(place, verb, run_id, args, timeout)

        pool.send = held  # type: ignore[method-assign]
        first = threads.submit(pool.read, "misread", b"held", owner=ANNA)
        assert begun.wait(60)
        with pytest.raises(ReadError, match=r"Too many files are being read .*try again"):
            pool.read("misread", b"more", owner=ANNA)
        assert pool.read("misread", b"theirs", owner=BERT)["length"] == 6
        begun.clear()
        second = threads.submit(pool.read, "misread", b"held", owner=BERT)
        assert begun.wait(60)
        with pytest.raises(ReadError, match="Too many files are being read"):
            pool.read("misread", b"as many as there may be in all")
        over.set()
        assert first.result(60)["length"] == second.result(60)["length"] == 4
        assert pool.read("misread", b"more", owner=ANNA)["length"] == 4
        assert not pool._brought and not pool._reading.total()
