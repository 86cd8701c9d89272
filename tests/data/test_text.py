"""Text to learn from: the embedded corpus, alphabets, and what becomes of a visitor's file."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.text import MAX_BYTES, MAX_CHARACTERS, UNKNOWN, TextError, alphabet, corpus, read_upload

LONG = "The quick brown fox jumps over the lazy dog. " * 6


def test_the_corpus_is_english_prose_in_printable_ascii() -> None:
    text = corpus()
    assert 100_000 < len(text) < 400_000
    assert set(text) <= set(string.printable) - set("\t\r\x0b\x0c")
    words = text.split()
    assert sum(word == "the" for word in words) > 0.03 * len(words)
    assert len(set(text.split("\n"))) == len(text.split("\n"))  # no paragraph twice
    assert "::=" not in text and "***" not in text and ">>>" not in text  # no grammar, headings, examples


def test_encoding_the_corpus_and_back_loses_nothing() -> None:
    text = corpus()
    letters = alphabet(text)
    assert len(letters) <= MAX_CHARACTERS and letters.decode(letters.encode(text)) == text


@given(st.text(max_size=400), st.text(max_size=40))
def test_an_alphabet_keeps_what_it_has_and_marks_the_rest(text: str, other: str) -> None:
    letters = alphabet(text)
    assert 1 <= len(letters) <= MAX_CHARACTERS and letters.characters[-1] == UNKNOWN
    known = letters.characters[:-1]
    assert list(known) == sorted(set(known))
    places = letters.encode(other)
    assert places.dtype == np.int64 and places.shape == (len(other),)
    assert letters.decode(places) == "".join(c if c in known else UNKNOWN for c in other)


def test_the_rarest_characters_are_left_out() -> None:
    text = "".join(chr(0x4E00 + place) * (place + 1) for place in range(200))
    assert set(alphabet(text).characters[:-1]) == {chr(0x4E00 + place) for place in range(105, 200)}


def test_labels_can_be_seen() -> None:
    letters = alphabet(corpus())
    labels = letters.labels()
    assert len(labels) == len(letters) and all(label.strip() for label in labels)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LONG.encode(), LONG),
        (b"\xef\xbb\xbf" + LONG.encode(), LONG),
        (LONG.replace(". ", ".\r\n").encode(), LONG.replace(". ", ".\n")),
        (("Zoe\u0308 \u4f60\u597d " * 60).encode(), "Zo\u00eb \u4f60\u597d " * 60),
        (b"x" * MAX_BYTES, "x" * MAX_BYTES),
    ],
    ids=["plain", "byte order mark", "ends of lines", "composed", "as large as can be"],
)
def test_a_text_in_utf_8_is_read(data: bytes, expected: str) -> None:
    assert read_upload(data) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"short", "5 characters; give at least 200"),
        (b" " * 5000, "0 characters; give at least 200"),
        (b"x" * (MAX_BYTES + 1), "at most 1 MB"),
        (LONG.encode("utf-16"), "UTF-16"),
        (("Grüße aus Köln. " * 30).encode("latin-1"), r"not UTF-8 \(at byte 3\)"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 20, "binary"),
        ((LONG + "\x1b[31m").encode(), "control characters"),
    ],
    ids=["empty", "short", "blank", "large", "utf-16", "latin-1", "png", "terminal codes"],
)
def test_what_is_no_text_gets_one_sentence(data: bytes, says: str) -> None:
    with pytest.raises(TextError, match=says) as caught:
        read_upload(data)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 120


@given(st.binary(max_size=600))
def test_any_bytes_are_a_text_or_a_sentence(data: bytes) -> None:
    try:
        text = read_upload(data)
    except TextError as error:
        assert str(error).endswith(".")
    else:
        assert "\r" not in text and alphabet(text).encode(text).min() >= 0
