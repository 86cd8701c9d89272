"""The tokens: what a visitor types for them, and how they are written."""

from __future__ import annotations

from functools import cache

from engine.data import text as texts

LETTERS, KEYS, VALUES = 6, 6, 6
NOISE, ASK = LETTERS, LETTERS + 1
LABELS = (*"abcdef", "·", "?", *"ABCDEF", *"123456")
TYPED = {**{label: index for index, label in enumerate(LABELS)}, ".": NOISE, "-": NOISE, "_": NOISE, " ": NOISE}
TEXT = (*"abcdefghijklmnopqrstuvwxyz", "␣", *".,'-", "*")  # of a text; the last one stands for every other sign
ENDS = range(26, 29)  # among these: a space, a full stop, a comma


def signs(task: str) -> tuple[str, ...]:
    """What stands in a sequence of this task, by token."""
    return TEXT if task == "text" else LABELS


def spelled(text: str) -> list[int]:
    """The tokens of a text: capitals are small, line ends are spaces."""
    known = {sign: token for token, sign in enumerate(TEXT)} | {" ": 26, "\n": 26, "\t": 26}
    return [known.get(character, len(TEXT) - 1) for character in text.lower()]


@cache
def commonest() -> float:
    """The share of the shipped text that its commonest sign, the space, has."""
    tokens = spelled(texts.corpus())
    return tokens.count(ENDS.start) / len(tokens)


def read(task: str, text: str) -> tuple[list[int], str]:
    """The tokens of a typed text up to its first "?", and the characters that are none of this task, each once."""
    small, large = range(NOISE + 1), (NOISE, *range(ASK + 1, len(LABELS)))
    known = large if task == "recall" else small
    found: list[int] = []
    ignored: dict[str, None] = {}
    for character in text.partition("?")[0]:
        token = TYPED.get(character, -1)
        if token in known:
            found.append(token)
        else:
            ignored[character] = None
    return found, "".join(ignored)
