"""BLEU, by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]
ORDERS = 4


def ngrams(words: Words, order: int) -> Counter[tuple[str, ...]]:
    """How often each run of `order` words occurs."""
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def matches(hypothesis: Words, reference: Words, order: int) -> tuple[int, int, int]:
    """n-grams of the hypothesis that the reference has too: clipped to how often it has them, not clipped, and all."""
    found, wanted = ngrams(hypothesis, order), ngrams(reference, order)
    clipped = sum(min(count, wanted[gram]) for gram, count in found.items())
    return clipped, sum(count for gram, count in found.items() if gram in wanted), sum(found.values())


def brevity(hypothesis: int, reference: int) -> float:
    """What too short a text is multiplied by: exp(1 - r / c), and 1 for one that is long enough."""
    return 0.0 if not hypothesis else min(1.0, math.exp(1 - reference / hypothesis))


def bleu(hypotheses: Sequence[Words], references: Sequence[Words]) -> tuple[float, list[float], float]:
    """BLEU of a corpus, from 0 to 100; the precisions of n-grams of 1 to 4 words, in per cent; the brevity penalty.

    Lists of words, one reference for each hypothesis, nothing smoothed: with no run of four words in common it is 0.
    Raises `ValueError` if there are not as many of both.  Papineni et al., 2002.
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses cannot be compared with {len(references)} references.")
    precisions = []
    for order in range(1, ORDERS + 1):
        counted = [matches(h, r, order) for h, r in zip(hypotheses, references, strict=True)]
        every = sum(all_ for _, _, all_ in counted)
        precisions.append(100 * sum(clipped for clipped, _, _ in counted) / every if every else 0.0)
    short = brevity(sum(map(len, hypotheses)), sum(map(len, references)))
    mean = math.exp(sum(map(math.log, precisions)) / ORDERS) if min(precisions) > 0 else 0.0
    return short * mean, precisions, short
