"""The table for hosts: every variable that the code reads stands in docs/hosting.md, with its default, and no other."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import engine
from engine.contract.bounds import LEAST, CostBounds
from engine.contract.knobs import ConfigError
from engine.contract.lesson import lessons
from engine.doctor import settings
from engine.runs.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(PLAYGROUND_[A-Z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
BOUNDS = {f"PLAYGROUND_{field.name.upper()}": field for field in dataclasses.fields(Limits)}
SHARES = {"PLAYGROUND_SLIDES_SHARE", "PLAYGROUND_DRAWING_SHARE"}  # of a whole
FOUND_OUT = {"PLAYGROUND_WORKERS", "PLAYGROUND_WORKER_MEMORY_MB"}  # defaults that depend on the machine


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall((ROOT / "docs" / "hosting.md").read_text(encoding="utf-8"))


def named_in_code() -> set[str]:
    """Every variable that is written out anywhere in what a host runs."""
    files = [ROOT / "app.py", ROOT / "Dockerfile", ROOT / "compose.yaml", *ROOT.glob("deploy/**/*")]
    files += [file for folder in ("engine", "ui", "pages", "assets") for file in (ROOT / folder).rglob("*")]
    texts = [file.read_text(encoding="utf-8") for file in files if file.suffix in (".py", ".js", ".yaml", ".toml", "")
             and file.is_file()]  # fmt: skip
    return {name for text in texts for name in re.findall(r"PLAYGROUND_[A-Z]+(?:_[A-Z]+)*\b", text)}


def test_every_variable_that_is_read_stands_in_the_table_once_and_no_other() -> None:
    names = [name for name, _, _ in rows()]
    assert len(names) == len(set(names)) > 40
    assert set(names) == BOUNDS.keys() | named_in_code()


def test_the_doctor_knows_the_same_variables() -> None:
    assert {name for name, _, _ in rows()} == settings.KNOWN


def test_the_defaults_are_those_of_the_code() -> None:
    said = {name: default for name, default, _ in rows() if name in BOUNDS.keys() - FOUND_OUT}
    assert said == {name: f"{field.default:.10g}" for name, field in BOUNDS.items() if name not in FOUND_OUT}


@pytest.mark.parametrize("name", BOUNDS)
def test_each_bound_is_taken_from_its_variable(name: str) -> None:
    field = BOUNDS[name]
    good = "1" if name.endswith("_SHARE") else "7"
    assert getattr(Limits.from_environment({name: f" {good}"}), field.name) == int(good)
    assert Limits.from_environment({name: ""}) == Limits()  # as Compose passes on what is not set
    for wrong in ("0", "-1", "many", "nan", "inf", "1e400", "9" * 20, "1.01" if name in SHARES else "-.5"):
        with pytest.raises(ValueError, match=rf"^{name}=.*(give|is no).*\.$"):
            Limits.from_environment({name: wrong})


def test_a_share_of_a_step_with_which_no_lesson_could_begin_is_refused() -> None:
    assert CostBounds.from_environment({"PLAYGROUND_STEP_SHARE": f"{LEAST}"}).step_share == LEAST
    with pytest.raises(ValueError, match=r"^PLAYGROUND_STEP_SHARE=0\.7: give at least 0\.75"):
        CostBounds.from_environment({"PLAYGROUND_STEP_SHARE": "0.7"})


@pytest.mark.parametrize("slug", engine.labs())
def test_with_the_least_share_every_lab_and_each_of_its_lessons_begins(
    slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_STEP_SHARE", f"{LEAST}")
    config = engine.lab(slug).Config
    assert config() == config.from_params({})
    for lesson in lessons(slug):
        assert isinstance(lesson.config(config), config)
        assert lesson.compared(config) is None or isinstance(lesson.compared(config), config)


def test_what_a_step_may_cost_is_the_host_s_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    config, large = engine.lab("gan").Config, {"seeds": "8", "batch_size": "512", "critic_steps": "5"}
    with pytest.raises(ConfigError, match=r"^seeds = 8 .*about \d+ milliseconds.*; 20 are allowed\. Lower") as at_one:
        config.from_params(large)
    assert at_one.value.knob == "seeds"
    monkeypatch.setenv("PLAYGROUND_STEP_SHARE", "0.8")
    with pytest.raises(ConfigError, match="; 16 are allowed"):
        config.from_params(large)
    monkeypatch.setenv("PLAYGROUND_STEP_SHARE", "50")
    assert config.from_params(large).critic_steps == 5
