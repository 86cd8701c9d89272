"""The experiment of the objective "neighbours": words of a made world, known by the company that they keep."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from engine.contract.device import generator
from engine.labs.language_model import made_world, sentences
from engine.labs.language_model.config import Config
from engine.labs.language_model.frame import Frame
from engine.labs.language_model.learner import Learner
from engine.labs.language_model.vectors import NEGATIVES, POWER, WordVectors, negative_sampling, right
from engine.labs.language_model.world_frame import world_frame

SENTENCES = 20_000
PAIRS = 16  # guesses of a step, for each piece that a step of the other objectives reads
FALLS = 1_000  # steps until Adam's rate is half of the knob's


@lru_cache(maxsize=4)
def world(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sentences (n, 7), the shares by which the other words are drawn (V,), and information (V, V)."""
    said = sentences.sentences(SENTENCES, generator(seed, "world"))
    often = torch.bincount(said.flatten(), minlength=len(made_world.WORDS)).double()
    return said, often**POWER / (often**POWER).sum(), sentences.information(said)


class Neighbours(Learner):
    """One step is one batch of words and their neighbours.

    Metrics: ``loss``, of a neighbour and five words drawn by lot, in nats, before it is learned from; and at every
    tenth step ``people`` and ``places``, the shares of the 90 and 56 analogies whose answer is the nearest word.
    """

    model: WordVectors

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.said, self.shares, self.information = world(config.seed)
        self.model = WordVectors(len(made_world.WORDS), config.model_width)
        self.model.initialise(generator(config.seed, "weights"))
        self.model.to(self.device)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.rate)
        self.asked = torch.tensor(made_world.analogies())
        self.found = self._judge()

    @property
    def rate(self) -> float:
        """Adam's, now: it falls, since words that stand together by chance pull for ever."""
        return self.config.rate / (1 + self.step_count / FALLS)

    @torch.no_grad()
    def _judge(self) -> dict[str, float]:
        """The shares of analogies that are right.  Waits for the GPU."""
        found = right(self.model.embedding.weight.cpu(), self.asked).float()
        people = len(made_world.PEOPLE) * (len(made_world.PEOPLE) - 1)
        return {"people": float(found[:people].mean()), "places": float(found[people:].mean())}

    def batch(self) -> tuple[Tensor, Tensor]:
        """Words that are given (B, k), and those that are asked for (B, 6), the first of which is a neighbour."""
        dice = generator(self.config.seed, f"batch/{self.step_count}")
        count = PAIRS * self.config.batch_size
        sentence = self.said[torch.randint(len(self.said), (count,), generator=dice)]
        sentence = sentence.gather(1, torch.rand(sentence.shape, generator=dice).argsort(1))
        given = sentence[:, :1] if self.config.reading == "skip_gram" else sentence[:, 1:]
        beside = sentence[:, 1:2] if self.config.reading == "skip_gram" else sentence[:, :1]
        others = torch.multinomial(self.shares, count * NEGATIVES, replacement=True, generator=dice)
        asked = torch.cat([beside, others.reshape(count, NEGATIVES)], 1)
        return given.to(self.device), asked.to(self.device)

    def step(self) -> dict[str, float]:
        loss = negative_sampling(self.model(*self.batch()))
        return {"loss": self._learn(loss), **self.found}

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return world_frame(self.model, self.information, self.config, self.found)
