"""A teacher's notes: what they name is there, and their page is safe and whole."""

from __future__ import annotations

import re

import pytest
from asgi import ask
from starlette.applications import Starlette
from starlette.routing import Route

import engine
from engine.contract import registry
from engine.contract.lesson import lessons
from ui import teach
from ui.words import capital

BUTTONS = {"New seed", "Step", "Play", "Reset"}  # what notes name beside knobs


@pytest.mark.parametrize("slug", registry.own())
def test_the_notes_of_a_lab_name_its_lessons_and_its_knobs(slug: str) -> None:
    text = (registry.folder(slug) / teach.FILE).read_text(encoding="utf-8")
    assert text.startswith(f"# {registry.card(slug).question}\n")
    believe, in_class = (
        text.partition(f"## {part}\n")[2].partition("\n## ")[0] for part in ("What students believe", "In class")
    )
    assert believe.count("\n- ") + 1 >= 3
    titles = {lesson.title for lesson in lessons(slug)}
    named = set(re.findall(r"\*\*([^*]+)\*\*", text)) - BUTTONS
    assert named == titles, "each lesson once, and nothing else, in bold"
    knobs = {capital(knob.called or knob.label) for knob in engine.lab(slug).Config.knobs().values()}
    assert set(re.findall(r"`([^`]+)`", text)) <= knobs | BUTTONS
    assert "min)" in in_class and re.search(r"\*(Ask|Look at)", in_class)


APP = Starlette(routes=[teach.notes("")])


@pytest.mark.parametrize("slug", registry.own())
def test_the_page_has_the_notes_and_every_lesson_with_its_answer(slug: str) -> None:
    page = ask(APP, f"/teach/{slug}").text
    for lesson in lessons(slug):
        assert f'<strong><a href="{slug}?lesson={lesson.slug}">' in page
    assert page.count("class=right") == sum(lesson.right is not None for lesson in lessons(slug))
    assert not re.search(r"\*\*|\\|\$", page) and page.count("<ul") == page.count("</ul>")


def test_a_lab_without_notes_gets_a_sentence() -> None:
    for name in ("nothing", "..", "%2e%2e%2fgan", "<b>"):
        answer = ask(APP, f"/teach/{name}")
        assert answer.status == 404 and "<b>" not in answer.text


def test_what_is_drawn_of_markdown_is_drawn_as_text() -> None:
    text = "# A < B\n\nOne **bold** and *other* `x<y` & more.\n- first **T**\n- second\n\n## End\nlast"
    assert list(teach.blocks(text, {"T": 'gan?a="b"&c'})) == [
        "<h1>A &lt; B</h1>",
        "<p>One <strong>bold</strong> and <em>other</em> <kbd>x&lt;y</kbd> &amp; more.</p>",
        '<ul><li>first <strong><a href="gan?a=&quot;b&quot;&amp;c">T</a></strong></li></ul>',
        "<ul><li>second</li></ul>",
        "<h2>End</h2>",
        "<p>last</p>",
    ]


def test_the_route_stands_below_a_base_path() -> None:
    route = teach.notes("/uni")
    assert isinstance(route, Route) and route.path == "/uni/teach/{slug}"
