"""The first page after a cold start took 11.6 s: modules were imported, here and in the workers, when somebody came.

Now that is done when the server first says that it is healthy; and a server whose workers do not start says so.
"""

from __future__ import annotations

import dataclasses
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from pools import SMALL
from visitor import Server, serve, visit

from engine.contract import registry
from engine.runs.pool import PoolError
from engine.runs.processes import ProcessPool

OURS = ("engine", "ui")
LARGE = ("numpy", "pandas", "pyarrow", "PIL", "altair", "plotly")
BROKEN = "raise ImportError('this build of torch is for another machine')"


def loaded(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.address}/loaded", timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def torch_that(does: str, folder: Path) -> str:
    """A folder for PYTHONPATH, with a torch that does this when it is imported."""
    (folder / "torch.py").write_text(f"import time\n{does}\n", encoding="utf-8")
    return str(folder)


@pytest.mark.browser
def test_what_the_first_page_needs_is_there_when_the_server_is_healthy(browser: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "log.txt", asgi="tests.cases.what_is_loaded:app", PLAYGROUND_WORKERS="2") as server:
        before = loaded(server)
        parts = {f"engine.labs.{slug}.{part}" for slug in registry.own() for part in ("experiment", "view")}
        for worker in before["workers"]:
            assert parts | {"torch._dynamo", "sklearn.datasets"} <= set(worker)
        with visit(browser, server.address) as visitor:
            visitor.open("neural_network")
            assert visitor.step_number() == 0
            visitor.canvases.first.wait_for()
        late = set(loaded(server)["here"]) - set(before["here"])
        assert [name for name in sorted(late) if name.partition(".")[0] in (*OURS, *LARGE)] == []


@pytest.mark.parametrize("does", [BROKEN, "time.sleep(600)"], ids=["broken", "hangs"])
def test_a_worker_that_does_not_start_ends_the_wait(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", torch_that(does, tmp_path))
    pool = ProcessPool(dataclasses.replace(SMALL, start_timeout=2.0))
    try:
        with pytest.raises(PoolError, match=r"ended before it was ready|not ready within 2 seconds"):
            pool.warm()
    finally:
        pool.close()


def test_a_server_whose_workers_do_not_start_says_so_and_answers(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": torch_that(BROKEN, tmp_path), "PLAYGROUND_WORKERS": "1"}
    with serve(tmp_path / "log.txt", **environment) as server:  # it is healthy, or this would not begin
        said = server.log.read_text(encoding="utf-8")
        assert "this build of torch is for another machine" in said
        assert "The server starts, but nothing can be trained yet. A worker ended before it was ready" in said


def test_a_module_that_cannot_be_imported_costs_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ui import imports

    monkeypatch.setattr(registry, "own", lambda: ("gan", "no_such_lab", "vae"))
    imports.import_pages()
    sentences = [record.message for record in caplog.records]
    assert sentences == ["engine.labs.no_such_lab.config cannot be imported: pages that need it will fail."]
