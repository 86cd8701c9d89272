"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.moe_routing import frame as routed
from engine.labs.moe_routing.config import Config
from engine.labs.moe_routing.frame import Frame
from engine.labs.moe_routing.tokens import Clusters, Reader, Text

BATCH = 256  # tokens of one step
NETWORKS = ("moe", "equal_compute", "equal_size")


# ---------------------------------------------------------------------- routing


def route(logits: Tensor, top_k: int, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The experts of each token and how much each counts: ``(weights, experts)``, both (N, top_k), best first.

    `logits` (N, E).  The weight of a chosen expert is its softmax probability over all experts, so that even with one
    choice the router learns from the task (Fedus et al., equation 2).  `bias` (E,) is added to the probabilities
    to choose the experts, and never enters the weights (Wang et al., equation 3).
    """
    probabilities = logits.softmax(-1)
    scores = probabilities if bias is None else probabilities + bias
    experts = scores.topk(top_k, dim=-1).indices
    return probabilities.gather(-1, experts), experts


def load_balancing_loss(logits: Tensor, experts: Tensor) -> Tensor:
    """E sum_i f_i P_i, from `logits` (N, E) and the chosen `experts` (N, k): 1 at perfect balance, E / k at collapse.

    f_i is the share of all N k choices that fell on expert i, P_i the mean probability that the router gives it.  A
    token goes to k different experts, so no f_i is above 1 / k.  Only P has a gradient (Fedus et al., equations 4 to
    6).
    """
    E = logits.shape[-1]
    f = torch.bincount(experts.flatten(), minlength=E) / experts.numel()
    return E * (f * logits.softmax(-1).mean(0)).sum()


def max_violation(load: Tensor) -> float:
    """How far the busiest expert is over its fair share: max / mean - 1 of `load` (E,), tokens or shares.

    0 at perfect balance; E / k - 1, the most there is, if one expert is among the k of every token (Wang et al.,
    equation 4).
    """
    load = torch.as_tensor(load, dtype=torch.float64)
    mean = load.mean()
    return float(load.max() / mean - 1) if mean > 0 else 0.0


# ---------------------------------------------------------------------- layers


class Experts(nn.Module):
    """E networks of the same shape side by side: tokens (E, C, inputs) -> (E, C, outputs).  With width 0, linear maps.

    Each draws its weights from a stream of its own, so that the first of them are the same however many there are.
    """

    def __init__(self, count: int, inputs: int, width: int, outputs: int, *, seed: int, name: str = "expert") -> None:
        super().__init__()
        streams = [generator(seed, f"{name} {i}") for i in range(count)]

        def weights(rows: int, columns: int, scale: float) -> nn.Parameter:
            drawn = [torch.randn(rows, columns, generator=stream) * scale for stream in streams]
            return nn.Parameter(torch.stack(drawn))  # (E, rows, columns)

        self.outputs = outputs
        self.first = weights(inputs, width or outputs, math.sqrt((2 if width else 1) / inputs))
        self.second = weights(width, outputs, math.sqrt(1 / width)) if width else None

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = tokens @ self.first
        return hidden if self.second is None else F.gelu(hidden) @ self.second


class Routing(NamedTuple):
    """What the router did with N tokens: logits (N, E), and weights, experts and kept, each (N, k)."""

    logits: Tensor
    weights: Tensor
    experts: Tensor
    kept: Tensor  # bool: False where the expert was full


class MixtureOfExperts(nn.Module):
    """Tokens (N, inputs) -> (N, outputs): the chosen experts, each times its weight, and all shared experts, summed.

    `capacity_factor` and `noise` belong to the way it is called, and are no parameters.
    """

    bias: Tensor

    def __init__(self, inputs: int, outputs: int, config: Config) -> None:
        super().__init__()
        E, width, seed = config.experts, config.neurons, config.seed
        self.top_k = config.top_k
        self.router = nn.Parameter(0.1 * torch.randn(inputs, E, generator=generator(seed, "router")))
        self.experts = Experts(E, inputs, width, outputs, seed=seed)
        self.shared = None
        if config.shared:
            self.shared = Experts(config.shared, inputs, width, outputs, seed=seed, name="shared expert")
        self.register_buffer("bias", torch.zeros(E))
        self.capacity_factor, self.noise = config.capacity_factor, torch.zeros(())
        self.routing: Routing | None = None  # of the last call

    def forward(self, tokens: Tensor) -> Tensor:
        logits = tokens @ self.router + self.noise
        weights, experts = route(logits, self.top_k, self.bias)
        place, capacity, kept = self.seats(experts)
        self.routing = Routing(logits, weights, experts, kept)

        token, choice = kept.nonzero(as_tuple=True)
        expert, seat = experts[token, choice], place[token, choice]
        seated = tokens.new_zeros(len(self.bias), capacity, tokens.shape[1]).index_put((expert, seat), tokens[token])
        answers = self.experts(seated)[expert, seat] * weights[token, choice, None]
        y = tokens.new_zeros(len(tokens), self.experts.outputs).index_add(0, token, answers)
        if self.shared is not None:
            y = y + self.shared(tokens[None]).sum(0)
        return y

    def seats(self, experts: Tensor) -> tuple[Tensor, int, Tensor]:
        """Each choice's seat at its expert, (N, k), how many seats there are, and who got one, (N, k).

        First choices are seated first, and within them tokens in their order (Lepikhin et al., algorithm 1).
        """
        N, k = experts.shape
        queue = experts.T.flatten()  # (k N,)
        order = queue.argsort(stable=True)
        waiting = torch.bincount(queue, minlength=len(self.bias))  # (E,)
        first = (waiting.cumsum(0) - waiting)[queue[order]]  # where the queue of the same expert begins
        seat = torch.empty_like(queue)
        seat[order] = torch.arange(k * N, device=queue.device) - first
        seat = seat.reshape(k, N).T
        if not self.capacity_factor:
            return seat, int(waiting.max()), seat >= 0  # the GPU must finish here
        capacity = math.ceil(self.capacity_factor * N * k / len(self.bias))
        return seat, capacity, seat < capacity


class Dense(nn.Module):
    """An expert that takes every token: (N, inputs) -> (N, outputs)."""

    def __init__(self, inputs: int, width: int, outputs: int, seed: int) -> None:
        super().__init__()
        self.expert = Experts(1, inputs, width, outputs, seed=seed)

    def forward(self, tokens: Tensor) -> Tensor:
        answer: Tensor = self.expert(tokens[None])[0]
        return answer


# ---------------------------------------------------------------------- training


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
        self.widths = routed.dense_widths(config, inputs, outputs)
        layers = [self.moe, *(Dense(inputs, width, outputs, config.seed) for width in self.widths)]
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

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of the next character in nats; or the share of the targets' variance left unexplained."""
        if isinstance(self.source, Text):
            return F.cross_entropy(answers, target)
        return F.mse_loss(answers, target) / self.source.spread

    def step(self) -> dict[str, float]:
        config, E = self.config, self.config.experts
        batch = self.source.batch(BATCH, generator(config.seed, f"batch/{self.step_count}"))
        given, target = batch.given.to(self.device), batch.target.to(self.device)
        if config.noise:
            stream = generator(config.seed, f"noise/{self.step_count}")
            self.moe.noise = config.noise * torch.randn(BATCH, E, generator=stream).to(self.device)
        losses = [self.loss(self.model[name](given), target) for name in NETWORKS]
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
        metrics = {name: float(self.loss(self.model[name](self.test.given), self.test.target)) for name in NETWORKS}
        routing = self.moe.routing
        assert routing is not None
        load = routed.load(routing, self.config.experts)
        metrics |= {
            "balancing_loss": float(load_balancing_loss(routing.logits, routing.experts)),
            "violation": max_violation(load),
            "information": routed.information(routing.experts[:, 0], self.test.kind),
            "dropped": float(1 - routing.kept.double().mean()),
        }
        return metrics | {f"load.{i}": share for i, share in enumerate(load.tolist())}

    @torch.inference_mode()
    def frame(self) -> Frame:
        kept = self.moe.routing
        frame = routed.draw(self)
        self.moe.routing = kept
        return frame

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
