"""Somebody else's text on a page: every character of it is seen, and none is obeyed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

import engine
from engine.contract import weights
from engine.data import shelf
from tests.visitor import visit
from ui.inputs import network
from ui.plain import JOINER, plain

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")  # CommonMark: a backslash before any ASCII punctuation
MARKDOWN = (
    "**bold** __bold__ *i* _i_", "[away](https://example.org)", "![p](https://example.org/p.png)",
    "https://example.org www.example.org a@example.org", ":red[red] :material/home: :smile:", "$x^2$ $$y$$",
    "<b>b</b> &copy; &#42;", "# heading", "- item", "1. item", "> quoted", "```code```", "~~gone~~", "---", "a -> b",
    "a_name learning_rate", ":a{b}", "<https://example.org>",
)  # fmt: skip


def seen(text: str) -> str:
    return ESCAPED.sub(r"\1", plain(text)).replace(JOINER, "")


@given(st.text(st.sampled_from("ab1 \\`*_{}[]()<>#+-.!|~$&:@/w\n=é"), max_size=40))
def test_a_reader_sees_what_was_written_in_one_line(text: str) -> None:
    assert seen(text) == " ".join(text.split())


def test_what_nobody_could_read_is_cut_and_half_a_surrogate_pair_is_none() -> None:
    assert seen("a" * 5_000) == "a" * 998 + " …" and seen("\ud800") == "?"


def test_a_sentence_without_marks_stays_as_it_is() -> None:
    sentence = "learning_rate = '5' is not accepted: give a number from 0.001 to 10. It keeps 1,5 and (so on) - 3 + 4."
    assert plain(sentence) == sentence


def test_the_metadata_of_a_network_are_no_markdown(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    about = {"lab": "[away](https://example.org) " + "**x** " * 100, "data": ":material/home: $x$"}
    said = network._origin(shelf.keep(weights.write(torch.nn.Linear(1, 1), about)))
    assert r"\[away](https\:" in said and r"\:" + JOINER + "material" in said and r"\$x\$" in said and len(said) < 200


@pytest.mark.browser
def test_a_link_cannot_write_markdown_on_the_page(browser: Browser, server: str) -> None:
    knobs = [n for n, knob in engine.lab("gradient_descent").Config.knobs().items() if knob.kind in ("int", "float")]
    with visit(browser, server) as visitor:
        visitor.open("gradient_descent", drawn=False, **dict(zip(knobs, MARKDOWN, strict=False)))
        notices = visitor.page.get_by_test_id("stAlert").filter(has_not_text="Press Play: ")
        visitor.until(lambda: len(visitor.notices()) == len(MARKDOWN), "a line for each")
        assert notices.count() == 1
        shown = [text.replace(JOINER, "") for text in visitor.notices()]
        assert [text for text, notice in zip(MARKDOWN, shown, strict=True) if repr(text) not in notice] == []
        assert notices.locator("a, img, strong, em, del, code, h1, ul, ol, blockquote, .katex, hr").count() == 0
