"""Two futures of one run, for every lab and without a browser: a link brings both, and a script repeats one exactly.

What a visitor does to come there is the same in every lab: journeys in tests/browser/test_every_page.py do it in three.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import drive
import numpy as np
import pytest
from pools import at_rest, until
from scene_format import decode
from streamlit.testing.v1 import AppTest
from visitor import ROOT

import engine
from engine import runs
from engine.contract.knobs import Knob
from engine.runs import export, story
from engine.runs.history import Look

LABS = engine.labs()


@pytest.fixture(autouse=True)
def _no_run_is_left() -> Iterator[None]:
    runs.stop()
    yield
    runs.stop()


def turned(knob: Knob, share: float) -> float:
    """What the knob says when it is turned up by a `share`."""
    up = knob.default * (1 + share) if knob.default else share * (knob.high or 1.0)
    return float(knob.parse(knob.format(min(up, knob.high or up))))


def pictures(look: Look) -> tuple[list[dict[str, Any]], list[bytes]]:
    """All that is drawn on the stage; a text may say how long something took, and that no link repeats."""
    assert look.stage is not None
    header, arrays = decode(look.stage)
    panels = [panel for row in header["rows"] for panel in row if panel["kind"] != "text"]
    return panels, [array.tobytes() for array in arrays]


def same(one: Look, other: Look) -> None:
    """Both show the same moment: where it is, the pictures, and the curves to the last digit."""
    assert (one.step, one.last_step, one.config) == (other.step, other.last_step, other.config)
    assert pictures(one) == pictures(other) and pictures(one)[1]
    assert one.curves.keys() == other.curves.keys()
    for name, (steps, values) in one.curves.items():
        np.testing.assert_array_equal(other.curves[name], (steps, values), err_msg=name)


@pytest.mark.parametrize("slug", LABS)
def test_a_link_brings_both_futures_and_the_script_repeats_one_to_the_digit(slug: str) -> None:
    config_class = engine.lab(slug).Config
    knob = next(each for each in config_class.knobs().values() if each.live and each.kind == "float" and not each.look)
    first = runs.start("inline").open(slug, config_class(seed=7))
    first.step(2)
    until(first, at_rest)
    first.update({knob.name: turned(knob, 0.1)})
    first.step(6)
    until(first, at_rest)
    first.seek(4)
    config = until(first, at_rest).config
    second = first.branch(4, dataclasses.replace(config, **{knob.name: turned(knob, 0.2)}), beside=True)
    second.step(3)
    until(second, at_rest)
    futures = [run.peek(-1) for run in (second, first)]
    assert [(look.step, look.last_step) for look in futures] == [(7, 7), (4, 8)]
    assert futures[0].config != futures[1].config

    told = second.story()
    link = story.link(slug, told, [(first.story(), first.marches)])
    runs.stop()
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{slug}.py")
    for name, text in parse_qsl(urlsplit(link).query, keep_blank_values=True):
        app.query_params[name] = text
    drive.sound(drive.settle(drive.sound(app.run()), slug))
    assert [warning.value for warning in app.warning] == []
    here = drive.player(app, slug)
    assert here.on_stage is not None
    for look, watched in zip(futures, (here.on_stage, *here.compared), strict=True):
        same(look, watched.run.peek(-1))

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(export.script(slug, told["config"], steps=told["step"], interventions=told["interventions"]), {})
    after, *lines = said.getvalue().splitlines()
    assert after == "after 7 steps"
    last = {name: values[-1] for name, (steps, values) in futures[0].curves.items() if steps[-1] == 7}
    assert dict(line.split(" = ") for line in lines) == {name: repr(float(value)) for name, value in last.items()}
