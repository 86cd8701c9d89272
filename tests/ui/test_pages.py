"""Every page without a browser: with every lesson, every choice and wrong links it is drawn without an exception."""

from __future__ import annotations

import importlib
import inspect
import json
import re

import drive
import pytest
from streamlit.testing.v1 import AppTest
from visitor import ROOT

import engine
from engine import Config, ConfigError, runs
from engine.contract import registry
from engine.contract.knobs import Knob
from ui import lesson, shell
from ui.controls import LINES

LABS = [entry.slug for entry in shell.labs()]
LESSONS = [(slug, each.slug) for slug in LABS for each in lesson.lessons(slug)]
EVERY_KIND = "neural_network"  # it has a widget of every kind
BAD = "\u202e<script>'\x00"


@pytest.fixture(autouse=True)
def _no_run_is_left():
    yield
    runs.stop()


def visit(slug: str, **params: str) -> AppTest:
    """Arrive at a page by its link, on a fresh server, and find nothing wrong."""
    return sound(arrive(slug, **params))


def arrive(slug: str, **params: str) -> AppTest:
    runs.stop()
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{slug}.py")
    for name, text in params.items():
        app.query_params[name] = text
    return app.run()


def sound(app: AppTest) -> AppTest:
    assert [e.message for e in app.exception] == []
    assert [e.value for e in app.error] == []
    return app


def notices(app: AppTest) -> list[str]:
    return [line for warning in app.warning for line in warning.value.split(LINES)]


def texts(app: AppTest) -> str:
    return "\n".join(markdown.value for markdown in app.markdown)


def keys(app: AppTest) -> set[str | None]:
    kinds = ("slider", "select_slider", "selectbox", "number_input", "button_group", "toggle", "text_area")
    return {widget.key for kind in kinds for widget in app.get(kind)}


def test_the_gallery_names_every_lab():
    app = sound(AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).run())
    said = "\n".join(html.proto.body for html in app.get("html"))
    for entry in shell.labs():
        assert entry.question in said
        for mode in ("light", "dark"):
            assert (ROOT / "assets" / "gallery" / f"{entry.slug}-{mode}.png").exists()


@pytest.mark.parametrize("slug", LABS)
def test_a_page_asks_its_question_steps_and_resets(slug):
    app = visit(slug)
    assert app.header[0].value.endswith("?")
    assert notices(app) == [] and drive.look(app, slug).step == 0
    assert drive.look(sound(drive.step(app, slug)), slug).step == 1
    app.run()
    assert drive.look(sound(app), slug).step == 1
    assert drive.look(sound(drive.reset(app, slug)), slug).step == 0


@pytest.mark.parametrize("slug", LABS)
def test_the_places_of_a_page_show_its_run_and_may_steer_it(slug):
    app = visit(slug)
    run = drive.run_of(app, slug)
    for part in ("transport", "progress", "stage", "curves"):
        [told] = drive.told(app, part)
        assert (told["run"], told["key"]) == (run.id, run.key) and run.key, part
    sound(drive.step(app, slug, 2))
    [transport], now = drive.told(app, "transport"), run.report()
    assert transport["known"] == [now.version, 2, "paused"] and transport["until"] is None
    assert transport["pace"] == registry.card(slug).speed
    assert drive.picture(app, slug).stage


@pytest.mark.parametrize("tab", ["Curves", "Inside", "Source", "Mathematics"])
@pytest.mark.parametrize("slug", LABS)
def test_every_tab_is_drawn(slug, tab):
    app = visit(slug)
    for _ in range(2):  # before and after the first step
        app.session_state[f"{slug}.tab"] = tab
        sound(drive.step(app, slug))
    assert app.session_state[f"{slug}.tab"] == tab and drive.look(app, slug).step == 2
    assert len(drive.told(app, "curves")) == (tab == "Curves")
    if tab == "Source":
        shown = [code.value for code in app.code]
        for part in registry.parts(slug):
            assert inspect.getsource(importlib.import_module(f"engine.labs.{slug}.{part}")).strip() in shown
    if tab == "Mathematics":
        assert (registry.folder(slug) / "maths.md").read_text(encoding="utf-8").strip() in texts(app)


