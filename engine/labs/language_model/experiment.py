"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.data import bpe
from engine.labs.language_model.config import EVERY, Config
from engine.labs.language_model.frame import Frame, frame
from engine.labs.language_model.networks import LanguageModel, build
from engine.labs.language_model.objective import bits_per_character, truncated
from engine.labs.language_model.units import corpus, counted
from engine.nets import beam

__all__ = ["Config", "Experiment", "Frame", "LanguageModel", "beam", "bits_per_character", "bpe", "truncated"]

WARM_UP, CLIP = 30, 1.0  # steps until the learning rate is whole; what the gradient's length is cut to
WINDOWS, BATCHES = 64, 4  # pieces of the held-out text that it is judged by, at most, and how many batches that may be
COUNTING = 5.0  # how much faster a table learns: none of its rows is touched by more than a few tokens a step


class Experiment:
    """One step is one batch of pieces of the text.

    Metrics: ``loss``, the cross-entropy of the next token in nats, on the batch before it is learned from; and at every
    tenth step, on pieces of the held-out text of which the second half is scored, ``nats`` a token and ``bits`` a
    character; in between these stay as they were.  ``table_1`` to ``table_6`` are the bits that tables of so many
    characters need for the same characters, ``uniform`` what a character by lot does: they do not change.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.corpus = corpus(config.text_key, config.unit, config.merges, config.context)
        self.train = torch.from_numpy(self.corpus.train)
        self.judged = self._pieces()
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

    def _lines(self) -> dict[str, float]:
        """The bits of tables on the very characters that the model is judged by."""
        surprise, uniform = counted(self.config.text_key, self.config.unit)
        context, starts = self.config.context, self.corpus.starts
        scored = np.zeros(surprise.shape[1], bool)
        for piece in self.judged.tolist():
            scored[starts[piece + 1 + context // 2] : starts[piece + context + 1]] = True
        self.characters = max(1, int(scored.sum()))
        means = surprise[:, scored].mean(1) if scored.any() else surprise.mean(1)
        return {"uniform": uniform, **{f"table_{n}": float(bits) for n, bits in enumerate(means, 1)}}

    @torch.no_grad()
    def _judge(self) -> dict[str, float]:
        """Nats a token and bits a character of the held-out text.  Waits for the GPU."""
        half, context = self.config.context // 2, self.config.context
        pieces = torch.from_numpy(self.corpus.held)[self.judged[:, None] + torch.arange(context + 1)].to(self.device)
        logits = self.model(pieces[:, :-1])[:, half:]
        nats = F.cross_entropy(logits.flatten(0, 1), pieces[:, 1 + half :].flatten(), reduction="none").sum()
        tokens = len(pieces) * (context - half)
        known = self.corpus.known[pieces[:, 1 + half :].cpu().numpy()].sum()
        mean = float(nats) / tokens
        return {"nats": mean, "bits": bits_per_character(mean, tokens, max(1, int(known)))}

    def batch(self) -> tuple[Tensor, Tensor]:
        """Pieces of the text and the token that comes after each of theirs, (B, T)."""
        dice, context = generator(self.config.seed, f"batch/{self.step_count}"), self.config.context
        starts = torch.randint(len(self.train) - context, (self.config.batch_size, 1), generator=dice)
        pieces = self.train[starts + torch.arange(context + 1)].to(self.device)
        return pieces[:, :-1], pieces[:, 1:]

    def step(self) -> dict[str, float]:
        tokens, targets = self.batch()
        logits = self.model(tokens, generator(self.config.seed, f"dropout/{self.step_count}"))  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        self.optimiser.step()
        self.step_count += 1
        if self.step_count % EVERY == 0:
            self.found = self._judge()
        return {"loss": float(loss.detach()), **self.found, **self.lines}

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimiser's averages, the last look, and the step, from which the batches follow."""
        return {
            "step_count": self.step_count, "found": dict(self.found),
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "optimiser": copied(self.optimiser.state_dict()["state"]),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.found = state["step_count"], dict(state["found"])
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return frame(self.model, self.corpus, self.config, scores={**self.found, **self.lines})
