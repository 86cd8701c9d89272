"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.contract.device import generator
from engine.data import bpe
from engine.labs.language_model.config import Config
from engine.labs.language_model.frame import Frame, frame
from engine.labs.language_model.learner import Learner
from engine.labs.language_model.neighbours import Neighbours
from engine.labs.language_model.networks import LanguageModel, build
from engine.labs.language_model.objective import bits_per_character, corrupt, truncated, weighted
from engine.labs.language_model.units import corpus, counted
from engine.labs.language_model.vectors import analogy
from engine.nets import beam

__all__ = [
    "Config",
    "Experiment",
    "Frame",
    "LanguageModel",
    "analogy",
    "beam",
    "bits_per_character",
    "bpe",
    "corrupt",
    "truncated",
]

WARM_UP, CLIP = 30, 1.0  # steps until the learning rate is whole; what the gradient's length is cut to
WINDOWS, BATCHES = 64, 4  # pieces of the held-out text that it is judged by, at most, and how many batches that may be
LOOKS = 2  # how often diffusion is judged by each piece, other tokens hidden
COUNTING = 5.0  # how much faster a table learns: none of its rows is touched by more than a few tokens a step


class Experiment(Learner):
    """One step is one batch of pieces of the text.

    Metrics: ``loss``, the cross-entropy of what it is to guess in nats, on the batch before it is learned from; and at
    every tenth step, on pieces of the held-out text of which the second half is scored, or of a masked model what is
    hidden, ``nats`` a token and ``bits`` a character; in between these stay as they were.  Of masked diffusion all
    three are upper bounds.  ``table_1`` to ``table_6`` are the bits that tables of so many characters need for the same
    characters, ``uniform`` what a character by lot does: they do not change.
    """

    model: LanguageModel
    clip = CLIP

    def __new__(cls, config: Config, device: torch.device | str = "cpu") -> Experiment:
        """Word vectors have an experiment of their own."""
        if config.objective == "neighbours":
            return Neighbours(config, device)  # type: ignore[return-value]
        return super().__new__(cls)

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.corpus = corpus(config.text_key, config.unit, config.merges, config.context)
        self.train = torch.from_numpy(self.corpus.train)
        self.judged = self._pieces()
        self.asked = self._asked()
        self.scored = self._scored()
        self.model = build(config, len(self.corpus.tokens), generator(config.seed, "weights")).to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01,
            fused=self.device.type in ("cpu", "cuda"),
        )  # fmt: skip
        self.lines = self._lines()
        self.found = self._judge()

    @property
    def rate(self) -> float:
        """AdamW's, now."""
        faster = COUNTING if self.config.model == "bigram" else 1.0
        return float(self.config.rate * faster * min(1.0, (self.step_count + 1) / WARM_UP))

    def _pieces(self) -> Tensor:
        """Where pieces of the held-out text begin, the whole text over, (n,)."""
        context, length = self.config.context, len(self.corpus.held)
        starts = np.arange(0, length - context, context - context // 2)
        most = min(WINDOWS, BATCHES * self.config.batch_size)
        if len(starts) > most:
            starts = starts[np.linspace(0, len(starts) - 1, most).round().astype(int)]
        return torch.from_numpy(starts)

    def _asked(self) -> tuple[Tensor, Tensor, Tensor]:
        """What is read of the held-out text, what is to be said of it, and how much each place counts, (n, T) each.

        Of what comes next the second half counts, so that at least half of the context is seen; what is hidden is the
        same each time.
        """
        context, objective = self.config.context, self.config.objective
        dice, half = generator(self.config.seed, "hidden"), context // 2
        pieces = torch.from_numpy(self.corpus.held)[self.judged[:, None] + torch.arange(context + 1)]
        if objective == "diffusion":  # the very tokens that a model of the next one is judged by, those before given
            pieces = pieces[:, 1:].repeat(LOOKS, 1)
            read, said, count = corrupt(pieces[:, half:], objective, self.config.masked, dice)
            given = pieces[:, :half]
            return (torch.cat([given, read], 1), torch.cat([given, said], 1),
                    torch.cat([torch.zeros(given.shape), count], 1))  # fmt: skip
        pieces = pieces if objective == "next" else pieces[:, :-1]
        read, said, count = corrupt(pieces, objective, self.config.masked, dice)
        if objective == "next":
            count[:, :half] = 0
        return read, said, count

    def _scored(self) -> Tensor:
        """Which tokens of the held-out text it is judged by, (n,): diffusion hides some of them at a time."""
        count = self.asked[2]
        if self.config.objective == "diffusion":
            there = (torch.arange(count.shape[1]) >= self.config.context // 2).expand(len(self.judged), -1)
        else:
            there = count > 0
        ahead = int(self.config.objective != "masked")
        return (self.judged[:, None] + ahead + torch.arange(self.config.context))[there]

    def _lines(self) -> dict[str, float]:
        """The bits of tables on the very characters that the model is judged by."""
        surprise, uniform = counted(self.config.text_key, self.config.unit)
        starts = self.corpus.starts
        scored = np.concatenate([np.arange(starts[token], starts[token + 1]) for token in self.scored.numpy()])
        means = surprise[:, scored].mean(1) if len(scored) else surprise.mean(1)
        return {"uniform": uniform, **{f"table_{n}": float(bits) for n, bits in enumerate(means, 1)}}

    @torch.no_grad()
    def _judge(self) -> dict[str, float]:
        """Nats a token and bits a character of the held-out text; of diffusion a bound of them.  Waits for the GPU."""
        read, said, count = self.asked
        logits = self.model(read.to(self.device))
        mean = float(weighted(logits, said.to(self.device), count.to(self.device)))
        known = self.corpus.known[self.corpus.held[self.scored.numpy()]].sum()
        return {"nats": mean, "bits": bits_per_character(mean, len(self.scored), max(1, int(known)))}

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Pieces of the text as they are read, what is to be said of each token, and how it counts, (B, T) each."""
        seed, context, objective = self.config.seed, self.config.context, self.config.objective
        dice = generator(seed, f"batch/{self.step_count}")
        starts = torch.randint(len(self.train) - context, (self.config.batch_size, 1), generator=dice)
        pieces = self.train[starts + torch.arange(context + (objective == "next"))].to(self.device)
        return corrupt(pieces, objective, self.config.masked, dice)

    def step(self) -> dict[str, float]:
        tokens, targets, count = self.batch()
        logits = self.model(tokens, generator(self.config.seed, f"dropout/{self.step_count}"))  # (B, T, V)
        if self.config.objective == "next":
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        else:
            loss = weighted(logits, targets, count)
        return {"loss": self._learn(loss), **self.found, **self.lines}

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return frame(self.model, self.corpus, self.config, scores={**self.found, **self.lines})
