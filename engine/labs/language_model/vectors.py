"""Word vectors: numbers for each word by which its neighbours are guessed.  Mikolov et al., 2013."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NEGATIVES, POWER = 5, 0.75  # words drawn by lot for each neighbour, by frequency to this power


class WordVectors(nn.Module):
    """Two vectors of each word: one of its own, and one for it as a neighbour."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding, self.neighbour = nn.Embedding(words, width), nn.Embedding(words, width)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw both from a normal distribution, their length about a half."""
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0.0, 0.5 * parameter.shape[1] ** -0.5, generator=generator)

    def forward(self, given: Tensor, asked: Tensor) -> Tensor:
        """Scores (B, n) that each of `asked` (B, n) stands beside the words `given` (B, k), by their mean vector."""
        return torch.einsum("bw,bnw->bn", self.embedding(given).mean(1), self.neighbour(asked))


def negative_sampling(scores: Tensor) -> Tensor:
    """The loss of scores (B, 1 + k), of which the first is a neighbour's: nats, the k others summed, in the mean."""
    return -(F.logsigmoid(scores[:, 0]) + F.logsigmoid(-scores[:, 1:]).sum(1)).mean()


def analogy(vectors: Tensor, a: int, b: int, c: int) -> Tensor:
    """All words (V,) from the nearest to a - b + c on, by the cosine of `vectors` (V, W); a, b and c come last.

    Vectors are brought to length 1 first, as Mikolov et al. do (2013).  King - man + woman: a king, b man, c woman.
    """
    scores = nearness(vectors, a, b, c)
    scores[[a, b, c]] -= 4.0  # behind all others, whose cosines are within [-1, 1]
    return scores.argsort(descending=True, stable=True)


def nearness(vectors: Tensor, a: int, b: int, c: int) -> Tensor:
    """The cosine of each word with a - b + c, (V,)."""
    unit = F.normalize(vectors, dim=-1)
    return unit @ F.normalize(unit[a] - unit[b] + unit[c], dim=0)


def right(vectors: Tensor, asked: Tensor) -> Tensor:
    """Whether d is nearest to a - b + c for each row (a, b, c, d) of `asked` (n, 4): (n,) of bool."""
    unit = F.normalize(vectors, dim=-1)
    a, b, c, d = asked.unbind(1)
    scores = F.normalize(unit[a] - unit[b] + unit[c], dim=-1) @ unit.T
    for taken in (a, b, c):
        scores[torch.arange(len(asked)), taken] = -4.0
    return scores.argmax(1) == d
