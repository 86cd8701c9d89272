"""What visitors bring is read in a worker: the contract over every home, and what a file can do to a worker."""

from __future__ import annotations

import dataclasses
import importlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pools import SMALL, answered, at_rest, pool_of, read_by, until

import engine
from engine.contract import weights
from engine.contract.reading import ReadError
from engine.data import shelf
from engine.runs import reading
from engine.runs.inline import InlinePool
from engine.runs.pool import Pool
from engine.runs.processes import HEAVY, ProcessPool

MISREAD = "engine.labs.faulty:misread"
POINTS = b"x,y,kind\n" + b"".join(b"%d,%d,%s\n" % (i * 7 % 11, i * 5 % 13, b"ab"[i % 2 :][:1]) for i in range(30))


@pytest.fixture
def pool(pool: Pool) -> Iterator[Pool]:
    with read_by(pool, "misread", MISREAD):
        yield pool


@pytest.fixture
def processes(processes: ProcessPool) -> ProcessPool:
    processes.readers["misread"] = MISREAD
    return processes


@pytest.mark.parametrize("size", [4, HEAVY + 1, 20_000_000])
def test_bytes_are_read_where_the_runs_are(pool: Pool, size: int) -> None:
    read = pool.read("misread", b"abcd" + bytes(size - 4))
    assert read["length"] == size and read["array"].tolist() == [97, 98, 99, 100]
    assert (read["process"] == os.getpid()) == isinstance(pool, InlinePool)


def test_what_cannot_be_used_gets_the_sentence_of_its_reader(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ReadError, match=r"^3 bytes are too few\.$"):
        pool.read("misread", b"abc", how="refuse")
    with pytest.raises(ReadError, match=r"^This could not be read; it may be damaged\.") as caught:
        pool.read("misread", b"abc", how="raise")
    assert "nobody thought" not in str(caught.value)
    if isinstance(pool, InlinePool):
        assert "nobody thought of this file" in caplog.text
    assert pool.read("misread", b"abc")["length"] == 3


def test_a_page_gets_plain_values_from_the_readers_that_there_are(pool: Pool) -> None:
    table = pool.read("table", POINTS, how={})
    assert table["refused"] == "" and table["columns"] == ("x", "y", "kind") and "Read as: commas" in table["notes"][0]
    rows = pool.read("packed_points", table["points"].encode(), paper="classes")
    assert np.shape(rows) == (30, 3)
    with pytest.raises(ReadError, match=r"^The drawn points in this link are damaged"):
        pool.read("packed_points", b"?", paper="cloud")


def test_every_reader_is_there() -> None:
    for reader in reading.READERS.values():
        module, function = reader.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_worker_with_fewest_runs_reads_unless_it_reads_already(processes: ProcessPool, faulty: type) -> None:
    pids, run = processes.pids(), processes.open("faulty", faulty())
    busy = processes._records[run.id].place
    assert busy is not None
    assert processes.read("misread", b"abc")["process"] == pids[1 - busy]
    with ThreadPoolExecutor() as threads:
        hanging = threads.submit(processes.read, "misread", b"", how="hang")
        while not processes._reading[1 - busy]:
            pass
        assert processes.read("misread", b"abc")["process"] == pids[busy]
        processes.close()  # nobody waits any longer
        assert "was lost" in str(hanging.exception(timeout=30))


@pytest.mark.parametrize("how", ["die", "hang"])
def test_a_file_that_takes_its_worker_along_costs_a_sentence_and_no_run(
    processes: ProcessPool, faulty: type, how: str
) -> None:
    runs = [processes.open("faulty", faulty(seed=i)) for i in range(2)]
    for run in runs:
        run.play()
        until(run, lambda look: look.step > 50)
    before = processes.pids()
    with pytest.raises(ReadError, match="was lost"):
        processes.read("misread", b"bomb", how=how)
    for run in runs:
        step = answered(run).step
        until(run, lambda look, step=step: look.status == "running" and look.step > step)
        assert processes._records[run.id].crashes == 0
    processes.wait_ready()
    assert processes.pids() != before and processes.read("misread", b"abc")["length"] == 3


def test_a_bomb_that_swells_gets_a_sentence_and_its_worker_lives(workers: ProcessPool, faulty: type) -> None:
    workers.readers["misread"] = MISREAD
    workers.wait_ready()
    run = workers.open("faulty", faulty())
    before = workers.pids()
    for _ in range(2):
        with pytest.raises(ReadError, match=r"more memory than the 2,000 MB"):
            workers.read("misread", b"bomb", how="swell")
    run.step(3)
    assert until(run, at_rest).status == "paused" and workers.pids() == before
    run.close()


def test_whoever_waits_too_long_is_told(faulty: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pool_of("processes", dataclasses.replace(SMALL, workers=1, read_timeout=0.5, hang_after=60.0)) as pool:
        pool.readers["misread"] = MISREAD
        with pytest.raises(ReadError, match=r"not be read within 0\.5 seconds"):
            pool.read("misread", bytes(HEAVY + 1), how="hang")
        assert list(tmp_path.iterdir()) == []  # nothing is left of what was brought


def test_weights_go_onto_the_shelf_with_what_made_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    with pool_of("inline") as pool:
        run = pool.open("cnn_filters", engine.lab("cnn_filters").Config(channels=(4,)))
        key = run.keep_weights()
        kept, given = weights.read(shelf.fetch(key)), weights.read(run.weights())
        assert kept.about == given.about == pool.read("kept_network", key.encode())
        assert all((kept.tensors[name] == tensor).all() for name, tensor in given.tensors.items())
        with pytest.raises(ReadError, match="no longer on this server's shelf"):
            pool.read("kept_network", b"0" * 20)
