"""Anything at all on the socket of a run: no message harms its worker, in which others train, or another run."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hall import Hall
from hypothesis import given
from hypothesis import strategies as st
from scene_format import decode

import engine
from engine.live import protocol
from engine.live.viewer import Viewers
from engine.runs import marks, timeline
from engine.runs.bench import Bench

ODD = (0, -1, 10**18, -(10**18), 10**4000, 1e308, float("nan"), float("inf"), -0.5, True, None, "", "0", "\ud800",
       "\u202e", "=1+1", "x" * 5_000, [], {}, [[]], [1, 2], {"a": {}}, [0.5, float("nan")])  # fmt: skip
FIELDS = ("id", "run", "verb", "value", "rough", "knobs", "panel", "held", "kind", "index", "x", "y", "layer", "source",
          "target", "start", "stop", "points", "strokes", "key", "parts", "panels", "beside", "n", "may")  # fmt: skip
values = st.one_of(
    st.sampled_from(ODD), st.sampled_from(["play", "step", "seek", "reset", "speed", "run0", "run1", "plane", "stage"]),
    st.dictionaries(st.sampled_from(["seed", "rate", "width", "no such knob"]), st.sampled_from(["1", 1, ODD[5]])),
    st.recursive(st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)),
)  # fmt: skip
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["hello", "ack", "seen", "do", "turn", "pick", "leave", "status", ""])},
    optional={name: values for name in FIELDS} | {"id": st.sampled_from(["act-act-act", "act-act-two", *ODD])},
)  # fmt: skip


@given(st.lists(messages, max_size=12), st.sampled_from(["steer", "watch"]))
def test_any_message_is_done_refused_or_passed_over(faulty: type, told: list[dict[str, Any]], may: str) -> None:
    """And the run beside it on the bench, of somebody else, is as it was; all that is said is strict JSON."""
    hall = Hall(faulty, runs=2)
    hall.hello(1, may=may)
    beside = hall.bench.runs["run1"]
    before = beside.report()
    for message in told:
        try:
            text = json.dumps(message)
            message = protocol.read(text)
        except ValueError:  # the relay passes over it, and says nothing to the worker
            continue
        if message["type"] != "leave":  # a browser cannot say it: the relay does
            hall.viewers.hear(1, "run0", {**message, "may": may})
        hall.serve(1)
    assert beside.report() == before
    if may == "watch":
        assert hall.bench.runs["run0"].last_step == 0 and hall.bench.runs["run0"].interventions == []


def test_nobody_changes_a_run_so_often_that_it_costs_others(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mark goes with every picture, and every value of a drag into every copy of the run: both are bounded."""
    monkeypatch.setattr(marks, "MOST", 20)
    monkeypatch.setattr(timeline, "CHANGES", 50)
    hall = Hall(faulty)
    hall.hello(1, may="steer")

    def turned(number: int) -> str | None:
        refused: str | None = hall.act(1, "turn", knobs={"rate": f"{0.01 * (number + 1)}"})["refused"]
        return refused

    for number in range(20):
        assert turned(number) is None
        hall.step()
    assert "changed so often" in (turned(20) or "")
    assert len(hall.statuses(1)[-1]["marks"]) == 20
    hall.step()  # it trains on
    hall.do(1, "reset")
    for number in range(50):  # at one step they are one mark
        assert turned(number) is None
    assert "changed so often" in (turned(50) or "") and len(hall.bench.runs["run0"].interventions) == 50


@pytest.mark.parametrize("slug", engine.labs())
def test_no_pick_harms_the_run_in_which_it_is_made(slug: str) -> None:
    """Whatever a browser says was picked, in any panel: it is done, or refused in a sentence."""
    bench, sent = Bench(), []
    viewers = Viewers(bench, lambda _, what: sent.append(what))
    bench.call("open", "run0", slug, engine.lab(slug).Config())
    viewers.hear(1, "run0", {"type": "hello", "may": "steer"})
    viewers.serve()
    panels = [
        panel["key"] for what in sent if isinstance(what, bytes) for row in decode(what)[0]["rows"] for panel in row
    ]
    assert panels
    for number, (panel, odd) in enumerate(itertools.product([*dict.fromkeys(panels), "none"], ODD[:4] + ODD[5:])):
        kind = ("plane", "point", "node", "edge", "sample", "latent", "span", odd)[number % 8]
        where = dict.fromkeys(("index", "x", "y", "layer", "source", "target", "value", "start", "stop"), odd)
        viewers.hear(1, "run0", {"type": "pick", "id": f"act-{number:010}", "panel": panel, "kind": kind, **where})
        refused = json.loads([what for what in sent if isinstance(what, str)][-1]).get("refused")
        assert refused is None or refused.endswith("."), refused
    while bench.tick():
        pass
    assert bench.runs["run0"].status == "paused"
