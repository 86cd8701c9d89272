"""Text to learn from: the documentation of Python itself, or the visitor's own; and its characters as numbers."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.contract.knobs import ConfigError
from engine.data import shelf

UNKNOWN = "\ufffd"  # stands for every character that an alphabet does not have
MAX_CHARACTERS = 96  # in an alphabet
MAX_BYTES, MIN_LENGTH = 1_000_000, 200
TRAIN_SHARE = 0.9  # of a text; the rest is only tested on
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "..."}
)


class TextError(ValueError):
    """A text cannot be used; ``str(error)`` is one sentence for the visitor."""


@cache
def corpus() -> str:
    """English prose of nearly 200,000 characters, printable ASCII, one paragraph a line.

    It is the text of Python's own reference (`pydoc_data.topics`, in the standard library) without its headings,
    examples, grammar and tables.  Its words differ a little between versions of Python.
    """
    from pydoc_data.topics import topics  # half a megabyte, which only labs that read it need

    paragraphs = []
    for name in sorted(topics):
        for block in topics[name].translate(_PLAIN).split("\n\n"):
            if block.startswith("   ") or "\n***" in block or "\n===" in block or "\n---" in block:
                continue  # an example, or a heading with its underline
            line = " ".join(block.split()).removeprefix("* ")
            letters = sum(c.isalpha() or c == " " for c in line)
            if len(line) >= 60 and letters > 0.85 * len(line) and line.isascii() and line.isprintable():
                paragraphs.append(line)
    return "\n".join(dict.fromkeys(paragraphs))  # some topics repeat each other


@lru_cache(maxsize=16)
def own(key: str) -> str:
    """The visitor's own text with this key on the shelf; without a key, `corpus`.

    Raises `TextError` if it is no longer there, or no text.
    """
    if not key:
        return corpus()
    try:
        return read_upload(shelf.fetch(key))
    except shelf.ShelfError:
        raise TextError("This server no longer has that text; give it again.") from None


def border(total: int, window: int) -> int:
    """How many of `total` characters are learned from, in windows of `window`; those after them are only tested on.

    The last tenth is kept for the test, and never less than a window: no window of the test shares a character with
    one of the training.  Raises `TextError` if fewer than two windows' length is left to learn from.
    """
    cut = min(int(TRAIN_SHARE * total), total - window)
    if cut < 2 * window:
        raise TextError(
            f"The text has {total} characters, of which at least the last {window} are kept for testing, and what is "
            f"left is too little to learn from; give a text of at least {3 * window} characters."
        )
    return cut


def require(key: str) -> str:
    """`own`, for a Config's `check`: raises the `ConfigError` of the knob `text_key`."""
    try:
        return own(key)
    except TextError as error:
        said = str(error).rstrip(".")
        raise ConfigError("text_key", key, said[0].lower() + said[1:]) from None


def require_length(key: str, length: int) -> None:
    """Raise a `ConfigError` if the text with this key cannot be learned from in sequences of `length` characters.

    It is that of the knob `text_key` if there is no such text, and that of the knob `length` if the text is too short:
    see `border`.
    """
    total = len(require(key))
    try:
        border(total, length + 1)
    except TextError:
        raise ConfigError(
            "length", length, f"your text has {total} characters, of which the last {length + 1} are kept for testing, "
            f"and what is left is too little to learn from; choose at most {total // 3 - 1}, or give a text of at "
            f"least {3 * (length + 1)} characters",
        ) from None  # fmt: skip


@dataclass(frozen=True)
class Alphabet:
    """The characters that a network knows, each by its place.  The last one, U+FFFD, stands for all others."""

    characters: str

    def __len__(self) -> int:
        return len(self.characters)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {character: place for place, character in enumerate(self.characters)}

    def encode(self, text: str) -> NDArray[np.int64]:
        """The place of each character, (T,).  One that is not in the alphabet becomes its last."""
        last = len(self.characters) - 1
        return np.array([self._places.get(character, last) for character in text], dtype=np.int64)

    def decode(self, indices: NDArray[np.int64]) -> str:
        """The text that `encode` was given, with U+FFFD for each character that is not in the alphabet."""
        return "".join(self.characters[int(place)] for place in indices)

    def labels(self) -> list[str]:
        """How each character is written where it must be seen: a space as a box, the end of a line as an arrow."""
        seen = {" ": "\u2423", "\n": "\u23ce", "\t": "\u21e5"}
        return [seen.get(character, character) for character in self.characters]


def alphabet(text: str) -> Alphabet:
    """The most frequent characters of `text`, in order, at most 96 with the one that stands for all others."""
    counts = Counter(text)
    counts.pop(UNKNOWN, None)
    frequent = sorted(counts, key=lambda character: (-counts[character], character))[: MAX_CHARACTERS - 1]
    return Alphabet("".join(sorted(frequent)) + UNKNOWN)


def read_upload(data: bytes) -> str:
    """The text in an uploaded or typed file: UTF-8, at most 1 MB, at least 200 characters.  Raises `TextError`.

    A byte order mark is dropped, ends of lines become "\\n", and letters are composed (NFC).  Whatever cannot be read
    as text gets a sentence: another encoding, a binary file, a file that is empty, too short or too large.
    """
    if not data:
        raise TextError("The text is empty; give at least 200 characters.")
    if len(data) > MAX_BYTES:
        raise TextError(f"The text has {len(data) / 1e6:.1f} MB; at most 1 MB can be used.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TextError("The file is UTF-16; save it as UTF-8 and try again.")
    if b"\0" in data:
        raise TextError("The file is not a text: it holds binary data. A UTF-8 text is needed.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(
            f"The file is not UTF-8 (at byte {error.start + 1:,}); save it as UTF-8 and try again."
        ) from None
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t\f" for character in set(text)):
        raise TextError("The file is not a text: it holds control characters. A UTF-8 text is needed.")
    if len(text.strip()) < MIN_LENGTH:
        raise TextError(f"The text has {len(text.strip())} characters; give at least {MIN_LENGTH}.")
    return text
