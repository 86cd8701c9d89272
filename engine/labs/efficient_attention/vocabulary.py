"""The tokens: what a visitor types for them, and how they are written."""

from __future__ import annotations

from itertools import pairwise

KEYS = VALUES = 26
NOISE = KEYS + VALUES
UPPER, LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
LABELS = (*UPPER, *LOWER, "·")
TYPED = {**{label: index for index, label in enumerate(LABELS)}, ".": NOISE, "-": NOISE, "_": NOISE, " ": NOISE}


def read(text: str) -> tuple[list[int], str]:
    """The tokens of a typed text, and the characters that are none, each once."""
    found = [TYPED[character] for character in text if character in TYPED]
    return found, "".join(dict.fromkeys(character for character in text if character not in TYPED))


def told(tokens: list[int]) -> dict[int, int]:
    """The value that each key has, where one stands right behind it; of two the later."""
    return {key: value for key, value in pairwise(tokens) if key < KEYS <= value < NOISE}
