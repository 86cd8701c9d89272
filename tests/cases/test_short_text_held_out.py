"""The attention page tested a short text of one's own on what it had learned, and said "held out" of it.

Where the last tenth was shorter than two sequences, windows for the test came from the part that is learned: of 400
random letters "93 % right", where chance is one in sixteen.  Of random letters nobody can know more than that.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import engine
from engine.data import shelf
from engine.labs.attention_heads import Config, Experiment


@pytest.mark.parametrize(("characters", "length"), [(400, 32), (300, 24)])
def test_of_random_letters_only_those_that_were_learned_are_known(
    characters: int, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    luck = random.Random(3)
    key = shelf.keep("".join(luck.choice("abcdefghijklmnop") for _ in range(characters)).encode())
    config = Config(task="text", text_key=key, length=length, feed_forward="gelu", position="learned")
    *_, last = engine.train(Experiment(config), 250)
    assert last["accuracy"] > 0.8 and last["test_accuracy"] < 0.3
