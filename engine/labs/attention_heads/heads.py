"""What a head does if it is plain, which heads say most, and where their stripes lie in a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.labs.attention_heads.vocabulary import SYMBOLS

Array = NDArray[Any]
Place = tuple[int, int]  # (layer, head), from 0
INDUCTION, BEFORE, MIRROR = "induction", "token before", "mirror image"
PLAIN = 0.3  # of a head's attention: from here on it is said to do something
LEVEL = 0.05  # heads that differ by less do it equally well, and the first of them is shown
BLANK = SYMBOLS.characters.index("_")
HELD, DENSE = 0.5, 0.08  # attention in a stripe, all of it and of one row in the mean, from which on it is outlined
STRIPES = 6  # of one map at most: the strongest
Stripe = tuple[int, int, int, int]  # from (column, row) to (column, row)


def mirrored(weights: Array, tokens: Array) -> Array:
    """How much each head (L, H) looks from a blank at the letter to be written there; weights (L, H, T, T)."""
    rows, columns = _mirror(tokens)
    return np.asarray(weights[:, :, rows, columns].mean(-1))


def _mirror(tokens: Array) -> tuple[Array, Array]:
    """Rows and columns of the places where a head looks that writes backwards into the blanks."""
    places = np.flatnonzero(tokens == BLANK)
    columns = places[0] - 1 - np.arange(len(places))  # the first blank wants the last letter
    return places[columns >= 0], columns[columns >= 0]


def kinds(task: str, *, induction: Array, previous: Array, weights: Array, tokens: Array) -> dict[str, Array]:
    """How much each head (L, H) does of each thing that has a name, the most telling first; fields of a `Frame`."""
    found = {INDUCTION: induction, BEFORE: previous}
    if task == "reverse" and (tokens == BLANK).any():
        return {MIRROR: mirrored(weights, tokens), **found}
    return found


def most_telling(scores: Mapping[str, Array]) -> Place:
    """The head that does the most telling thing; as long as none does, the first of the last layer."""
    first = next(iter(scores.values()))
    place = best(first)
    return place if first[place] >= PLAIN else (len(first) - 1, 0)


def telling(scores: Mapping[str, Array], chosen: Place | None = None) -> tuple[Place, ...]:
    """The two heads that say most, or the only one, by layer: one that does the most telling thing, and from another
    layer, if there is one, one that does what it needs.

    A head that was `chosen` takes the place of the one in its layer, or of the second.
    """
    layers, heads = scores[BEFORE].shape
    main = most_telling(scores)
    others = [(i, j) for i in range(layers) if i != main[0] or layers == 1 for j in range(heads) if (i, j) != main]
    pair = [main]
    if others:
        other = best(scores[BEFORE], others)
        pair.append(other if scores[BEFORE][other] >= PLAIN else others[0])
    if chosen and chosen not in pair:
        same = [place for place, (layer, _) in enumerate(pair) if layer == chosen[0]]
        pair[same[0] if same else -1] = chosen
    return tuple(sorted(pair))


def best(scores: Array, among: Sequence[Place] | None = None) -> Place:
    """The first head, of all or `among` some, that does nearly as much as any: so they do not take turns."""
    places = among or [(int(i), int(j)) for i, j in np.ndindex(scores.shape)]
    most = max(float(scores[place]) for place in places)
    return next(place for place in places if scores[place] >= most - LEVEL)


def top(scores: Array) -> tuple[Place, float]:
    """The `best` head and how much it does; as long as none is plain, the most that any does."""
    place = best(scores)
    return place, float(scores[place] if scores[place] > PLAIN else scores.max())


def does(scores: Mapping[str, Array], place: Place) -> str:
    """What the head at `place` does if that is plain, or nothing."""
    kind = max(scores, key=lambda name: float(scores[name][place]))
    return kind if scores[kind][place] > PLAIN else ""


def stripes(kind: str, weights: Array, tokens: Array) -> list[Stripe]:
    """Where in a map, `weights` (T, T) of a head that does `kind`, its attention lies in lines: the strongest."""
    T = len(tokens)
    if kind == BEFORE:
        return [(0, 1, T - 2, T - 1)] if T > 2 else []
    if kind == MIRROR:
        rows, columns = _mirror(tokens)
        return [(int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1]))]
    follows = np.zeros((T, T), bool)  # the token before column j is that of row t: there an induction head looks
    follows[:, 1:] = tokens[:, None] == tokens[None, :-1]
    follows &= np.tri(T, dtype=bool)
    found = [run for back in range(T) for run in _runs(follows, back)]
    held = {run: float(sum(weights[run[1] + k, run[0] + k] for k in range(run[2] - run[0] + 1))) for run in found}
    strong = [run for run in found if held[run] >= max(HELD, DENSE * (run[2] - run[0] + 1))]
    return sorted(strong, key=lambda run: -held[run])[:STRIPES]


def _runs(true: Array, back: int) -> list[Stripe]:
    """The unbroken parts of a diagonal of `true` (T, T), `back` places below the main one."""
    line = np.concatenate([[False], true.diagonal(-back), [False]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(line) == 1), np.flatnonzero(np.diff(line) == -1) - 1
    return [(int(a), int(a + back), int(b), int(b + back)) for a, b in zip(starts, ends, strict=True)]
