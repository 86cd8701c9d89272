"""Lessons: every file says what a lesson needs, every preset is one that its lab takes, and choosing one sets it."""

import dataclasses
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import engine
from engine.contract import lesson, registry
from ui.player import SPEEDS

GOOD = "[[lesson]]\nslug='a'\ntitle='A'\npredict='?'\n"
FIRST = dataclasses.replace(
    lesson.lessons("gradient_descent")[0],
    explain="Since it is so.\n\nAnd that is why.",
    happened="",
    otherwise="",
    when="",
)
SLUGS = [card.slug for card in registry.cards()[0]]


@pytest.mark.parametrize("slug", SLUGS)
def test_every_lesson_is_one_that_its_lab_takes(slug: str) -> None:
    config_class = engine.lab(slug).Config
    found = lesson.lessons(slug)
    assert found
    assert len({each.slug for each in found}) == len(found)
    for each in found:
        config = each.config(config_class)
        assert config != config_class() or not each.params
        assert each.compared(config_class) != config
        assert each.predict.endswith("?")
        assert (each.explain or each.happened).strip()
        assert each.runs_to is None or each.runs_to > 0
        assert each.speed is None or each.speed in SPEEDS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[lesson]]\nslug = 'a'\ntitle = 'A'\n", "explain"),
        ("[[lesson]]\nslug = 'a'\ntitle='A'\npredict='?'\nexplain='.'\nparams={}\nanswers=['x']\nright=1\n", "right"),
        ("[[lesson]]\nslug = 'a'\ntitle='A'\npredict='?'\nexplain='.'\nparams={}\ncolour='red'\n", "colour"),
        (GOOD + "explain='.'\nhappened='.'\n", "both explain and happened"),
        (GOOD + "happened='.'\notherwise='.'\n", "otherwise and when go together"),
        (GOOD + "happened='.'\nwhen='a < 1'\n", "otherwise and when go together"),
        (GOOD + "explain='.'\notherwise='.'\nwhen='a < 1'\n", "otherwise needs happened"),
        (GOOD + "happened='.'\notherwise='.'\nwhen='len(modes) > 1'\n", "in when, 'len.modes. > 1' is no comparison"),
        (GOOD + "happened='{modes!r}'\n", "in happened, a fact cannot be written as 'r'"),
        (GOOD + "happened='{other.modes}'\n", "in happened, '{other.modes}' names no fact"),
        (GOOD + "happened='{'\n", "in happened, '{' has a brace too many or too few"),
        (GOOD + "explain='.'\nat=0\n", "at must be a step from 1 up"),
        (GOOD + "explain='.'\nat='10'\n", "at must be a whole number"),
        (GOOD + "explain='.'\nat=3\nruns_to=4\n", "two names of one step"),
        (GOOD + "explain='.'\nknobs='rate'\n", "knobs must be a list of texts"),
        (GOOD + "explain='.'\npoint={layer='x'}\n", "point must name a panel"),
        (GOOD + "explain='.'\npoint={panel='x', colour='red'}\n", "point must name a panel"),
        (GOOD + "explain='.'\nanswers=['x']\nright=0\n", "two to four answers"),
    ],
)
def test_a_file_that_lacks_something_is_named_with_what_it_lacks(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "lessons.toml").write_text(text, encoding="utf-8")
    with pytest.raises(lesson.LessonError, match=rf"{tmp_path.name}/lessons.toml, lesson a: .*{said}"):
        lesson.read(tmp_path / "lessons.toml")


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for text, said in (("lesson = ", "cannot be read"), ("[lesson]\nslug='a'\n", "begins with")):
        (tmp_path / "lessons.toml").write_text(text, encoding="utf-8")
        with pytest.raises(lesson.LessonError, match=rf"{tmp_path.name}/lessons.toml.*{said}"):
            lesson.read(tmp_path / "lessons.toml")


WITH_NUMBERS = """
[[lesson]]
slug = "bridges"
title = "Bridges"
predict = "How many modes are covered?"
params = { noise = "0.5" }
beside = { noise = "0.1" }
at = 400
point = { panel = "plane", layer = "Fakes" }
knobs = ["noise"]
happened = "{modes:.0f} modes here, {beside.modes:.1f} there; loss {loss:.2f}, {{kept}}."
otherwise = "Only {modes:.0f} this time: {verdict}."
when = "modes >= 6 and beside.modes < modes"
"""


