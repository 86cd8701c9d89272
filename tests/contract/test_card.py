"""Cards: what is told of a lab before anything of it is imported."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import engine
from engine.contract import card, registry
from ui.player import SPEEDS

ROOT = Path(__file__).resolve().parents[2]
GOOD = 'title = "T"\nicon = "hub"\ngroup = "G"\nquestion = "Why?"\n'


def test_every_lab_has_a_card_that_agrees_with_it() -> None:
    cards, wrong = registry.cards()
    assert wrong == [] and {each.slug for each in cards} == set(engine.labs())
    for each in cards:
        lab, knobs = engine.lab(each.slug), engine.lab(each.slug).Config.knobs()
        assert lab.__doc__.strip().splitlines()[0] == each.question and each.question.endswith("?")
        assert set(each.show) | set(each.hidden) | set(each.tries) <= set(knobs)
        assert each.speed in SPEEDS and 0 <= each.lecture <= 14
        assert each.hero and len(each.tries) >= 2
        assert all(importlib.util.find_spec(name) for name in each.sources)


def test_a_page_knows_the_paces_that_a_card_may_name() -> None:
    assert tuple(SPEEDS) == card.PACES


def test_cards_are_read_without_importing_a_lab() -> None:
    code = "import sys; from engine.contract import registry; print(len(registry.cards()[0]), 'torch' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert told.stdout.split() == [str(len(engine.labs())), "False"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('title = "T"\n', "lacks icon, group, question"),
        (GOOD.replace('"T"', '" "'), "lacks title"),
        (GOOD + "colour = 1\n", "says 'colour'"),
        (GOOD + 'order = "first"\n', "order must be a whole number"),
        (GOOD + "order = true\n", "order must be a whole number"),
        (GOOD + 'hidden = "x"\n', "hidden must be a list of texts"),
        (GOOD + "hidden = [1]\n", "hidden must be a list of texts"),
        (GOOD + 'speed = "31 steps/s"\n', "speed must be one of 1 step/s, 5"),
        ("title = ", "cannot be read"),
    ],
)
def test_a_card_that_is_wrong_gets_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "card.toml").write_text(text, encoding="utf-8")
    with pytest.raises(card.CardError, match=said) as caught:
        card.read(tmp_path)
    assert tmp_path.name in str(caught.value) and str(caught.value).endswith(".")


def test_a_broken_card_costs_its_own_lab_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("whole", GOOD), ("broken", "title = ")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("", encoding="utf-8")
        (tmp_path / name / "card.toml").write_text(text, encoding="utf-8")
    labs = sys.modules["engine.labs"]
    monkeypatch.setattr(labs, "__path__", [*labs.__path__, str(tmp_path)])
    cards, [error] = registry.cards()
    assert "whole" in {each.slug for each in cards} and "broken" not in {each.slug for each in cards}
    assert "broken" in str(error)


def test_a_name_that_is_taken_is_left_out_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gan").mkdir()
    (tmp_path / "gan" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "gan" / "card.toml").write_text(GOOD, encoding="utf-8")
    labs = sys.modules["engine.labs"]
    monkeypatch.setattr(labs, "__path__", [*labs.__path__, str(tmp_path)])
    cards, [error] = registry.cards()
    assert [each.title for each in cards if each.slug == "gan"] == ["GAN"]
    assert str(error) == "There is already a lab 'gan'; another of that name is left out."


def test_a_card_that_makes_no_page_costs_its_own_lab_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The navigation stands on every page, so what it refuses would be missed on all of them."""
    for name, text in (("home", GOOD), ("iconless", GOOD.replace("hub", "no_such_symbol"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("", encoding="utf-8")
        (tmp_path / name / "card.toml").write_text(text, encoding="utf-8")
    labs = sys.modules["engine.labs"]
    monkeypatch.setattr(labs, "__path__", [*labs.__path__, str(tmp_path)])
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).run()
    said = " ".join(caption.value for caption in app.caption)
    assert not app.exception and not app.error and app.title[0].value == "Deep-learning playground"
    assert "called home" in said and "card of iconless" in said


def test_a_package_that_cannot_be_imported_costs_its_own_labs_only(tmp_path: Path) -> None:
    for name, code in (("whole", ""), ("broken", "raise RuntimeError('half there')")):
        lab = tmp_path / f"{name}_package" / "labs" / name
        lab.mkdir(parents=True)
        (lab.parents[1] / "__init__.py").write_text(code, encoding="utf-8")
        (lab / "__init__.py").write_text("", encoding="utf-8")
        (lab / "card.toml").write_text(GOOD, encoding="utf-8")
        about = tmp_path / f"{name}_package-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n", encoding="utf-8"
        )
        point = f"[deep_learning_playground.labs]\n{name} = {name}_package.labs\n"
        (about / "entry_points.txt").write_text(point, encoding="utf-8")
    code = "from engine.contract import registry; print(*[card.slug for card in registry.cards()[0]])"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert "whole" in told.stdout.split() and "broken" not in told.stdout.split()
    assert "half there" in told.stderr
