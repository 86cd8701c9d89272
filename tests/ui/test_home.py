"""The home page without a browser: three doors that differ, a search, and what a browser may tell of itself."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest
from visitor import ROOT

from ui import course, mine, shell, terms

CARDS = shell.labs()


def home(**params: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    for name, text in params.items():
        app.query_params[name] = text
    return sound(app.run())


def sound(app: AppTest) -> AppTest:
    assert [e.message for e in app.exception] == [] and [e.value for e in app.error] == []
    return app


def written(app: AppTest) -> str:
    return "\n".join(html.proto.body for html in app.get("html"))


def links(app: AppTest) -> list[tuple[str, str]]:
    """The label of each link to a page, and what it asks of that page."""
    return [(link.proto.label, link.proto.query_string) for link in app.get("page_link")]


def test_who_learns_finds_the_lectures_in_order_and_where_to_begin() -> None:
    app = home()
    said = written(app)
    places = [said.index(each.title) for each in course.lectures(CARDS)]
    assert places == sorted(places)
    assert links(app)[0] == ("Start the course", "lesson=xor_without_hidden_layer")
    assert "embed/" not in said and "teach/" not in said


def test_who_teaches_finds_notes_a_projector_and_every_lesson() -> None:
    said = written(home(door="teach"))
    for card in CARDS:
        for address in (f"teach/{card.slug}", f"embed/{card.slug}", f"{card.slug}?view=lecture"):
            assert f'href="{address}"' in said
        for lesson in course.lessons_of(card):
            assert f'href="{card.slug}?lesson={lesson.slug}"' in said


def test_who_wants_everything_finds_every_lab_once_and_every_term() -> None:
    app = home(door="all")
    said = written(app)
    assert sorted(label for label, _ in links(app)) == sorted(card.title for card in CARDS)
    assert all(f"<dt>{term}</dt>" in said for term in terms.glossary() if "&" not in term and "'" not in term)


def test_a_door_that_there_is_not_is_the_first() -> None:
    assert links(home(door="\u202e<b>"))[0][0] == "Start the course"


def test_a_door_stays_open_and_stands_in_the_address() -> None:
    app = home()
    sound(app.get("button_group")[0].set_value("teach").run())
    assert "teach/gan" in written(app)
    assert app.query_params["door"] in ("teach", ["teach"])
    assert "teach/gan" in written(sound(app.run()))


def test_a_search_takes_the_place_of_the_door() -> None:
    app = home(door="teach")
    sound(app.text_input[0].set_value("momentum").run())
    assert ("A ravine and momentum · Gradient descent", "lesson=ravine") in links(app)
    assert terms.glossary()["momentum"] in written(app) and "teach/gan" not in written(app)
    sound(app.text_input[0].set_value("<img src=x> **no** such").run())
    assert "Nothing has these words" in written(app) and "<img src=x>" not in written(app)


def test_what_is_done_is_said_and_the_course_goes_on() -> None:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    app.session_state[mine.DONE] = ["neural_network/xor_without_hidden_layer", "neural_network/linear_layers", "x/gone"]
    sound(app.run())
    assert "10 lessons · 26 min · 2 of 10 done" in written(app)
    assert links(app)[0] == ("Go on: Zero weights · Neural network", "lesson=zero_weights")


@pytest.mark.parametrize(
    "said",
    [
        None,
        "gan/mode_collapse",
        7,
        {"gan/mode_collapse": True},
        [["gan/mode_collapse"]],
        ["<b>/x"],
        ["gan/" + "x" * 500],
    ],
)
def test_a_browser_may_say_anything_of_what_is_done(said: object) -> None:
    assert mine.told(said) == []
    assert mine.told(["gan/mode_collapse", said]) == [
        "gan/mode_collapse",
        *([said] if said == "gan/mode_collapse" else []),
    ]
    assert len(mine.told(["gan/a"] * 5000)) == mine.MOST
