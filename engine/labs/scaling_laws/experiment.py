"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.scaling_laws.bigrams import counted, cross_entropy, draw, language, pairs
from engine.labs.scaling_laws.config import PASSES, Config
from engine.labs.scaling_laws.fitting import fit
from engine.labs.scaling_laws.frame import Frame, frame
from engine.labs.scaling_laws.parametric import Law

__all__ = ["Config", "Experiment", "Frame", "fit", "language"]

Measured = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # (K, S) each

START = 0.3  # of the normal numbers that the tables begin with
MEMORY = 8  # an average of the last weights reaches back about one such share of the run
RATIO = 1.12  # from one amount of data at which losses are measured to the next
EARLY = 100  # steps left out of fits: the loss is still that of the start
FIRST = 200  # steps before the first fit


class Tables(nn.Module):
    """M bigram models of low rank, stacked: logits of the next token are a_last . w_next / sqrt(r)."""

    def __init__(self, ranks: Tensor, vocabulary: int, dice: torch.Generator) -> None:
        super().__init__()
        shape = (len(ranks), vocabulary, int(ranks.max()))
        used = torch.arange(shape[-1]) < ranks[:, None, None]  # beyond its rank a model has zeros, and no gradient
        self.last = nn.Parameter(START * torch.randn(shape, generator=dice) * used)
        self.next = nn.Parameter(START * torch.randn(shape, generator=dice) * used)
        self.scale: Tensor
        self.register_buffer("scale", ranks.float()[:, None, None] ** -0.5, persistent=False)

    def log_q(self, last: Tensor, following: Tensor) -> Tensor:
        """Log-probabilities of the next token (M, V, V) for these tables (M, V, r)."""
        return (last * self.scale @ following.mT).log_softmax(-1)