def test_a_lesson_speaks_of_the_run_on_screen(tmp_path: Path) -> None:
    (tmp_path / "lessons.toml").write_text(WITH_NUMBERS, encoding="utf-8")
    [found] = lesson.read(tmp_path / "lessons.toml")
    assert (found.at, found.runs_to, found.knobs) == (400, 400, ("noise",))
    assert found.point == lesson.Point("plane", "Fakes")
    assert found.names() == {"modes", "beside.modes", "loss", "verdict"}
    here = {"modes": 7.0, "loss": 0.126, "verdict": "collapsed"}
    assert found.holds(here, {"modes": 2})
    assert found.said(here, {"modes": 2}) == "7 modes here, 2.0 there; loss 0.13, {kept}."
    assert not found.holds(here, {"modes": 8})
    assert found.said(here, {"modes": 8}) == "Only 7 this time: collapsed."
    with pytest.raises(lesson.LessonError, match=r"bridges, when: there is no fact beside.modes; there are no facts"):
        found.said(here)
    with pytest.raises(lesson.LessonError, match="there is no fact loss; the facts are modes"):
        found.said({"modes": 7.0}, {"modes": 2})


def test_a_text_without_numbers_is_said_as_it_stands() -> None:
    assert FIRST.said({}) == FIRST.explain and FIRST.holds({}) and FIRST.at == FIRST.runs_to


def page() -> None:
    import streamlit as st

    import engine
    from ui.controls import controls
    from ui.lesson import lesson_bar

    config_class = engine.lab("gradient_descent").Config
    step = st.session_state.get("now", 0)

    class Runs:
        ended = st.session_state.get("ended", False)

        def begun(self) -> bool:
            return step > 0

        def facts(self, now: bool) -> tuple[dict[str, float | str], None] | None:
            return (st.session_state.get("facts", {}), None) if now else None

        def strays(self, lesson: object) -> str:
            return st.session_state.get("strays", "")

        def play_to(self, step: int) -> None:
            st.session_state["now"] = step

    st.session_state["lesson"] = lesson_bar("gradient_descent", config_class, Runs(), step=step)
    st.session_state["result"] = controls("gradient_descent", config_class)


def open_page(**params: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=20)
    for name, text in params.items():
        app.query_params[name] = text
    return app.run()


def texts(app: AppTest) -> str:
    assert not app.exception
    return "\n".join(block.value for block in app.markdown)


CONFIG = engine.lab("gradient_descent").Config
TOLD = dataclasses.replace(
    FIRST, explain="", when="loss < 1", happened="It fell to {loss:.2f}.", otherwise="It stayed at {loss:.2f}."
)
HAPPENED, _, WHY = FIRST.explain.strip().partition("\n\n")
ANSWER = f"gradient_descent.lesson.{FIRST.slug}.answer"
ASK = f"gradient_descent.lesson.{FIRST.slug}.shown.ask"


@pytest.fixture(autouse=True)
def one_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.lesson.lessons", lambda slug: (FIRST,))


