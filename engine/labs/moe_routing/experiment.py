"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.moe_routing.config import Config
from engine.labs.moe_routing.frame import Frame, frame, information, load, max_violation
from engine.labs.moe_routing.model import (
    Dense,
    Experts,
    MixtureOfExperts,
    Reader,
    Routing,
    dense_widths,
    load_balancing_loss,
    route,
)
from engine.labs.moe_routing.tokens import Clusters, Text

__all__ = [
    "NETWORKS", "Config", "Dense", "Experiment", "Experts", "Frame", "MixtureOfExperts", "Routing",
    "load_balancing_loss", "max_violation", "route",
]  # fmt: skip

BATCH = 256  # tokens of one step
NETWORKS = ("moe", "equal_compute", "equal_size")


class Experiment:
    """One step trains all three networks on the same batch.  ``model`` holds them by the names of `NETWORKS`."""

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.source: Clusters | Text = (
            Text(config.text_key) if config.data == "text"
            else Clusters(config.clusters, skewed=config.data == "skewed", common=config.common)
        )  # fmt: skip
        inputs, outputs = self.source.inputs, self.source.outputs
        self.moe = MixtureOfExperts(inputs, outputs, config)
        widths = dense_widths(config, inputs, outputs)
        layers = [self.moe, *(Dense(inputs, width, outputs, config.seed) for width in widths)]
        self.model = nn.ModuleDict(dict(zip(NETWORKS, map(self._around, layers), strict=True))).to(self.device)
        groups: dict[float, list[nn.Parameter]] = {}  # by what their learning rate is multiplied with
        for name, parameter in self.model.named_parameters():
            scale = min(1.0, 16 / parameter.shape[1]) if name.endswith("second") else 1.0
            groups.setdefault(scale, []).append(parameter)
        # The wider a layer, the smaller its steps (Yang et al., "Tensor programs V", 2021), so that wide ones are fair.
        self.optimiser = torch.optim.AdamW(
            [{"params": found, "scale": scale} for scale, found in groups.items()], fused=self.device.type != "mps"
        )
        self._tune()
        self.test = type(self.source.test)(*(part.to(self.device) for part in self.source.test))

    def _around(self, layer: nn.Module) -> nn.Module:
        """`layer` in the network that the tokens need; a point of the plane is a token as it is."""
        if isinstance(self.source, Clusters):
            return layer
        return Reader(layer, len(self.source.alphabet), self.config.seed)

    def step(self) -> dict[str, float]:
        config, E = self.config, self.config.experts
        batch = self.source.batch(BATCH, generator(config.seed, f"batch/{self.step_count}"))
        given, target = batch.given.to(self.device), batch.target.to(self.device)
        if config.noise:
            stream = generator(config.seed, f"noise/{self.step_count}")
            self.moe.noise = config.noise * torch.randn(BATCH, E, generator=stream).to(self.device)
        losses = [self.source.loss(self.model[name](given), target) for name in NETWORKS]
        routing = self.moe.routing
        assert routing is not None
        balance = load_balancing_loss(routing.logits, routing.experts)
        self.optimiser.zero_grad()
        torch.autograd.backward(torch.stack(losses).sum() + config.balance_loss * balance)
        self.optimiser.step()
        self.moe.noise = torch.zeros((), device=self.device)
        if config.bias_rate:  # b_i rises for an expert with too few tokens (Wang et al., algorithm 1)
            load = torch.bincount(routing.experts.flatten(), minlength=E).float()
            self.moe.bias += config.bias_rate * torch.sign(load.mean() - load)
        self.step_count += 1
        return self._metrics()

    @torch.no_grad()
    def _metrics(self) -> dict[str, float]:
        """Of the test tokens, routed as in training but without noise."""
        given, target, kind = self.test
        metrics = {name: float(self.source.loss(self.model[name](given), target)) for name in NETWORKS}
        routing = self.moe.routing
        assert routing is not None
        shares = load(routing, self.config.experts)
        metrics |= {
            "balancing_loss": float(load_balancing_loss(routing.logits, routing.experts)),
            "violation": max_violation(shares),
            "information": information(routing.experts[:, 0], kind),
            "dropped": float(1 - routing.kept.double().mean()),
        }
        return metrics | {f"load.{i}": share for i, share in enumerate(shares.tolist())}

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        kept = self.moe.routing
        seen = frame(config=self.config, step=self.step_count, source=self.source, test=self.test, networks=self.model,
                     moe=self.moe)  # fmt: skip
        self.moe.routing = kept
        return seen

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        self._tune()

    def _tune(self) -> None:
        """Give the live knobs to those who use them."""
        self.moe.capacity_factor = self.config.capacity_factor
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * group["scale"]
            group["weight_decay"] = self.config.weight_decay

    def state_dict(self) -> dict[str, Any]:
        """Weights, biases, the optimiser's averages, and the number of the step, from which all randomness follows."""
        return {
            "step_count": self.step_count, "model": copied(self.model.state_dict()),
            "optimiser": copied(self.optimiser.state_dict()["state"]),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count = state["step_count"]
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})
