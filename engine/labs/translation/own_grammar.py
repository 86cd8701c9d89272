"""Somebody's own grammar: lists of words, and sentences with places for them.

``N: cat = neko | dog = inu`` is a list, ``the N sees the N2 = N wa N2 o miru`` a sentence with two places for words of
that list.  Lists are named by capitals; lines end at a line break or a semicolon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

LISTS, WORDS, SENTENCES, LONGEST, LETTERS = (
    12,
    200,
    30,
    16,
    24,
)  # at most: lists, words in them, sentences; words, letters
_SLOT = re.compile(r"([A-Z]{1,8})([0-9]?)")
_LIST = re.compile(r"\s*([A-Z]{1,8})\s*:(.*)")


class GrammarError(ValueError):
    """A grammar cannot be read; the sentence says where and what would be accepted."""


@dataclass(frozen=True)
class Grammar:
    """`lists` by name, each of (source word, target words); `sentences` as (source tokens, target tokens)."""

    lists: dict[str, tuple[tuple[str, tuple[str, ...]], ...]]
    sentences: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    def options(self, token: str) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        """What may stand in this place of a sentence; nothing if the token is a word and no place."""
        found = _SLOT.fullmatch(token)
        return self.lists[found[1]] if found else None


@lru_cache(maxsize=64)
def read(text: str) -> Grammar:
    """The grammar that `text` spells out.  Raises `GrammarError`."""
    lists: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {}
    sentences = []
    for number, line in enumerate(re.split(r"[\n;]", text), start=1):
        if not line.strip():
            continue
        if found := _LIST.fullmatch(line):
            if found[1] in lists:
                raise GrammarError(f"line {number}: there is already a list {found[1]}")
            lists[found[1]] = tuple(_entry(entry, number) for entry in found[2].split("|"))
            continue
        source, equals, target = line.partition("=")
        if not equals or not source.split() or not target.split():
            raise GrammarError(f"line {number} needs words, an equals sign and words: the N sees = N miru")
        sentences.append((tuple(source.split()), tuple(target.split())))
    grammar = Grammar(lists, tuple(sentences))
    _check(grammar)
    return grammar


def _entry(entry: str, number: int) -> tuple[str, tuple[str, ...]]:
    source, _, target = entry.partition("=")
    words = tuple(_word(word, number) for word in target.split())
    if len(source.split()) != 1 or not 1 <= len(words) <= 3:
        raise GrammarError(f"line {number}: a list has one word = one to three words, separated by |: cat = neko")
    return _word(source.strip(), number), words


def _word(word: str, number: int) -> str:
    if len(word) > LETTERS:
        raise GrammarError(f"line {number}: a word has {LETTERS} letters at most")
    if "<" in word or ">" in word:
        raise GrammarError(f"line {number}: < and > are not for words")
    return word.lower()


def _check(grammar: Grammar) -> None:
    """Raise `GrammarError` for what is missing, too much, or not said on one of the sides."""
    if not grammar.sentences:
        raise GrammarError("at least one line is a sentence on both sides of an equals sign: the N sees = N miru")
    if (
        len(grammar.lists) > LISTS
        or sum(map(len, grammar.lists.values())) > WORDS
        or len(grammar.sentences) > SENTENCES
    ):
        raise GrammarError(f"{LISTS} lists, {WORDS} words in them and {SENTENCES} sentences are the most")
    for source, target in grammar.sentences:
        if max(len(source), len(target)) > LONGEST:
            raise GrammarError(f"a sentence has {LONGEST} words at most on each side")
        for token in (*source, *target):
            slot = _SLOT.fullmatch(token)
            if slot and slot[1] not in grammar.lists:
                raise GrammarError(f"there is no list {slot[1]}; a word that is no place is written in small letters")
            if not slot:
                _word(token, 0)
        places = [[t for t in side if _SLOT.fullmatch(t)] for side in (source, target)]
        if len(set(places[0])) < len(places[0]) or sorted(places[0]) != sorted(places[1]):
            raise GrammarError(f"“{' '.join(source)}” and “{' '.join(target)}” must have the same places, each once: "
                               "number a second one, N and N2")  # fmt: skip


def filled(
    grammar: Grammar, sentence: int, chosen: dict[str, tuple[str, tuple[str, ...]]]
) -> tuple[list[str], list[str], list[int]]:
    """A sentence with the `chosen` entry in each place: source words, target words, and where each came from.

    A word that stands in no place belongs to the one of the same number on the other side, or to the last of them.
    """
    source, target = grammar.sentences[sentence]
    words = [chosen[token][0] if token in chosen else token.lower() for token in source]
    loose = [place for place, token in enumerate(source) if token not in chosen] or [0]
    where = {token: place for place, token in enumerate(source)}
    out: list[str] = []
    alignment: list[int] = []
    count = 0
    for token in target:
        if token in chosen:
            new, place = list(chosen[token][1]), where[token]
        else:
            new, place = [token.lower()], loose[min(count, len(loose) - 1)]
            count += 1
        out += new
        alignment += [place] * len(new)
    return words, out, alignment


def match(grammar: Grammar, words: list[str]) -> tuple[list[str], list[int]] | None:
    """The translation of source `words` and its alignment; None if no sentence of the grammar fits."""
    for number, (source, _) in enumerate(grammar.sentences):
        if len(source) != len(words):
            continue
        chosen = {}
        for token, word in zip(source, words, strict=True):
            options = grammar.options(token)
            if options is None:
                if token.lower() != word:
                    break
            elif word in (known := dict(options)):
                chosen[token] = (word, known[word])
            else:
                break
        else:
            return filled(grammar, number, chosen)[1:]
    return None
