"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.efficient_attention import gradients
from engine.labs.efficient_attention.accounting import cache_bytes, work
from engine.labs.efficient_attention.config import Config
from engine.labs.efficient_attention.frame import Frame, frame
from engine.labs.efficient_attention.layers import Network
from engine.labs.efficient_attention.quantise import rounded
from engine.labs.efficient_attention.tasks import batch
from engine.labs.efficient_attention.tiling import Tile, tiles
from engine.labs.efficient_attention.vocabulary import KEYS

__all__ = ["Config", "Experiment", "Frame", "Tile", "batch", "cache_bytes", "rounded", "tiles", "work"]

ANSWERS = 40  # about needles in each part of the distances, over which recall is averaged
MEAN = 4  # batches of so many pairs over which recall is averaged: every sequence is new, so it is of unseen ones


class Experiment:
    """One step is one batch, of sequences with so many pairs, for the network of each kind.

    Metrics of each kind: ``full_loss``, and ``full_recall``, the share right of what is asked, as the mean over what it
    was lately with 1, 2, 4, … pairs (each the mean of its last `MEAN` batches, before they were learned from); of a
    needle over what it was in each part of the distances (each the mean of its last `ANSWERS`).
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.networks = {kind: Network(config, kind) for kind in config.kinds}
        for network in self.networks.values():
            network.initialise(generator(config.seed, "weights"))
            network.to(self.device)
            self._round(network, "rounding")
        self.model = nn.ModuleDict(self.networks)
        self.optimisers = {
            kind: torch.optim.AdamW(network.parameters(), lr=config.learning_rate, betas=(0.9, 0.98),
                                    weight_decay=0.01, fused=self.device.type in ("cpu", "cuda"))
            for kind, network in self.networks.items()
        }  # fmt: skip
        self.recent: dict[str, dict[int, deque[float]]] = {kind: {} for kind in config.kinds}
        self.sizes = gradients.none()  # of the first kind's gradients in the last step

    def step(self) -> dict[str, float]:
        config = self.config
        x, wanted, pairs = self._batch()
        asked = wanted >= 0
        targets = wanted[asked] - KEYS
        back = self._back(x) if config.task == "needle" else []
        metrics = {}
        for kind, network in self.networks.items():
            optimiser = self.optimisers[kind]
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate
            with self._in_use(network):
                scores = network(x)[asked]
                loss = F.cross_entropy(scores, targets)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
            first = kind == config.kinds[0]
            if first or config.gradients != "float32":  # in float32 there is nothing to do but count
                counts = gradients.cast(network.parameters(), config.gradients, scaled=config.scaled, counted=first)
                self.sizes = counts if first else self.sizes
            optimiser.step()
            self._round(network, f"rounding/{self.step_count}")
            right = (scores.detach().argmax(-1) == targets).float()
            for which, share in zip(back, right.tolist(), strict=True) if back else [(pairs, float(right.mean()))]:
                self.recent[kind].setdefault(which, deque(maxlen=self.lately)).append(share)
            shares = self.recall(kind).values()
            metrics[f"{kind}_loss"] = float(loss.detach())
            metrics[f"{kind}_recall"] = sum(shares) / len(shares)
        self.step_count += 1
        return metrics

    def _batch(self) -> tuple[Tensor, Tensor, int]:
        """Tokens and what is wanted, (B, T), and how many pairs are in each sequence."""
        config = self.config
        dice = generator(config.seed, f"batch/{self.step_count}")
        pairs = config.counts[int(torch.randint(len(config.counts), (1,), generator=dice))]
        drawn = batch(dice, count=config.batch_size, length=config.length, asked=config.asked, pairs=pairs)
        return drawn[0].to(self.device), drawn[1].to(self.device), pairs

    def _back(self, x: Tensor) -> list[int]:
        """In which part of the distances a needle lies back from its question, of each sequence (B, T)."""
        length = self.config.length
        back = length - 1 - (x[:, :length] < KEYS).int().argmax(1)
        parts = torch.tensor(self.config.distances, device=x.device)
        return parts[torch.searchsorted(parts, back)].tolist()

    @property
    def lately(self) -> int:
        """Over how many numbers recall is averaged."""
        return ANSWERS if self.config.task == "needle" else MEAN

    @torch.no_grad()
    def _round(self, network: Network, stream: str) -> None:
        """Keep the weights in the format that is asked for; the optimiser's averages stay in float32."""
        if self.config.weights in ("float32", "copy"):
            return
        dice = generator(self.config.seed, stream) if self.config.weights == "lot" else None
        for parameter in network.parameters():
            parameter.copy_(rounded(parameter, "bf16", dice=dice))

    @contextmanager
    def _in_use(self, network: Network) -> Iterator[None]:
        """Where weights have a float32 copy, they are bf16 as long as they are used: steps are added to the copy."""
        if self.config.weights != "copy":
            yield
            return
        copies = [parameter.detach().clone() for parameter in network.parameters()]
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(rounded(parameter, "bf16"))
        yield
        with torch.no_grad():
            for parameter, copy in zip(network.parameters(), copies, strict=True):
                parameter.copy_(copy)

    def recall(self, kind: str) -> dict[int, float]:
        """The share right by the number of pairs, or by how far back a needle lay, as far as there was such a batch."""
        return {pairs: sum(found) / len(found) for pairs, found in sorted(self.recent[kind].items())}

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimisers' averages, what recall looks back on, and the number of the step; no time taken."""
        return {
            "step_count": self.step_count, "sizes": self.sizes.copy(),
            "recent": {kind: {pairs: list(found) for pairs, found in by_pairs.items()}
                       for kind, by_pairs in self.recent.items()},
            "optimisers": {kind: copied(optimiser.state_dict()["state"])
                           for kind, optimiser in self.optimisers.items()},
            "networks": {kind: {name: tensor.clone() for name, tensor in network.state_dict().items()}
                         for kind, network in self.networks.items()},
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count = state["step_count"]
        self.sizes = state.get("sizes", gradients.none()).copy()  # what was kept before there were such has none
        for kind, network in self.networks.items():
            network.load_state_dict(state["networks"][kind])
            self.recent[kind] = {
                pairs: deque(found, maxlen=self.lately) for pairs, found in state["recent"][kind].items()
            }
            optimiser = self.optimisers[kind]
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": copied(state["optimisers"][kind]), "param_groups": groups})

    @torch.no_grad()
    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        recall = {kind: self.recall(kind) for kind in self.networks}
        with ExitStack() as stack:
            for network in self.networks.values():
                stack.enter_context(self._in_use(network))
            return frame(config=self.config, networks=self.networks, recall=recall, sizes=self.sizes,
                         device=self.device)  # fmt: skip
