"""The phase picture: a network for each training share and each weight decay, all of them one stack."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from engine.labs.grokking.config import DECAYS, SHARES, Config
from engine.labs.grokking.frame import PhasePicture
from engine.labs.grokking.networks import Network
from engine.labs.grokking.tables import split

DECOUPLED = ("adamw", "lion")  # they shrink the weights themselves, the others add decay to the gradient
BY_HEART, KNOWN = 0.99, 0.95  # shares right of the pairs shown, and of those new in both orders
SPACING = 1.06  # from one step that is remembered to the next: few, and evenly spaced on log time


class Grid:
    """What the S = 36 networks are shown, how each is shrunk, and when each knew what; share after share of a decay.

    All are shown cells in the same order, so a larger share contains the smaller ones.  If neither the network nor the
    table can tell (a, b) from (b, a), only C = n (n + 1) / 2 pairs are computed, else all C = n * n.
    """

    def __init__(self, config: Config, cells: tuple[Tensor, Tensor, Tensor], device: torch.device) -> None:
        a, b, c = cells
        n = config.elements
        self.device, self.decoupled = device, config.optimiser in DECOUPLED
        masks = [split(n, share, config.data_seed) for share in SHARES]  # the one order of cells, cut at each share
        self.masks = [(train.to(device), new.to(device)) for train, new in masks]
        self.unordered = config.unordered
        kept = a <= b if self.unordered else torch.ones_like(a, dtype=torch.bool)
        self.c = c[kept]  # (C,)
        train, new = (torch.stack(each).view(-1, n, n).float() for each in zip(*self.masks, strict=True))
        self.train, self.new = (self._weights(mask, kept).repeat(len(DECAYS), 1) for mask in (train, new))  # (S, C)
        self.decay = torch.tensor(DECAYS, device=device).repeat_interleave(len(SHARES))  # (S,)
        ones = torch.eye(n, device=device)
        self.both = ones[a[kept]] + ones[b[kept]] if self.unordered else None  # (C, n): times rows, the sum of two
        size = len(self.decay)
        self.by_heart, self.known = (torch.zeros(size, dtype=torch.int64, device=device) for _ in range(2))
        self.times: list[int] = []
        self.past = torch.zeros((0, 2, size), device=device)
        self.now = torch.zeros((2, size), device=device)  # accuracy on the cells shown, and on the new ones

    def _weights(self, mask: Tensor, kept: Tensor) -> Tensor:
        """What each kept cell counts in the mean over `mask` (shares, n, n): twice if it stands for (b, a) too."""
        if self.unordered:
            mask = mask + mask.transpose(1, 2) - torch.diag_embed(torch.diagonal(mask, dim1=1, dim2=2))
        counts = mask.flatten(1)[:, kept]
        return counts / counts.sum(1, keepdim=True).clamp_min(1)

    def logits(self, stack: Network) -> Tensor:
        """What each network answers to each cell that is computed, (S, C, K)."""
        if self.both is None:
            return stack.read(stack.everywhere())
        return stack.read(self.both @ (stack.rows @ stack.first) + stack.first_bias[:, None])

    @torch.no_grad()
    def shrink(self, parameters: Iterable[Tensor], learning_rate: float) -> None:
        """Weight decay, each network's own, before a step of an optimiser that itself has none."""
        for p in parameters:
            decay = self.decay.view(-1, *[1] * (p.ndim - 1))
            if self.decoupled:
                p.mul_(1 - learning_rate * decay)
            elif p.grad is not None:
                p.grad.add_(decay * p)

    def see(self, logits: Tensor) -> None:
        """Take in what the networks answer now, (S, C, K)."""
        right = (logits.argmax(-1) == self.c).float()
        self.now = torch.stack([(right * self.train).sum(1), (right * self.new).sum(1)])

    def remember(self, step: int) -> None:
        """Note who knew what first at this step, and, if it is one of a few on log time, how all did."""
        for first, enough in ((self.by_heart, self.now[0] >= BY_HEART), (self.known, self.now[1] >= KNOWN)):
            first[enough & (first == 0)] = step
        if step == round(SPACING ** round(math.log(step, SPACING))):
            self.times.append(step)
            self.past = torch.cat([self.past, self.now[None]])

    def metrics(self) -> dict[str, float]:
        """How many networks know their cells by heart, and how many the new ones; the mean accuracies."""
        train, new = self.now.mean(1).tolist()
        by_heart, known = ((first > 0).float().mean().item() for first in (self.by_heart, self.known))
        return {"by_heart": by_heart, "known": known, "train_accuracy": train, "new_accuracy": new}

    def picture(self) -> PhasePicture:
        """The grid as arrays, a row for each decay."""
        square = (len(DECAYS), len(SHARES))
        past = self.past.view(-1, 2, *square).cpu().numpy().copy()
        train, new = self.now.view(2, *square).cpu().numpy().copy()
        return PhasePicture(
            by_heart=self.by_heart.view(square).cpu().numpy().copy(), train_accuracy=train, new_accuracy=new,
            known=self.known.view(square).cpu().numpy().copy(), times=torch.tensor(self.times).long().numpy(),
            past_train=past[:, 0], past_new=past[:, 1],
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """When each network knew what, and what is remembered of the way."""
        return {"by_heart": self.by_heart.clone(), "known": self.known.clone(), "times": [*self.times],
                "past": self.past.clone()}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.by_heart, self.known, self.past = (
            state[name].to(self.device, copy=True) for name in ("by_heart", "known", "past")
        )
        self.times = [*state["times"]]
