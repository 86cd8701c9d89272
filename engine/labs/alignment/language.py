"""The words of the toy language, for those who may not load torch."""

from __future__ import annotations

NAMES = ("yes", "sure", "we", "can", "go", "no")
YES, SURE, WE, NO = 0, 1, 2, 5
WORDS, LENGTH = len(NAMES), 4
SENTENCES = WORDS**LENGTH  # 1,296


def spelled(number: int) -> str:
    """The sentence at this place of the dictionary."""
    return " ".join(NAMES[number // WORDS**place % WORDS] for place in reversed(range(LENGTH)))