class Experiment:
    """One step is one batch of tokens for every model: K trainings of S models each; a training's models share it.

    Metrics: ``train_loss`` of the largest model on this batch; of the smallest and the largest the exact loss when it
    was last measured, ``loss_smallest`` and ``loss_largest``; once there is a fit its ``E``, ``alpha`` and ``beta``.
    Where the data repeat: ``loss_<passes>`` and ``train_<passes>`` of each.  All are means over trainings.
    """

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        P, self.entropy = language(config.vocabulary, config.exponent, generator(config.seed, "language"))
        self.language, self.joint = P.float().numpy(), pairs(P)
        self.exact, self.best = self.joint.float().to(self.device), P.argmax(-1).to(self.device)
        self.model = self._tables().to(self.device)
        self.averages = [weights.detach().clone() for weights in self.model.parameters()]
        self.start = self._losses(self._log_q())  # of nothing learned: not quite a blind guess
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98),
                                          fused=self.device.type in ("cpu", "cuda"))  # fmt: skip
        self.pool = self._pool() if config.across == "repeats" else None
        self.marks: list[int] = []  # steps at which was measured
        self.losses: list[NDArray[np.float64]] = []  # (K, S) each, exact
        self.right: list[NDArray[np.float64]] = []  # (K, S): how often the likeliest token is named
        self.trained: list[NDArray[np.float64]] = []  # (K, S), on the batch
        self.fits: list[tuple[int, list[Law]]] = []  # the law of all trainings together, then of each

    def _tables(self) -> Tables:
        config = self.config
        dice = generator(config.seed, "weights")
        if config.across == "sizes":
            return Tables(torch.tensor(config.ranks).repeat(config.seeds), config.vocabulary, dice)
        one = Tables(torch.full((config.seeds,), config.rank), config.vocabulary, dice)  # all passes from one start
        tables = Tables(torch.tensor(config.ranks).repeat(config.seeds), config.vocabulary, dice)
        with torch.no_grad():
            for weights, start in zip(tables.parameters(), one.parameters(), strict=True):
                weights.copy_(start.repeat_interleave(len(PASSES), 0))
        return tables

    def _pool(self) -> Tensor:
        """All tokens of a run whose data are shown once, (K, planned B); with more passes their beginning."""
        config = self.config
        shape = (config.seeds, config.planned * config.batch_size)
        uniform = torch.rand(shape, generator=generator(config.seed, "pool"))
        return torch.stack([draw(self.joint, row).short() for row in uniform])  # in turn: a draw takes 16 bytes a pair

    @property
    def done(self) -> bool:
        return self.config.across == "repeats" and self.step_count >= self.config.planned

    def batch(self) -> Tensor:
        """How often each pair comes in this step's batch, for every model (K S, V, V)."""
        config = self.config
        if self.pool is None:
            stream = generator(config.seed, f"batch/{self.step_count}")
            drawn = draw(self.joint, torch.rand(config.seeds, config.batch_size, generator=stream))
            return counted(drawn, config.vocabulary).repeat_interleave(len(config.ranks), 0).float().to(self.device)
        place = self.step_count * config.batch_size + torch.arange(config.batch_size)
        shown = [self.pool[:, place % max(1, self.pool.shape[1] // passes)] for passes in PASSES]
        drawn = torch.stack(shown, 1).flatten(0, 1).long()  # (K S, B)
        return counted(drawn, config.vocabulary).float().to(self.device)

    def step(self) -> dict[str, float]:
        if self.done:
            return self._metrics()
        batch = self.batch()
        loss = cross_entropy(self.model.log_q(self.model.last, self.model.next), batch)  # (K S,)
        self.optimiser.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step_count += 1
        share = MEMORY / (self.step_count + MEMORY - 1) if self.config.averaged else 1.0
        for average, weights in zip(self.averages, self.model.parameters(), strict=True):
            average.lerp_(weights.detach(), share)
        self.train_loss = loss.detach().reshape(self.config.seeds, -1).double().cpu().numpy()  # waits for the GPU
        if self.step_count >= self.following:
            self._measure()
        return self._metrics()

    @property
    def following(self) -> int:
        """The step at which is measured next."""
        return math.ceil(self.marks[-1] * RATIO) if self.marks else 1

    @torch.no_grad()
    def _log_q(self) -> Tensor:
        """Log-probabilities of the next token by the averaged weights, (K S, V, V)."""
        return self.model.log_q(*self.averages)

    def _losses(self, log_q: Tensor) -> NDArray[np.float64]:
        """The exact losses (K, S): means over all pairs, each as often as it comes in the language, not a sample."""
        found = cross_entropy(log_q.double(), self.exact.double())
        return found.reshape(self.config.seeds, -1).cpu().numpy()  # waits for the GPU

    def _measured(self) -> Measured:
        """The exact losses, how often the likeliest token is named, and the losses on the last batch: now."""
        log_q = self._log_q()
        right = ((log_q.argmax(-1) == self.best).float() * self.exact.sum(-1)).sum(-1)
        return self._losses(log_q), right.double().reshape(self.config.seeds, -1).cpu().numpy(), self.train_loss

    def _measure(self) -> None:
        self.marks.append(self.step_count)
        for kept, new in zip((self.losses, self.right, self.trained), self._measured(), strict=True):
            kept.append(new)
        if self.config.across == "sizes" and len(set(self.config.ranks)) > 1 and self.step_count >= FIRST:
            self._fit()

    def _fit(self) -> None:
        marks = np.array(self.marks)
        some = marks >= EARLY
        L = np.stack(self.losses, -1)[..., some]  # (K, S, M)
        if not np.isfinite(L).all():
            return
        N = np.array(self.config.parameters, float)[:, None]
        D = marks[some] * float(self.config.batch_size)
        self.fits.append((self.step_count, [fit(N, D, each) for each in (L, *(L if len(L) > 1 else ()))]))

    def _metrics(self) -> dict[str, float]:
        losses, train = self.losses[-1].mean(0), self.train_loss.mean(0)
        if self.config.across == "repeats":
            told = {f"loss_{passes}": float(loss) for passes, loss in zip(PASSES, losses, strict=True)}
            return told | {f"train_{passes}": float(loss) for passes, loss in zip(PASSES, train, strict=True)}
        told = {"train_loss": float(train[-1]), "loss_smallest": float(losses[0]), "loss_largest": float(losses[-1])}
        if self.fits:
            law = self.fits[-1][1][0]
            told |= {"E": law.E, "alpha": law.alpha, "beta": law.beta}
        return told

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        self.optimiser.param_groups[0]["lr"] = config.learning_rate

    def state_dict(self) -> dict[str, Any]:
        """Weights, their averages, the optimiser's, and all that was measured."""
        return {
            "step_count": self.step_count, "marks": list(self.marks), "fits": copied(self.fits),
            "losses": copied(self.losses), "right": copied(self.right), "trained": copied(self.trained),
            "train_loss": self.train_loss.copy() if self.step_count else None,
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "averages": [tensor.clone() for tensor in self.averages],
            "optimiser": copied(self.optimiser.state_dict()["state"]),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.marks, self.fits = state["step_count"], list(state["marks"]), copied(state["fits"])
        self.losses, self.right, self.trained = (copied(state[name]) for name in ("losses", "right", "trained"))
        if state["train_loss"] is not None:
            self.train_loss = state["train_loss"].copy()
        self.model.load_state_dict(state["model"])
        for average, kept in zip(self.averages, state["averages"], strict=True):
            average.copy_(kept)
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})

    def frame(self) -> Frame:
        """All that was measured so far, and where the models are now.  Changes nothing."""
        marks, losses, right, trained = self.marks, self.losses, self.right, self.trained
        if marks and marks[-1] < self.step_count:
            marks, new = [*marks, self.step_count], self._measured()
            losses, right, trained = [*losses, new[0]], [*right, new[1]], [*trained, new[2]]
        return frame(
            self.config, entropy=self.entropy, language=self.language, start=self.start, step=self.step_count,
            marks=marks, losses=losses, right=right, trained=trained, fits=self.fits,
        )  # fmt: skip
