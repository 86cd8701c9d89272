"""Byte pair encoding: the commonest pair of tokens becomes a token, again and again.  Sennrich et al., 2016.

A text is cut into words first, each with the space before it and none longer than 32 characters, and no merge reaches
over their border.  It begins with bytes, as GPT-2's does, so any text can be encoded, and decoding gives it back.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import NamedTuple

BYTES = 256
SIGNS = str.maketrans({" ": "␣", "\n": "⏎", "\t": "⇥"})  # how what cannot be seen is written
LONGEST = 32  # characters of a word without its space: merges cost the square of it, and hardly a word is longer
LEARNED = 200_000  # bytes that merges are learned from: those of a long text are much the same
# Letters, digits, signs, each with a space, or a space.
WORDS = re.compile(f" ?[^\\W\\d_]{{1,{LONGEST}}}| ?\\d{{1,{LONGEST}}}| ?(?:[^\\s\\w]|_){{1,{LONGEST}}}|\\s")

Pair = tuple[int, int]


class Merge(NamedTuple):
    """Two tokens that became one: their numbers, and how often they stood side by side at that time."""

    pair: Pair
    count: int  # type: ignore[assignment]  # a tuple's own `count` is of no use here


def words(text: str) -> list[str]:
    """`text` cut into pieces over whose border no merge reaches; joined they are `text` again."""
    return WORDS.findall(text)


@dataclass(frozen=True)
class Tokeniser:
    """Tokens are numbers: 0 to 255 the bytes, 256 + k what merge k makes."""

    merges: tuple[Merge, ...]
    _known: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return BYTES + len(self.merges)

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """The bytes of each token."""
        found = [bytes([n]) for n in range(BYTES)]
        for (left, right), _ in self.merges:
            found.append(found[left] + found[right])
        return tuple(found)

    @cached_property
    def ranks(self) -> dict[Pair, int]:
        """Which merge joins a pair."""
        return {merge.pair: rank for rank, merge in enumerate(self.merges)}

    def encode(self, text: str) -> list[int]:
        """The tokens of any `text`.  What UTF-8 cannot say, half of a surrogate pair, becomes a question mark."""
        found: list[int] = []
        for word in words(text):
            if word not in self._known:
                if len(self._known) > 50_000:
                    self._known.clear()
                self._known[word] = tuple(self._word(word))
            found.extend(self._known[word])
        return found

    def _word(self, word: str) -> list[int]:
        tokens, ranks, last = list(word.encode(errors="replace")), self.ranks, len(self.merges)
        while len(tokens) > 1:
            rank, pair = min((ranks.get(pair, last), pair) for pair in pairwise(tokens))
            if rank == last:
                break
            tokens = joined(tokens, pair, BYTES + rank)
        return tokens

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of `tokens`.  Bytes that are no UTF-8, as a model may write them, become U+FFFD."""
        return b"".join(self.pieces[token] for token in tokens).decode(errors="replace")

    def labels(self) -> list[str]:
        """How each token is written where it must be seen: a space as a box, and what has no look by its bytes."""
        return [_label(piece) for piece in self.pieces]

    def after(self, merges: int) -> Tokeniser:
        """This tokeniser when only so many of its merges had been made."""
        return self if merges >= len(self.merges) else Tokeniser(self.merges[:merges])


def _label(piece: bytes) -> str:
    try:
        said = piece.decode().translate(SIGNS)
    except UnicodeDecodeError:  # a part of a character
        said = "\ufffd\0"
    return said if said.isprintable() else " ".join(f"<{byte:02X}>" for byte in piece)


def joined(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """`tokens` with `new` for each `pair` in them, from the left."""
    found: list[int] = []
    for token in tokens:
        if found and (found[-1], token) == pair:
            found[-1] = new
        else:
            found.append(token)
    return found


def _beginning(text: str) -> str:
    """What merges are learned from."""
    return text[:LEARNED].encode(errors="replace")[:LEARNED].decode(errors="ignore")


def train(text: str, merges: int) -> Tokeniser:
    """A tokeniser with up to `merges` merges learned from the first 200,000 bytes of `text`; fewer if no pair is left.

    At each step the commonest pair is joined; among equals the one whose tokens came first.  Counts are kept up to
    date: only words that hold the pair are looked at again.
    """
    counted = Counter(word.encode(errors="replace") for word in words(_beginning(text)))
    tokens, often = [list(word) for word in counted], list(counted.values())
    counts: Counter[Pair] = Counter()
    holding: defaultdict[Pair, set[int]] = defaultdict(set)
    for n, word in enumerate(tokens):
        for pair in pairwise(word):
            counts[pair] += often[n]
            holding[pair].add(n)
    queue = [(-count, pair) for pair, count in counts.items()]
    heapify(queue)
    found: list[Merge] = []
    while queue and len(found) < merges:
        count, pair = heappop(queue)
        if -count != counts[pair]:  # it has changed since
            if counts[pair] > 0:
                heappush(queue, (-counts[pair], pair))
            continue
        new = BYTES + len(found)
        found.append(Merge(pair, -count))
        changed: set[Pair] = set()
        for n in holding.pop(pair):
            old, word = tokens[n], joined(tokens[n], pair, new)
            if len(word) == len(old):
                continue
            for gone in pairwise(old):
                counts[gone] -= often[n]
            for come in pairwise(word):
                counts[come] += often[n]
                holding[come].add(n)
                changed.add(come)
            tokens[n] = word
        del counts[pair]
        for each in changed:
            if each in counts and counts[each] > 0:
                heappush(queue, (-counts[each], each))
    return Tokeniser(tuple(found))
