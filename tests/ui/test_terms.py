"""The glossary: what it says, where its terms are found, and what a visitor who points at one reads."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Locator, expect
from visitor import visit

from engine.contract import registry
from ui.terms import GLOSSARY, glossary, terms

ENTRIES = json.loads(GLOSSARY.read_text(encoding="utf-8"))


def test_each_term_has_one_sentence_and_each_name_one_term() -> None:
    for term, sentence in glossary().items():
        assert sentence.endswith(".") and ". " not in sentence and 20 < len(sentence) <= 160, term
        assert not sentence.lower().startswith((term.lower(), "a " + term.lower())), f"{term} is explained by itself"
    names = [name.casefold() for term, entry in ENTRIES.items() for name in (term, *entry.get("also", ()))]
    assert len(set(names)) == len(names) and set().union(*ENTRIES.values()) <= {"says", "also"}
    assert list(ENTRIES) == sorted(ENTRIES, key=str.casefold)


def test_the_longest_name_is_found_and_none_within_a_word() -> None:
    assert terms("Its attention heads, not its attention\nspan: learning\nrates of an LSTM.") == [
        "attention", "attention head", "learning rate", "LSTM",
    ]  # fmt: skip
    assert terms("lossless, pre-batch, unnormed") == []
    assert terms("the lowest loss per BATCH") == ["batch", "loss"]


@pytest.mark.parametrize("slug", [card.slug for card in registry.cards()[0]])
def test_every_page_has_terms(slug: str) -> None:
    assert len(terms((registry.folder(slug) / "maths.md").read_text(encoding="utf-8"))) >= 3


def where(heading: Locator, words: str) -> tuple[float, float]:
    """A place in the window that lies on these words of a heading."""
    x, y = heading.evaluate(
        """(heading, words) => {
          const walk = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
          for (let node = walk.nextNode(); node; node = walk.nextNode()) {
            const at = node.data.indexOf(words), range = new Range();
            if (at < 0) continue;
            range.setStart(node, at);
            range.setEnd(node, at + words.length);
            const { left, top, width, height } = range.getBoundingClientRect();
            return [left + width / 3, top + height / 2];
          }
        }""",
        words,
    )
    return x, y


@pytest.mark.browser
def test_whoever_points_at_a_term_reads_what_it_means(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gradient_descent")
        told = visitor.page.locator(".glossary")
        visitor.until(lambda: visitor.page.evaluate("CSS.highlights.get('term')?.size > 0"), "underlined terms")
        expect(told).to_be_hidden()
        visitor.page.mouse.move(*where(visitor.page.locator("h2"), "learning rate"))
        expect(told).to_be_visible()
        expect(told).to_have_text(f"learning rate{glossary()['learning rate']}")
        visitor.page.keyboard.press("Escape")
        expect(told).to_be_hidden()
        visitor.page.mouse.move(*where(visitor.page.locator("section.panel h3").first, "loss"))  # in a picture's title
        expect(told).to_have_text(f"loss{glossary()['loss']}")
        visitor.page.get_by_text("Mathematics", exact=True).click()
        expect(visitor.page.get_by_role("heading", name="Terms")).to_be_visible()


@pytest.mark.browser
def test_terms_of_the_sentence_under_the_step_are_underlined_and_told(browser: Browser, server: str) -> None:
    """It stands in a shadow, with style sheets of its own."""
    underlined = """() => [...(CSS.highlights.get('term') ?? [])].some((range) =>
      range.toString() === 'token' && range.startContainer.parentElement.closest('p.say'))"""
    with visit(browser, server) as visitor:
        visitor.open("moe_routing")
        visitor.until(lambda: visitor.page.evaluate(underlined), "an underlined term")
        visitor.page.mouse.move(*where(visitor.page.locator("p.say").first, "token"))
        expect(visitor.page.locator(".glossary")).to_have_text(f"token{glossary()['token']}")
