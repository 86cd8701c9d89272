"""What there is to see of word vectors: where words lie, what is nearest to a - b + c, and rows of information."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.labs.language_model.config import Config
from engine.labs.language_model.frame import DIGITS, Array, Cut, Frame, World
from engine.labs.language_model.made_world import EVERYWHERE, NOUNS, NUMBER, PEOPLE, WORDS
from engine.labs.language_model.vectors import WordVectors, analogy, nearness

NEAREST = 8  # words that are told
NOTHING = Cut((), (), 0, 0, 0, (), np.zeros((2, 1)))


@torch.inference_mode()
def world_frame(model: WordVectors, information: Tensor, config: Config, scores: dict[str, float]) -> Frame:
    """The frame of word vectors now; `information` (V, V) is that of words that stand in one sentence."""
    vectors = model.embedding.weight.double().cpu()
    given = NUMBER[config.word_a], NUMBER[config.word_b], NUMBER[config.word_c]
    a, b, c = given
    finite = bool(vectors.isfinite().all())
    near = nearness(vectors, a, b, c)
    order = analogy(vectors, a, b, c)[:NEAREST].tolist()
    people = 2 * len(PEOPLE)
    family = range(people) if a < people else range(people, len(NOUNS))
    shown = list(dict.fromkeys([*family, *given, *order[:1]]))
    columns, rows = _rows(information, given, order[0])
    return Frame(
        prompt="", written=(), next=(), left=0, held=(), cut=NOTHING, vocabulary=len(WORDS),
        places={"vectors of words": model.embedding.weight.numel(),
                "vectors as neighbours": model.neighbour.weight.numel()},
        embedding=_plane(vectors, shown, len(family), given) if finite else np.zeros((0, 2)),
        labels=tuple(WORDS[n] for n in shown), scores=dict(scores), text=(0, 0),
        world=World(given, tuple((WORDS[n], float(near[n])) for n in order), WORDS[int(near.argmax())], columns, rows),
    )  # fmt: skip


def _rows(information: Tensor, given: tuple[int, int, int], best: int) -> tuple[tuple[str, ...], Array]:
    """The rows of a, b, c, of a - b + c, and of the nearest word, over those neighbours that one of them has."""
    rows = information.clamp(min=0.0)  # words that never stand together have none
    a, b, c = given
    told = torch.stack([rows[a], rows[b], rows[c], rows[a] - rows[b] + rows[c], rows[best]])
    kept = [n for n in range(len(NOUNS), len(WORDS) - len(EVERYWHERE)) if bool((told[:, n] > 0).any())]
    return tuple(WORDS[n] for n in kept), np.round(told[:, kept].numpy(), DIGITS)


def _plane(vectors: Tensor, shown: list[int], family: int, given: tuple[int, int, int]) -> Array:
    """Words `shown`, and last a - b + c, (n + 1, 2), in the plane where the first `family` of them differ most.

    Vectors have length 1; the farthest lies at 1 or -1.
    """
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    a, b, c = given
    points = torch.cat([unit[shown], (unit[a] - unit[b] + unit[c])[None]])
    points = points - points[:family].mean(0)
    found = torch.linalg.eigh(points[:family].T @ points[:family])[1][:, [-2, -1]]
    largest = found.gather(0, found.abs().argmax(0, keepdim=True))  # an axis has no sign: here its largest entry's
    placed = (points @ (found * largest.sign())).numpy()
    return np.round(placed / max(float(np.abs(placed).max()), 1e-12), DIGITS) + 0.0  # type: ignore[no-any-return]
