"""A picture under attack, and the game that is played with such pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Browser
from scene_format import decode
from visitor import visit

from engine.labs.adversarial_examples import Config, Experiment
from engine.scene.attacked import Victim, attacked_picture
from engine.scene.duel import duel
from engine.scene.scene import Scene

PICTURES = np.zeros((2, 3, 3), np.float32)
WORDS = ("“1” 90%", "“2” 80%")


def test_what_is_sent_decodes_to_what_was_given() -> None:
    scene = Scene()
    duel(scene, "d", title="D", pictures=PICTURES, adversarial=PICTURES + 0.5, left=np.array([True, False]),
         before=WORDS, after=WORDS, fooled=[False, True], note="N")  # fmt: skip
    moved = np.full((3, 3), 0.1)
    moved[0, 0] = 0.0
    attacked_picture(scene, "a", title="A", picture=PICTURES[0], truth="a “1”", victims=[
        Victim("plain", "negative", moved, *WORDS, "×10", True),
        Victim("other", "positive", PICTURES[0], *WORDS, "none", False)])  # fmt: skip
    header, arrays = decode(scene.to_bytes())
    [[game, attacked]] = header["rows"]
    assert (game["left"], game["fooled"], game["note"]) == ([True, False], [False, True], "N")
    assert arrays[game["values"]][:, 0, 0].tolist() == [0, 127, 0, 127]  # each picture, and then its attacked twin
    changes = arrays[attacked["changes"]["values"]]
    assert (changes[0, 0, 0], changes[0, 1, 1]) == (127, 254) and (changes[1] == 127).all()
    with pytest.raises(ValueError, match="under attack"):
        attacked_picture(scene, "b", title="", picture=np.eye(2), truth="",
                         victims=[Victim("", "negative", moved, "", "", "", False)])  # fmt: skip
    with pytest.raises(ValueError, match="as many attacked"):
        duel(scene, "c", title="", pictures=PICTURES, adversarial=PICTURES[:1], left=np.ones(2, bool), before=WORDS,
             after=WORDS, fooled=[True, True])  # fmt: skip


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_which_one_was_attacked_is_told_after_the_answer_and_not_before(browser: Browser, server: str) -> None:
    pairs = Experiment(Config()).frame().pairs
    assert pairs is not None
    with visit(browser, server) as visitor:
        visitor.open("adversarial_examples")
        game = visitor.page.get_by_role("img", name="Which one is attacked?")
        game.focus()
        told = lambda: game.get_attribute("aria-description") or ""  # noqa: E731
        for tried, left in enumerate(pairs.left.tolist()[:2], 1):
            visitor.until(lambda tried=tried: told().startswith(f"Round {tried}."), "the question")
            game.press("ArrowLeft")
            game.press("Enter")
            visitor.until(lambda tried=tried: f"of {tried}." in told(), "the answer")
            assert told().startswith("Yes" if left else "No")
            reads = re.findall("“(.)”", told())
            assert reads == [str(pairs.before[tried - 1].argmax()), str(pairs.after[tried - 1].argmax())]
            game.press("Enter")
