"""A head taken apart and the next token, in a real browser: every number told there is the lab's."""

from __future__ import annotations

import re

import numpy as np
import pytest
from plain_page import PlainPage
from playwright.sync_api import Browser, Locator, expect
from scene_format import decode
from visitor import described, visit, wait_until

from engine.contract.view import View
from engine.labs.attention_heads import Config, Experiment
from engine.labs.attention_heads.view import stage
from engine.scene.head import attention_head
from engine.scene.sampler import next_token
from engine.scene.scene import Scene

SLUG = "attention_heads"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def shares(at: Locator) -> dict[str, float]:
    """Probabilities of the likeliest tokens, in percent, as the panel says them."""
    return {
        token: float(number) for token, number in re.findall(r"(\S) (?:< )?([0-9.]+)(?: %)?(?:, |$)", described(at))
    }


def test_what_is_sent_decodes_to_what_was_given() -> None:
    frame = Experiment(Config()).frame()
    head = frame.head
    scene = Scene()
    attention_head(
        scene, "h", title="H", tokens=list("a" * 32), queries=head.queries, keys=head.keys, values=head.values,
        scores=head.scores, bias=head.bias, seen=head.seen, weights=head.weights, found=head.found,
    )  # fmt: skip
    next_token(scene, "n", title="N", logits=frame.logits, labels=frame.labels)
    header, arrays = decode(scene.to_bytes())
    sent, sampler = header["rows"][0]
    for name in ("queries", "keys", "values", "scores", "bias", "weights", "found", "seen"):
        assert np.array_equal(arrays[sent[name]], getattr(head, name)), name
    assert (arrays[sent["stages"]][2] == 255).sum() == 32 * 31 // 2  # masked
    assert np.array_equal(arrays[sampler["logits"]], frame.logits) and sampler["labels"] == list(frame.labels)


def test_the_pair_under_the_mouse_is_told_in_numbers(plain: PlainPage) -> None:
    frame = Experiment(Config()).frame()
    head = frame.head
    plain.clear()
    plain.draw({"the stage": stage(View(frame, Config()))})
    at = plain.page.locator("section.panel", has_text="stage by stage")
    canvas = at.locator("canvas")
    canvas.scroll_into_view_if_needed()
    wait_until(lambda: "asks" in described(at), "the last token's pair")
    first = described(at)
    assert "at 31 asks" in first
    box = canvas.bounding_box()
    assert box is not None
    canvas.hover(position={"x": 40, "y": 120})  # in q k^T
    wait_until(lambda: described(at) != first, "another pair")
    told = re.search(r"at (\d+) asks “.” at (\d+): +q·k = (−?[0-9.]+)", described(at))
    assert told is not None, described(at)
    i, j = int(told[1]), int(told[2])
    assert float(told[3].replace("−", "-")) == pytest.approx(head.scores[i, j], rel=1e-3)
    if head.seen[i, j]:
        assert f"softmax = {head.weights[i, j]:.3f}" in described(at)
    else:
        assert "masked" in described(at)
    canvas.focus()
    plain.page.keyboard.press("ArrowDown")
    wait_until(lambda: f"at {i + 1} asks" in described(at), "the next query by the keyboard")
    assert plain.problems == []


def test_sliders_answer_in_the_browser_and_a_drawn_token_is_appended(browser: Browser, server: str) -> None:
    experiment = Experiment(Config(tokens="abcdabc"))
    logits = experiment.frame().logits.astype(float)
    with visit(browser, server) as visitor:
        visitor.open(SLUG, tokens="abcdabc")
        visitor.page.get_by_text("Inside", exact=True).click()
        at = visitor.panel("What follows “abcdabc”")
        visitor.until(lambda: len(shares(at)) == 8, "eight probabilities")
        expected = np.exp(logits - logits.max())
        expected *= 100 / expected.sum()
        label = experiment.symbols.characters
        for token, share in shares(at).items():
            assert share == pytest.approx(expected[label.index(token)], abs=0.51)

        def kept() -> int:
            return sum(share > 0 for share in shares(at).values())

        at.get_by_label("Top-k").fill("2")
        visitor.until(lambda: kept() == 2, "two tokens to be left")
        assert sum(shares(at).values()) == pytest.approx(100, abs=1)
        at.get_by_label("Top-k").fill(str(len(label)))
        at.get_by_label("Temperature").fill("0.5")
        cold = np.exp(2 * (logits - logits.max()))
        wanted = 100 * cold.max() / cold.sum()
        visitor.until(
            lambda: abs(max(shares(at).values()) - wanted) < 0.51, "the probabilities at half the temperature"
        )
        at.get_by_label("Temperature").fill("1")
        at.get_by_label("Top-p").fill("0.2")
        order = np.argsort(-expected)
        count = int(np.searchsorted(np.cumsum(expected[order]), 20)) + 1
        visitor.until(lambda: kept() == min(count, 8), f"the {count} likeliest tokens")

        at.get_by_label("Temperature").fill("0")
        likeliest = label[int(logits.argmax())]
        visitor.until(lambda: shares(at)[likeliest] == 100, "the likeliest token to have it all")
        at.get_by_role("button", name="Draw one token").click()
        visitor.until(lambda: visitor.link.get("tokens") == "abcdabc" + likeliest, "the token to be appended")
        expect(visitor.page.locator("section.panel", has_text=f"What follows “abcdabc{likeliest}”")).to_be_visible()


def test_a_head_is_chosen_and_switched_off(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG)
        maps = visitor.panel("each row is a token").locator("canvas")
        box = maps.bounding_box()
        assert box is not None
        maps.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.5})  # the left one of two
        expect(visitor.panel("Head 1.1, stage by stage")).to_be_visible()
        visitor.page.get_by_test_id("stButtonGroup").get_by_text("1.1", exact=True).click()
        expect(visitor.panel("Without 1.1 the loss is")).to_be_visible()
        expect(visitor.panel("Head 1.1, switched off")).to_be_visible()
        visitor.until(lambda: visitor.link.get("off") == "11", "the head in the link")  # later than the picture
        assert visitor.notices() == []
