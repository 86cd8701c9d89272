"""Words on a scene: what a lab quotes stays text, and what changes too fast to be read stays for a while."""

from __future__ import annotations

from typing import Any

import pytest
from plain_page import PlainPage
from scene_format import decode

from engine.scene.scene import Scene
from engine.scene.text import Span, text


def words(*rows: Any, **how: Any) -> Scene:
    scene = Scene(height=100)
    text(scene, "words", rows, **how)
    return scene


def test_words_take_a_row_of_their_own_and_keep_their_looks() -> None:
    scene = Scene(height=300)
    scene.panel("first", title="First")
    text(scene, "words", ["plain", [Span("lit", colour="train", lit=True), " and ", Span("mono", mono=True)]])
    scene.panel("second", title="Second")
    rows = decode(scene.to_bytes())[0]["rows"]
    assert [[panel["key"] for panel in row] for row in rows] == [["first"], ["words"], ["second"]]
    [plain], [mixed] = rows[1][0]["rows"]
    assert plain == [{"text": "plain"}]
    assert mixed == [{"text": "lit", "colour": "train", "lit": True}, {"text": " and "}, {"text": "mono", "mono": True}]


def test_what_does_not_fit_gives_a_sentence() -> None:
    with pytest.raises(ValueError, match="no colour 'red'"):
        words(Span("a", colour="red"))
    with pytest.raises(ValueError, match=r"have \[1, 2\] cells"):
        words(["a"], ["a", "b"], table=True)


@pytest.mark.browser
def test_markup_that_is_quoted_is_read_and_not_obeyed(plain: PlainPage) -> None:
    plain.clear()
    quoted = "<img src=x onerror=alert(1)> **bold** $x$"
    plain.draw({"quoted": words(quoted)})
    [panel] = plain.look()
    assert panel["words"].splitlines()[0] == quoted
    assert plain.page.locator(".words img").count() == 0 and plain.problems == []


@pytest.mark.browser
def test_words_that_change_stay_as_long_as_they_are_held(plain: PlainPage) -> None:
    plain.clear()
    for said in ("one", "two", "three"):
        plain.draw({"long": words(said, hold=600), "short": words(said, hold=0.3), "never": words(said, hold=0)})
        if said == "one":
            first = [panel["words"] for panel in plain.look()]
    assert first == ["one"] * 3
    held = {panel["scene"]: panel["words"] for panel in plain.look()}
    assert held["long"] == "one" and held["never"] == "three"
    plain.page.wait_for_function("window.look().then((all) => all.find((p) => p.scene === 'short').words === 'three')")
