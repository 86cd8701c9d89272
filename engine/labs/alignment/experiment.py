"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.alignment.config import Config
from engine.labs.alignment.enumerated import repeats, sentences
from engine.labs.alignment.frame import Frame, frame
from engine.labs.alignment.judge import People, answers, beliefs, drawn
from engine.labs.alignment.language import LENGTH, WORDS
from engine.labs.alignment.objectives import (
    advantages,
    best_of,
    dpo_loss,
    kl,
    optimum,
    ppo_loss,
    preference_loss,
    reinforce_loss,
)  # fmt: skip
from engine.labs.alignment.policy import reference

__all__ = [
    "Config", "Experiment", "Frame", "best_of", "dpo_loss", "optimum", "ppo_loss", "preference_loss", "sentences",
]  # fmt: skip

KEPT = 4  # of so many sentences, rejection fine-tuning learns from the best one


class Experiment:
    """One step is one batch: of sentences that the policy writes, or for DPO of pairs that were compared.

    Policy i of the stack is the one that a run with seed + i trains alone, with a language, comparisons and a judge of
    its own.  Metrics are the mean over policies, ``*_low`` and ``*_high`` hold 80 % of them; all are exact sums over
    all sentences, but for the loss, which is that of the batch.  Rewards count from what the reference gets.
    """

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.networks = range(config.seed, config.seed + config.seeds)
        self.every = sentences(WORDS, LENGTH)  # (N, T)
        self.again = (repeats(self.every) > 0).to(self.device)  # (N,)
        # On a Mac's GPU there is no double precision.
        self.dtype = torch.float32 if self.device.type == "mps" else torch.float64
        self.model = reference(self.networks, config.hidden).to(self.device, self.dtype)
        with torch.no_grad():
            self.ref: Tensor = self.model()  # (S, N)
        self._ask()
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)
        self.dice = [generator(seed, "batches") for seed in self.networks]

    @property
    def done(self) -> bool:
        """Best of n ends with n; the others never do."""
        return self.config.method == "best_of_n" and self.step_count >= self.config.candidates - 1

    def _ask(self) -> None:
        """What people answered, what the judges make of it, and what the policy is after."""
        config = self.config
        self.people = People(
            tuple(self.networks), config.hidden, config.taste, config.comparisons, config.noise, config.choices.upper()
        )
        truth = self.people.truth().expand(len(self.networks), -1)
        believed = truth if config.judged == "none" else beliefs(self.people, config.judged, config.fresh)
        self.pairs = answers(self.people).to(self.device)  # (S, M, 2), winners first
        self.truth, self.believed = (
            self._from_reference(r.to(self.device, self.dtype)) for r in (truth, believed)
        )  # (S, N)

    def _from_reference(self, reward: Tensor) -> Tensor:
        """Rewards (S, N) less what the reference gets: a reward is known but for a number that is added to all."""
        return reward - (self.ref.exp() * reward).sum(-1, keepdim=True)

    def step(self) -> dict[str, float]:
        method = self.config.method
        if method == "best_of_n":
            loss = torch.zeros(len(self.networks), dtype=self.dtype)
        elif method == "dpo":
            loss = self._dpo()
        else:
            loss = self._rewarded()
        self.step_count += 1
        return self._metrics(loss)

    def _descend(self, losses: Tensor) -> Tensor:
        """One step of Adam; policies do not touch each other."""
        self.optimiser.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return losses.detach()

    def _dpo(self) -> Tensor:
        config, count = self.config, self.config.batch_size
        if not self.pairs.shape[1]:  # nobody has answered yet
            return torch.zeros(len(self.networks), dtype=self.dtype)
        if config.fresh and not config.yours:
            pairs = self.people.compare(self.dice, count).to(self.device)
        else:
            known = self.pairs.shape[1]
            pairs = torch.stack([each[torch.randint(known, (count,), generator=dice).to(self.device)]
                                 for each, dice in zip(self.pairs, self.dice, strict=True)])  # fmt: skip
        w, l = pairs.unbind(-1)  # (S, B) each  # noqa: E741
        log_probs, ref = self.model(), self.ref
        return self._descend(dpo_loss(log_probs.gather(1, w), log_probs.gather(1, l), ref.gather(1, w),
                                      ref.gather(1, l), config.beta))  # fmt: skip

    def _rewarded(self) -> Tensor:
        """Write a batch, see what it is worth, and make what was worth more than usual likelier."""
        config = self.config
        with torch.no_grad():
            before = self.model()
        dice = torch.stack([torch.rand(config.batch_size, generator=each) for each in self.dice]).to(self.device)
        wrote = drawn(before, dice)  # (S, B)
        old, reward = before.gather(1, wrote), self.believed.gather(1, wrote)
        if config.method == "rejection":
            best = wrote.gather(1, reward.topk(max(1, config.batch_size // KEPT)).indices)
            return self._descend(-self.model().gather(1, best).mean(-1))
        priced = reward - config.beta * (old - self.ref.gather(1, wrote))
        gain = advantages(priced, baseline=config.baseline)
        if config.method == "reinforce":
            return self._descend(reinforce_loss(self.model().gather(1, wrote), gain))
        for _ in range(config.epochs):
            loss = self._descend(ppo_loss(self.model().gather(1, wrote), old, gain, config.clip))
        return loss

    def log_probs(self) -> Tensor:
        """How likely each policy is to write each sentence, (S, N): for best of n, to hand it out."""
        if self.config.method == "best_of_n":
            return best_of(self.ref, self.believed, min(1 + self.step_count, self.config.candidates))
        with torch.no_grad():
            log_probs: Tensor = self.model()
        return log_probs

    @torch.no_grad()
    def _metrics(self, loss: Tensor) -> dict[str, float]:
        found = {"loss": loss.to(self.device), **self.scores(self.log_probs())}
        values = torch.stack(list(found.values())).cpu().numpy().astype(float)  # (metrics, S)
        metrics = dict(zip(found, values.mean(1).tolist(), strict=True))
        if (count := values.shape[1]) > 1:
            low, high = np.sort(values, axis=1)[:, [count // 10, -1 - count // 10]].T.tolist()
            metrics |= {f"{name}_low": value for name, value in zip(found, low, strict=True)}
            metrics |= {f"{name}_high": value for name, value in zip(found, high, strict=True)}
        return metrics

    def scores(self, log_probs: Tensor) -> dict[str, Tensor]:
        """What there is to say of policies (S, N), (S,) each."""
        p, beta = log_probs.exp(), self.config.beta
        believed, distance = (p * self.believed).sum(-1), kl(log_probs, self.ref)
        scores = {
            "kl": distance, "believed": believed, "value": believed - beta * distance,
            "to_optimum": kl(log_probs, optimum(self.ref, self.believed, beta)),
            "entropy": -(p * log_probs).sum(-1), "repeating": (p * self.again).sum(-1),
        }  # fmt: skip
        if not self.config.yours:
            scores["true"] = (p * self.truth).sum(-1)
        if self.config.method == "dpo" and self.pairs.shape[1]:
            scores |= {name: log_probs.gather(1, self.pairs[:, :, place]).mean(-1)
                       for place, name in enumerate(("winners", "losers"))}  # fmt: skip
        return scores

    @property
    def shown(self) -> int:
        """Which policy of the stack is drawn."""
        return min(self.config.shown, self.config.seeds - 1)

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        before, self.config = self.config, config
        if config.choices != before.choices:
            self._ask()
        self._tell_optimiser()

    def _tell_optimiser(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate

    def state_dict(self) -> dict[str, Any]:
        """Weights of all policies, the optimiser's averages, the dice, and the number of the step."""
        return {
            "step_count": self.step_count, "optimiser": copied(self.optimiser.state_dict()["state"]),
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "dice": [dice.get_state() for dice in self.dice],
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count = state["step_count"]
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})
        self._tell_optimiser()
        for dice, at in zip(self.dice, state["dice"], strict=True):
            dice.set_state(at)

    @torch.no_grad()
    def frame(self) -> Frame:
        """What there is to see now, of the policy shown.  Changes nothing."""
        log_probs, at = self.log_probs(), self.shown
        scores = {name: float(each[at]) for name, each in self.scores(log_probs).items()}
        return frame(log_probs[at].cpu(), self.ref[at].cpu(), truth=self.truth[at].cpu(),
                     believed=self.believed[at].cpu(), pairs=self.pairs[at].cpu(), scores=scores, config=self.config,
                     seed=self.networks[at])  # fmt: skip
