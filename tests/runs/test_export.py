"""What is taken home: strict JSON, plain ASCII, and the same run."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.__main__ import main
from engine.runs import export
from engine.runs.history import Intervention


def strictly(text: str) -> Any:
    """What a reader makes of it that knows JSON and no more: Python's own takes NaN and Infinity too."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_what_is_not_finite_is_null() -> None:
    line = export.json_line(3, {"loss": math.nan, "norm": math.inf, "low": -math.inf, "fine": 0.1, "β": 1.0})
    assert line.isascii() and "\n" not in line
    assert strictly(line) == {"step": 3, "loss": None, "norm": None, "low": None, "fine": 0.1, "β": 1.0}


DIVERGES = {"data": "regression_plane", "hidden": "16,16,16,16", "activation": "relu",
            "optimiser": "gradient_descent", "learning_rate": "10"}  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_that_diverges_prints_strict_json(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    knobs = DIVERGES | {"seed": str(seed)}
    words = [word for name, value in knobs.items() for word in ("--set", f"{name}={value}")]
    assert main(["run", "neural_network", *words, "--steps", "20", "--device", "cpu", "--json"]) == 0
    rows = [strictly(line) for line in capsys.readouterr().out.splitlines()]
    lab = engine.lab("neural_network")
    told = list(engine.train(lab.Experiment(lab.Config.from_params(knobs)), 20))
    assert not all(math.isfinite(value) for metrics in told for value in metrics.values())
    for step, (row, metrics) in enumerate(zip(rows, told, strict=True), 1):
        assert row == {"step": step} | {n: v if math.isfinite(v) else None for n, v in metrics.items()}


@pytest.mark.parametrize("slug", engine.labs())
def test_files_are_ascii_whatever_was_typed(slug: str) -> None:
    made = engine.lab(slug).Config
    texts = {name: "é日\ud800\U0001f600" for name, knob in made.knobs().items() if knob.kind == "text"}
    config = made()
    for name, text in texts.items():  # what a Config has checked is beside the point: what it holds is written
        object.__setattr__(config, name, text)
    edits = [Intervention(1, {"name": "ü", "value": 1.5})]
    script = export.script(slug, config, steps=2, interventions=edits)
    assert script.isascii() and compile(script, "run.py", "exec")
    assert export.notebook(slug, config, steps=2, interventions=edits).isascii()
    for name, text in texts.items():
        assert f"{name}={text!a}" in script


def test_the_last_line_of_a_script_draws_the_stage_if_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = export.script("gradient_descent", engine.lab("gradient_descent").Config(), steps=2)
    exec(script, {})
    assert list(tmp_path.iterdir()) == []
    exec(script.replace("# engine.show", "engine.show"), {})
    assert "<title>The loss" in (tmp_path / "picture.html").read_text(encoding="utf-8")


def test_words_of_the_visitor_do_not_cut_a_notebook_short() -> None:
    config = engine.lab("adversarial_examples").Config(network="# engine.show")
    cells = [cell["source"] for cell in json.loads(export.notebook("adversarial_examples", config, steps=2))["cells"]]
    assert "'# engine.show'" in cells[0] and "history.append" in cells[1] and len(cells) == 4
    assert cells[-2] == "engine.show(experiment, history=history)"


def test_a_script_asks_for_nothing_but_the_repository(tmp_path: Path) -> None:
    lab = engine.lab("gradient_descent")
    script = tmp_path / "run.py"
    script.write_text(export.script("gradient_descent", lab.Config(seed=7), steps=3), encoding="ascii")
    root = Path(__file__).resolve().parents[2]
    said = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    first, *lines = said.stdout.splitlines()
    *_, last = engine.train(lab.Experiment(lab.Config(seed=7)), 3)
    assert first == "after 3 steps" and lines == [f"{name} = {value!r}" for name, value in last.items()]


@pytest.mark.parametrize("slug", engine.labs())
def test_every_metric_has_a_name_that_every_table_takes(slug: str) -> None:
    lab = engine.lab(slug)
    assert all(name.isascii() and name != "step" for name in lab.Experiment(lab.Config()).step())