@pytest.mark.parametrize(("slug", "name"), LESSONS)
def test_a_lesson_sets_its_knobs_asks_and_explains(slug, name):
    chosen = next(each for each in lesson.lessons(slug) if each.slug == name)
    config_class = engine.lab(slug).Config
    app = visit(slug, lesson=name)
    assert notices(app) == []
    told = "**What happened.**"  # with numbers of the run, which stand in no file
    assert chosen.predict in texts(app) and told not in texts(app)
    assert drive.player(app, slug).config == chosen.config(config_class)
    beside = [watched.look.config for watched in drive.player(app, slug).compared]
    assert beside == [config for config in [chosen.compared(config_class)] if config]
    assert [told["until"] for told in drive.told(app, "transport")] == [chosen.runs_to]
    sound(drive.step(app, slug))
    if told not in texts(app):
        sound(app.button(key=f"{slug}.lesson.{name}.shown.ask").click().run())
    look = drive.look(app, slug)
    if chosen.happened and look.step < (chosen.at or 0):  # its text speaks of the run, which is on the way there
        assert look.status == "running" and told not in texts(app)
    else:
        assert told in texts(app) and "cannot be told" not in texts(app)


def choices() -> list[tuple[str, str]]:
    """Every knob with choices of one lab, and of the others those that their page speaks of.

    `engine.contract.check.bounded` draws every choice of every lab without a page; what is left is what a page's own
    lines do with it.
    """
    found = []
    for slug in LABS:
        page = (ROOT / "pages" / f"{slug}.py").read_text(encoding="utf-8")
        for name, spec in engine.lab(slug).Config.knobs().items():
            spoken_of = re.search(rf"(config|wanted)\.{name}\b|[\"']{name}[\"']", page)
            if spec.kind in ("bool", "choice", "choices") and (slug == EVERY_KIND or spoken_of):
                found.append((slug, name))
    return found


def test_the_lab_whose_choices_are_all_drawn_has_a_knob_of_every_kind():
    kinds = {spec.kind for slug in LABS for spec in engine.lab(slug).Config.knobs().values()}
    assert {spec.kind for spec in engine.lab(EVERY_KIND).Config.knobs().values()} == kinds


@pytest.mark.parametrize(("slug", "knob"), choices())
def test_every_choice_is_drawn_before_and_after_a_step(slug, knob):
    """A choice that needs another knob as well (a table that was not uploaded) gets a sentence instead."""
    config_class: type[Config] = engine.lab(slug).Config
    spec = config_class.knobs()[knob]
    for choice in spec.choices or ("0", "1"):
        try:
            wanted = config_class.from_params({knob: choice})
        except ConfigError as error:
            wanted = config_class()
            app = visit(slug, **{knob: choice})
            assert any(error.knob in sentence for sentence in notices(app)), choice
        else:
            app = visit(slug, **{knob: choice})
            assert notices(app) == [], choice
        assert drive.player(app, slug).config == wanted, choice
        sound(drive.step(app, slug))
        assert drive.look(app, slug).step == 1 and drive.picture(app, slug).stage, choice


def refused(spec: Knob) -> list[str]:
    """Texts that a link may not give this knob."""
    if spec.kind == "text":
        return ["x" * (spec.length[1] + 1)]
    assert spec.kind in ("bool", "choice", "choices") or (spec.low is not None and spec.high is not None)
    if spec.kind == "ints":
        return [BAD, f"{int(spec.high or 0) + 1}", ",".join(["1"] * (spec.length[1] + 1)), "1.5"]
    if spec.kind in ("int", "float"):
        return [BAD, f"{(spec.high or 0) + 1:.17g}", f"{(spec.low or 0) - 1:.17g}", "nan", "1e999", ""]
    return [BAD, "nobody", f"{(*spec.choices, '1')[0]},nobody"]


@pytest.mark.parametrize("slug", LABS)
def test_values_that_no_knob_takes_give_a_sentence_each_and_the_default(slug):
    config_class = engine.lab(slug).Config
    wrong = {name: refused(spec) for name, spec in config_class.knobs().items()}
    for number in range(max(map(len, wrong.values()))):
        params = {name: texts[number % len(texts)] for name, texts in wrong.items()}
        app = visit(slug, **params)
        assert len(notices(app)) == len(params)
        for name in params:
            (sentence,) = [each for each in notices(app) if f"In the link, {name} = " in each]
            spec = config_class.knobs()[name]
            used = spec.format(spec.default)
            assert (f"Using {used} instead." if used else "It is left out.") in sentence
        assert drive.player(app, slug).config == config_class()


