"""What is taken home: a lab in plain PyTorch with the visitor's knobs, and what it does not know."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import drive
import pytest
from pools import misbehaving, pool_of, until
from streamlit.testing.v1 import AppTest
from visitor import ROOT

import engine
from engine import runs
from engine.contract import plain
from engine.runs.pool import PoolError
from engine.runs.processes import ProcessPool
from ui.share import measured, patiently, python


@pytest.fixture(autouse=True)
def _no_run_is_left() -> Iterator[None]:
    yield
    runs.stop()


def test_the_source_begins_with_the_plain_form_as_the_knobs_are_set() -> None:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page("../pages/grokking.py")
    app.query_params["p"], app.query_params["learning_rate"] = "31", "0.02"
    app.run()
    app.session_state["grokking.tab"] = "Source"
    drive.step(app, "grokking")
    first = app.code[0].value
    assert plain.constants(first)["P"] == 31 and plain.constants(first)["LEARNING_RATE"] == 0.02
    assert plain.constants(first)["WIDTH"] == engine.lab("grokking").Config().width
    assert not any("does not know" in caption.value for caption in app.caption)


def test_a_choice_that_a_plain_form_lacks_is_said_and_left_as_by_default() -> None:
    form = python("neural_network", engine.lab("neural_network").Config(optimiser="lion", data="xor", norm="batch"))
    assert form is not None
    assert form.said.endswith("It does not know Norm, Optimiser Lion, so it is another run than this one.")
    assert plain.constants(form.text)["OPTIMISER"] == "adam" and plain.constants(form.text)["DATA"] == "xor"


@pytest.mark.parametrize(("knobs", "changed", "said"), [
    ({}, False, "nothing of ours."),
    ({"weight_decay": 0.5, "seed": 3}, True, "What you did on the way is not in it."),
    ({"operation": "parity"}, False, "It does not know Operation, so it is another run than this one."),
])  # fmt: skip
def test_what_a_plain_form_lacks_is_said(knobs, changed, said) -> None:
    config = engine.lab("grokking").Config(**knobs)
    form = python("grokking", config, changed=changed)
    assert form is not None and form.said.endswith(said)
    assert plain.constants(form.text)["SEED"] == config.seed


def test_a_download_waits_for_the_worker_that_takes_over() -> None:
    with misbehaving() as config_class, pool_of("processes") as pool:
        assert isinstance(pool, ProcessPool)
        run = pool.open("faulty", config_class(seed=5))
        run.step(30)
        until(run, lambda look: look.step == 30)
        before = measured(run)
        os.kill(pool.pids()[pool._records[run.id].place], signal.SIGKILL)
        after = patiently(lambda: measured(run), seconds=60)
        steps, values = after["loss"]
        assert len(steps) and values.tolist() == before["loss"][1][: len(steps)].tolist()
        assert patiently(run.weights, seconds=60)


def test_what_cannot_be_made_is_said_in_the_end() -> None:
    def never() -> bytes:
        raise PoolError("Nobody is there.")

    with pytest.raises(PoolError, match=r"^Nobody is there\.$"):
        patiently(never, seconds=0)
