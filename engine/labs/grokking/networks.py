"""The networks: two embeddings become one vector, and a hidden layer reads the answer from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.labs.grokking.config import BITS, HEADS, Config
from engine.labs.grokking.tables import binary

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "square": torch.square, "gelu": F.gelu}


class Network(nn.Module):
    """Pairs a, b (N,) to logits (..., N, K): one network, or a stack of S whose tensors have S as first dimension.

    "sum" adds the embeddings of a and b, "concat" puts them side by side.  In "transformer" the last token of "a b ="
    attends to all three, and the sum of what its heads find takes the place of the sum of embeddings; there is no norm
    and no way round the hidden layer, which Nanda et al. found to carry nothing.
    """

    embedding: Tensor  # (..., n, d)
    place: Tensor  # (..., 3, d): of a, of b, and of "=" with its embedding
    query: Tensor  # (..., d, d), as are key, value and out
    key: Tensor
    value: Tensor
    out: Tensor
    first: Tensor  # (..., d or 2 d, h)
    first_bias: Tensor
    second: Tensor  # (..., h, K)
    second_bias: Tensor
    bits: Tensor  # (n, BITS), the same for all networks; of a parity only, which has no embedding

    def __init__(self, tensors: Mapping[str, Tensor], *, model: str, activation: str) -> None:
        super().__init__()
        self.kind, self.activation = model, activation
        for name, tensor in tensors.items():
            if name == "bits":
                self.register_buffer(name, tensor, persistent=False)
            else:
                self.register_parameter(name, nn.Parameter(tensor))

    @property
    def rows(self) -> Tensor:
        """What stands for each element, (..., n, d): its embedding, or for a parity its bits as -1 and 1."""
        return self.bits if hasattr(self, "bits") else self.embedding

    def attended(self, a: Tensor, b: Tensor) -> Tensor:
        """What "=" finds in "a b =" and adds to itself, (..., N, d)."""
        lead, d = self.embedding.shape[:-2], self.embedding.shape[-1]
        last = self.place[..., 2:, :]  # (..., 1, d): the token "=" at its place
        q = (last @ self.query).reshape(*lead, HEADS, d // HEADS)
        scores, values = [], []
        for tokens, chosen in ((self.embedding + self.place[..., :1, :], a),
                               (self.embedding + self.place[..., 1:2, :], b), (last, torch.zeros_like(a))):  # fmt: skip
            k = (tokens @ self.key).view(*tokens.shape[:-1], HEADS, -1)  # (..., n, H, d / H)
            score = (k * q[..., None, :, :]).sum(-1) * (d // HEADS) ** -0.5  # (..., n, H)
            scores.append(score.index_select(-2, chosen))
            values.append((tokens @ self.value).index_select(-2, chosen))
        weights = torch.stack(scores).softmax(0)  # (3, ..., N, H)
        by_head = torch.stack(values).view(*weights.shape, -1)  # (3, ..., N, H, d / H)
        found: Tensor = (weights[..., None] * by_head).sum(0).flatten(-2)
        return last + found @ self.out

    def hidden(self, a: Tensor, b: Tensor) -> Tensor:
        """What the hidden neurons sum up before they bend it, (..., N, h)."""
        bias = self.first_bias[..., None, :]
        if self.kind == "transformer":
            return self.attended(a, b) @ self.first + bias
        d = self.rows.shape[-1]  # rows first through the weights, then picked: there are fewer rows than pairs
        of_a = self.rows @ self.first[..., :d, :]
        of_b = of_a if self.kind == "sum" else self.rows @ self.first[..., d:, :]
        return of_a.index_select(-2, a) + of_b.index_select(-2, b) + bias

    def everywhere(self) -> Tensor:
        """`hidden` of every cell of the table, row a after row a, (..., n * n, h)."""
        n, d = self.rows.shape[-2:]
        if self.kind == "transformer":
            a, b = (t.flatten() for t in torch.meshgrid(*[torch.arange(n, device=self.rows.device)] * 2, indexing="ij"))
            return self.hidden(a, b)
        of_a = self.rows @ self.first[..., :d, :] + self.first_bias[..., None, :]
        of_b = self.rows @ self.first[..., -d:, :]  # with a sum the same weights as for a
        return (of_a[..., :, None, :] + of_b[..., None, :, :]).flatten(-3, -2)  # several times as fast as picking rows

    def read(self, hidden: Tensor) -> Tensor:
        """The logits (..., N, K) of what the neurons summed up."""
        return ACTIVATIONS[self.activation](hidden) @ self.second + self.second_bias[..., None, :]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.read(self.hidden(a, b))

    def one(self, index: int) -> Network:
        """Network `index` of a stack, sharing its memory: it changes as the stack is trained."""
        tensors = {name: p.detach()[index] for name, p in self.named_parameters()}
        if hasattr(self, "bits"):
            tensors["bits"] = self.bits
        return Network(tensors, model=self.kind, activation=self.activation)


def build(config: Config, seeds: Sequence[int], device: torch.device | str = "cpu") -> Network:
    """A stack of S = len(seeds) networks.  Each follows from its own seed alone, so it is the same in any stack.

    Embeddings are normal with standard deviation `init_scale`, weights have variance 1 / (3 inputs), times its square,
    as torch draws them.
    """
    n, K, d, h = config.elements, config.answers, config.embedded, config.hidden
    shapes: dict[str, tuple[int, ...]] = {}
    if config.operation != "parity":
        shapes["embedding"] = (n, d)
    inputs = 2 * BITS if config.operation == "parity" else 2 * d if config.kind == "concat" else d
    if config.kind == "transformer":
        shapes |= {"place": (3, d), "query": (d, d), "key": (d, d), "value": (d, d), "out": (d, d)}
    shapes |= {"first": (inputs, h), "first_bias": (h,), "second": (h, K), "second_bias": (K,)}
    streams = [generator(seed, "weights") for seed in seeds]
    tensors = {name: torch.stack([_drawn(name, shape, g) for g in streams]) for name, shape in shapes.items()}
    tensors = {name: (t * config.init_scale).to(device) for name, t in tensors.items()}
    if config.operation == "parity":
        tensors["bits"] = (2.0 * binary(torch.arange(n)) - 1).to(device)
    return Network(tensors, model=config.kind, activation=config.activation)


def _drawn(name: str, shape: tuple[int, ...], stream: torch.Generator) -> Tensor:
    if name.endswith("bias"):
        return torch.zeros(shape)
    if name == "embedding":
        return torch.randn(shape, generator=stream)
    return (2 * torch.rand(shape, generator=stream) - 1) / math.sqrt(shape[0])
