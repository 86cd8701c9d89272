"""The networks: a router that sends tokens to experts, dense layers to compare, and a reader of text around each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.labs.moe_routing.config import Config
from engine.labs.moe_routing.tokens import CONTEXT, EMBEDDING, MODEL

SECTORS = 0.3  # length of the router's weights where each expert begins with a sector of the plane

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


def _directions(count: int, g: torch.Generator) -> Tensor:
    """So many directions in the plane, (2, count), evenly around it from a random one."""
    turn = 2 * math.pi * (torch.arange(count) / count + torch.rand(1, generator=g))
    return torch.stack([turn.cos(), turn.sin()])


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
        if config.router_start != "random" and config.data != "text":
            self.router.data[-1] = 0  # the number that is the same in all points of the plane
        if config.router_start == "sectors" and config.data != "text":
            self.router.data[:2] = SECTORS * _directions(E, generator(seed, "sectors"))
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


class Reader(nn.Module):
    """A network for text around one feed-forward layer: places (N, CONTEXT) -> logits of the next character (N, V).

    Bengio et al., "A neural probabilistic language model", 2003, with a residual layer in the place of its hidden one.
    """

    def __init__(self, layer: nn.Module, characters: int, seed: int) -> None:
        super().__init__()
        stream = generator(seed, "reader")  # the same first weights around every layer
        self.embedding = nn.Parameter(torch.randn(characters, EMBEDDING, generator=stream))
        wide = CONTEXT * EMBEDDING
        self.mix = nn.Parameter(torch.randn(wide, MODEL, generator=stream) / math.sqrt(wide))
        self.layer = layer
        self.out = nn.Parameter(torch.randn(MODEL, characters, generator=stream) / math.sqrt(MODEL))

    def tokens(self, given: Tensor) -> Tensor:
        """What the layer is given for contexts (N, CONTEXT): (N, MODEL), and what it is added to."""
        hidden: Tensor = self.embedding[given].flatten(1) @ self.mix
        return hidden

    def forward(self, given: Tensor) -> Tensor:
        hidden = self.tokens(given)
        hidden = hidden + self.layer(normalised(hidden))
        logits: Tensor = normalised(hidden) @ self.out
        return logits


def normalised(hidden: Tensor) -> Tensor:
    """Rows of mean square 1 (Zhang and Sennrich, "Root mean square layer normalization", 2019)."""
    return hidden * (hidden.square().mean(-1, keepdim=True) + 1e-6).rsqrt()


# ---------------------------------------------------------------------- sizes


@dataclass(frozen=True)
class Size:
    """One network: hidden neurons of its layer, parameters stored, parameters used for a token, operations for a token.

    Only the layer counts that the three networks do not share.  A multiplication with its addition is two operations.
    """

    neurons: int
    stored: int
    used: int
    flops: int


def dense_widths(config: Config, inputs: int, outputs: int) -> tuple[int, int]:
    """Hidden neurons of a dense network that computes, and of one that stores, as much as the mixture.

    The first has the neurons of all experts that one token meets, the second as many parameters as all experts and the
    router.  Where experts are linear the first has none, and is one linear map, however many a token meets: several
    that are added up are no more than one.  Then it computes less than the mixture, as `sizes` says.
    """
    stored = (config.experts + config.shared) * _parameters(config.neurons, inputs, outputs) + inputs * config.experts
    return (config.top_k + config.shared) * config.neurons, max(1, round(stored / (inputs + outputs)))


def _parameters(width: int, inputs: int, outputs: int) -> int:
    return width * (inputs + outputs) if width else inputs * outputs


def sizes(config: Config, inputs: int, outputs: int) -> tuple[Size, Size, Size]:
    """The mixture, the dense network of equal compute and the one of equal size."""
    expert, router = _parameters(config.neurons, inputs, outputs), inputs * config.experts
    used = (config.top_k + config.shared) * expert + router
    mixture = Size(config.neurons, (config.experts + config.shared) * expert + router, used, 2 * used)
    compute, size = (_parameters(width, inputs, outputs) for width in dense_widths(config, inputs, outputs))
    widths = dense_widths(config, inputs, outputs)
    return mixture, Size(widths[0], compute, compute, 2 * compute), Size(widths[1], size, size, 2 * size)