@pytest.mark.parametrize("slug", ["gradient_descent", "neural_network"])  # without and with edits; links know no lab
@pytest.mark.parametrize(
    "params",
    [
        {"run": "nobody"}, {"run": BAD}, {"step": "-1"}, {"step": "1e3"}, {"step": "9" * 400}, {"step": BAD},
        {"step": "5", "at": "x"}, {"step": "5", "at": "-1"},
        {"step": "5", "did": "{"}, {"step": "5", "did": "[1]"}, {"step": "5", "did": "[[1,2]]"},
        {"step": "5", "did": '[[1,{"seed":"3"}]]'}, {"step": "5", "did": '[[1,{"nobody":"3"}]]'},
        {"step": "5", "did": "[" * 5_000}, {"step": "5", "did": '[[-1,{"edit":{}}]]'},
        {"lesson": "nobody"}, {"lesson": BAD}, {"view": BAD}, {"hide": BAD}, {"compare": BAD}, {BAD: "1"},
        {"compare": "[" * 5_000}, {"compare": '[["seed=x",0]]'}, {"compare": '[["seed=1&step=-1",0]]'},
        {"compare": '["seed=1"]'}, {"compare": json.dumps([["seed=1", 0]] * 4)}, {"compare": "7"},
    ],
    ids=lambda params: ",".join(f"{n}={v}"[:30] for n, v in params.items()).encode("ascii", "replace").decode(),
)  # fmt: skip
def test_a_wrong_link_is_a_page_with_a_sentence(slug, params):
    app = visit(slug, **params)
    app.run()
    sound(app)
    assert drive.look(app, slug).status == "paused" and drive.picture(app, slug).stage is not None
    if set(params) & {"step", "lesson", "compare", BAD}:
        assert notices(app), "nothing tells the visitor what was wrong"


@pytest.mark.parametrize("slug", LABS)
def test_a_link_brings_the_runs_that_are_compared(slug):
    app = visit(slug, seed="3", step="4", compare=json.dumps([["seed=5&step=9&at=6", 0], ["seed=6", 1]]))
    sound(drive.settle(app, slug))
    here = drive.player(app, slug)
    assert [(w.look.config.seed, w.look.step, w.run.marches) for w in here.compared] == [(5, 6, False), (6, 0, True)]
    assert here.compared[0].look.last_step == 9
    assert (here.config.seed, drive.look(app, slug).step) == (3, 4)
    assert "seed 5" in texts(app) and "seed 6" in texts(app)
    sound(drive.step(app, slug))
    assert [w.look.step for w in here.compared] == [6, 5]


@pytest.mark.parametrize("slug", LABS)
def test_hidden_knobs_are_not_drawn(slug):
    shown = keys(visit(slug))
    names = [name for name in engine.lab(slug).Config.knobs() if f"{slug}.{name}" in shown][:2]
    assert shown - keys(visit(slug, hide=",".join(names))) == {f"{slug}.{name}" for name in names}


@pytest.mark.parametrize("slug", LABS)
def test_a_link_that_edits_what_is_not_there_gives_a_sentence(slug):
    app = arrive(slug, step="5", did='[[2,{"edit":{"layer":"x"}}]]')
    assert not app.exception
    [said] = notices(app) + [error.value for error in app.error]
    assert said.endswith(".") and ".." not in said and "' object" not in said


def test_what_a_full_playground_refuses_is_said_until_something_else_is_done(monkeypatch):
    monkeypatch.setenv("PLAYGROUND_RUNS_PER_WORKER", "1")
    slug = "gradient_descent"
    app = visit(slug)
    drive.seek(drive.step(app, slug, 3), slug, 1)
    app.button(key=f"{slug}.branch").click().run()
    assert "With nothing turned" in drive.player(app, slug).error
    drive.turn(app, slug)
    app.button(key=f"{slug}.branch").click().run()
    for _ in range(2):  # and it is not wiped by what else is drawn
        assert [e.value for e in app.error] == [drive.player(app, slug).error] != [""]
        assert "no place for a branch" in drive.player(app, slug).error
        app.run()
    assert drive.look(app, slug).step == 1 and not drive.player(app, slug).compared
    sound(drive.reset(app, slug))
