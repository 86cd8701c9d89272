"""What is taken home is inert: whatever a visitor or a link has put into a run is a text in it, and nothing else."""

from __future__ import annotations

import ast
import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from plain_page import PlainPage

import engine
from engine.contract import plain as plain_form
from engine.runs import export, story
from engine.runs.history import Intervention

HOSTILE = (
    "'); __import__('os').system('touch owned') #", '"""\nimport os\n"""', "\\", "'''", "\n\nimport os", "\r\nx=1",
    "\u2028import os", "# engine.show", "metrics = {}\n", "        metrics = experiment.step()", "{config}", "%s",
    "=HYPERLINK(\"http://evil.example\")", "\x00", "\u202e", "</script><script>alert(1)</script>", "${x}", "`id`",
)  # fmt: skip
FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1")


def calls(source: str) -> set[str]:
    """Everything that a script calls, imports or sets, by the words in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.add(ast.unparse(node))
    return found


@pytest.mark.parametrize("slug", engine.labs())
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_becomes_code(slug: str, text: str) -> None:
    config = engine.lab(slug).Config()
    ours = calls(export.script(slug, config, steps=2, interventions=[Intervention(1, config)]))
    for name, knob in config.knobs().items():
        if knob.kind == "text":  # what a Config has checked is beside the point: what it holds is written
            object.__setattr__(config, name, text)
    did = [Intervention(1, config), Intervention(2, {text: text, "value": 1.5})]
    for source in (export.script(slug, config, steps=2, interventions=did), in_notebook(slug, config, did)):
        assert calls(source) <= ours | {"experiment.edit", "history.append", "engine.show", *DRAWING}
        assert source.isascii() and text in constants(source)


DRAWING = calls(export._DRAW)


@pytest.mark.parametrize("slug", [slug for slug in engine.labs() if plain_form.file(slug).exists()])
def test_no_text_becomes_code_in_the_plain_form(slug: str) -> None:
    source = plain_form.file(slug).read_text(encoding="utf-8")
    for text in HOSTILE:
        config = engine.lab(slug).Config()
        names = [name for name, knob in config.knobs().items() if knob.kind == "text"]
        for name in names:
            object.__setattr__(config, name, text)
        made = plain_form.with_config(source, config)
        assert calls(made) == calls(source) and len(ast.parse(made).body) == len(ast.parse(source).body)
        assert all(plain_form.constants(made).get(name.upper(), text) == text for name in names)


def in_notebook(slug: str, config: Any, did: list[Intervention]) -> str:
    cells = json.loads(export.notebook(slug, config, steps=2, interventions=did))["cells"]
    assert len(cells) == 4
    return "\n".join(cell["source"] for cell in cells)


def constants(source: str) -> set[object]:
    return {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("name", FORMULAS, ids=ascii)
def test_no_cell_of_a_table_is_a_formula(name: str) -> None:
    curves = {name: (np.array([1, 2]), np.array([-0.5, np.nan]))}
    head, *rows = csv.reader(io.StringIO(export.table(curves), newline=""))
    assert head == ["step", f"'{name}"] and rows == [["1", "-0.5"], ["2", "nan"]]


@pytest.mark.browser
def test_no_cell_of_a_table_that_the_browser_writes_is_a_formula(plain: PlainPage) -> None:
    plain.clear()
    table = plain.page.evaluate(
        """async (names) => {
          const { csv } = await import("./assets/scene/curve_table.js");
          return csv("step", names.map((name) => ({ name, x: [1], y: [-0.5] })));
        }""",
        [*FORMULAS, 'a "quoted", name'],
    )
    head, row = csv.reader(io.StringIO(table, newline=""))
    assert head == ["step", *(f"'{name}" for name in FORMULAS), 'a "quoted", name']
    assert row == ["1", *["-0.5"] * (len(FORMULAS) + 1)]
    assert plain.problems == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 4_000, '"__import__"', "[[]]", "{}"])
def test_what_a_link_sets_by_hand_is_a_finite_number_or_left_out(value: str) -> None:
    """So the script of a run that came by a link is a script."""
    lab = engine.lab("neural_network")
    did = f'[[0,{{"edit":{{"layer":0,"source":0,"target":0,"value":{value}}}}}]]'
    try:
        told = story.read(did, lab.Config())
    except engine.ConfigError as error:
        assert "Link and export" in str(error)
        return
    experiment = lab.Experiment(lab.Config())
    with pytest.raises(engine.ConfigError):
        experiment.edit(told[0].change)