def tell_of_the_run(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page in a lesson whose text speaks of the run."""
    monkeypatch.setattr("ui.lesson.lessons", lambda slug: (TOLD,))
    app = open_page(lesson=TOLD.slug)
    app.session_state["facts"] = {"loss": 0.25}
    return app


def test_choosing_a_lesson_sets_its_config_and_the_link() -> None:
    app = open_page()
    app.pills(key="gradient_descent.lesson").set_value(FIRST.slug).run()
    assert app.session_state["result"] == FIRST.config(CONFIG)
    assert "lesson" in app.query_params
    assert FIRST.predict in texts(app)
    assert FIRST.explain not in texts(app)


def test_a_link_to_a_lesson_starts_it() -> None:
    app = open_page(lesson=FIRST.slug)
    assert app.session_state["result"] == FIRST.config(CONFIG)
    assert app.session_state["lesson"] == FIRST


def test_knobs_in_a_link_win_over_the_lesson() -> None:
    app = open_page(lesson=FIRST.slug, condition="50.0")
    assert app.session_state["result"] == CONFIG(condition=50.0)
    assert app.session_state["lesson"] == FIRST


def test_an_unknown_lesson_is_told() -> None:
    app = open_page(lesson="nonsense")
    assert "nonsense" in app.warning[0].value
    assert app.session_state["lesson"] is None
    assert "lesson" not in app.query_params


def test_the_explanation_appears_when_the_run_got_there_and_remembers_the_prediction() -> None:
    app = open_page(lesson=FIRST.slug)
    app.radio(key=ANSWER).set_value(FIRST.answers[0]).run()
    assert HAPPENED not in texts(app)
    app.session_state["now"] = FIRST.runs_to
    app.run()
    assert f"**Not what you predicted.** {HAPPENED}" in texts(app) and WHY not in texts(app)
    assert f":material/check: **{FIRST.answers[FIRST.right or 0]}**" in app.radio(key=ANSWER).options
    app.button(key=f"gradient_descent.lesson.{FIRST.slug}.shown.unfold").click().run()
    assert WHY in texts(app) and FIRST.predict in app.caption[0].value
    app.button(key=f"gradient_descent.lesson.{FIRST.slug}.shown.unfold").click().run()
    assert WHY not in texts(app)


def test_a_prediction_that_came_true_is_said() -> None:
    app = open_page(lesson=FIRST.slug)
    app.radio(key=ANSWER).set_value(FIRST.answers[FIRST.right or 0]).run()
    app.session_state["now"] = FIRST.runs_to
    assert f"**You predicted it.** {HAPPENED}" in texts(app.run())


def test_the_next_lesson_is_one_press_away_and_the_last_one_says_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    second = dataclasses.replace(FIRST, slug="another", title="Another one")
    monkeypatch.setattr("ui.lesson.lessons", lambda slug: (FIRST, second))
    app = open_page(lesson=FIRST.slug)
    app.session_state["now"] = FIRST.runs_to
    following = next(each for each in app.run().button if each.label == "Next: Another one")
    app.session_state["now"] = 0
    following.click().run()
    assert app.session_state["lesson"] == second and "lesson" in app.query_params
    assert not [each for each in app.button if each.label.startswith("Next")]


def test_an_answer_counts_only_before_the_run_begins() -> None:
    app = open_page(lesson=FIRST.slug)
    app.radio(key=ANSWER).set_value(FIRST.answers[0]).run()
    app.session_state["now"] = 1
    app.run()
    assert app.radio(key=ANSWER).disabled and app.radio(key=ANSWER).value == FIRST.answers[0]
    app.session_state["now"] = FIRST.runs_to
    assert "**Not what you predicted.**" in texts(app.run())


def test_the_explanation_can_be_asked_for() -> None:
    app = open_page(lesson=FIRST.slug)
    app.button(key=ASK).click().run()
    assert f"**What happened.** {HAPPENED}" in texts(app)


def test_a_text_about_the_run_waits_for_it_and_the_button_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    app = tell_of_the_run(monkeypatch)
    assert "It fell" not in texts(app)
    app.button(key=ASK).click().run()
    assert app.session_state["now"] == TOLD.at and "It fell to 0.25." in texts(app)
    assert app.radio(key=ANSWER).disabled and not [each for each in app.button if each.key == ASK]


@pytest.mark.parametrize("answer", FIRST.answers)
def test_in_a_run_that_went_otherwise_no_answer_is_right(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = tell_of_the_run(monkeypatch)
    app.radio(key=ANSWER).set_value(answer).run()
    app.session_state["facts"], app.session_state["now"] = {"loss": 3.0}, TOLD.at
    app.run()
    assert "**Not this time.** It stayed at 3.00." in texts(app) and "redicted" not in texts(app)
    assert app.radio(key=ANSWER).options == list(FIRST.answers)  # none is marked


def test_of_a_run_that_goes_no_further_it_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    app = tell_of_the_run(monkeypatch)
    app.session_state["now"] = 1
    assert "It fell" not in texts(app.run())
    app.session_state["ended"] = True
    assert "It fell to 0.25." in texts(app.run())


def test_of_a_run_that_is_no_longer_the_lessons_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    app = tell_of_the_run(monkeypatch)
    app.session_state["strays"], app.session_state["now"] = "it has momentum 0.9", TOLD.at
    app.run()
    assert "no longer the run that the lesson is about: it has momentum 0.9." in texts(app)
    assert "What happened" not in texts(app) and "redicted" not in texts(app)
    assert "It fell" not in texts(app)
    app.session_state["strays"] = ""
    assert "It fell to 0.25." in texts(app.run())
    app.session_state["strays"] = "it has momentum 0.9"
    assert "It fell to 0.25." in texts(app.run())  # what it has been told stays true of that moment


def test_the_numbers_of_the_run_stand_in_the_text_and_stay_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    app = tell_of_the_run(monkeypatch)
    app.session_state["facts"], app.session_state["now"] = {}, TOLD.at
    app.run()
    assert "cannot be told yet: lesson" in texts(app) and "there is no fact loss" in texts(app)
    for loss, said in ((0.25, "It fell to 0.25."), (3.0, "It fell to 0.25.")):
        app.session_state["facts"] = {"loss": loss}
        assert said in texts(app.run())
    app.session_state["now"] = 0  # it begins anew
    app.run()
    app.session_state["now"] = TOLD.at
    assert "It stayed at 3.00." in texts(app.run())
