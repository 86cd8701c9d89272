"""How a model writes: one token after the other, each drawn from what the model says and the knobs leave.

A picture of a run writes a line, so it has to be quick: what `networks` computes for whole pieces of text is computed
here for one token more, in NumPy, with what was read before kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contract.device import generator
from engine.labs.language_model.config import Config
from engine.labs.language_model.networks import BASE, KERNEL, LanguageModel
from engine.labs.language_model.objective import COLDEST, MASK, penalised, truncated
from engine.nets import beam

Array = NDArray[Any]
BEAM = 4
NO_END = -1  # a language model stops when it has written enough
EPS = float(np.finfo(np.float32).eps)  # of RMSNorm, as torch has it


class Written(NamedTuple):
    """What was written after a beginning: its tokens, and how likely each was to the model, before any knob."""

    tokens: list[int]
    chances: list[float]


class Blank:
    """A model that guesses what is hidden, made to write: a blank at the end of the last tokens, all read anew."""

    def __init__(self, model: LanguageModel, read: Sequence[int] = ()) -> None:
        self.model, self.read = model, list(read)

    @torch.inference_mode()
    def __call__(self, token: int) -> Array:
        """Scores of all tokens (V,) in a blank after one more."""
        self.read = [*self.read, token][1 - self.model.context :]
        given = torch.tensor([[*self.read, MASK]], device=self.model.unembedding.weight.device)
        return np.asarray(self.model(given)[0, -1].cpu().numpy())


class Reader:
    """A model that reads token after token.  It remembers `context` of them; the GRU all."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.at = model, 0
        self.weights: dict[str, Array] = {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}
        self.kept: list[Any] = []
        if model.kind == "transformer":
            self.layers = [self._layer(f"blocks.{n}.") for n in range(len(model.blocks))]
        elif model.kind == "gru":
            self.kept = [np.zeros(model.gru.hidden_size, np.float32) for _ in range(model.gru.num_layers)]
        elif model.kind == "convolution":
            self.kept = [[] for _ in model.convolutions]

    def __call__(self, token: int) -> Array:
        """Scores of all tokens (V,) after one more."""
        w = self.weights
        if self.model.kind == "bigram":
            return np.asarray(w["table.weight"][token])
        x = w["embedding.weight"][token]
        if self.model.tied:
            x = x * np.float32(math.sqrt(12 * len(x)))
        if "expand.weight" in w:
            x = w["expand.weight"] @ x
        layers = {"transformer": self._attended, "gru": self._gated, "convolution": self._convolved}
        x = _norm(layers[self.model.kind](x), w["norm.weight"])
        self.at += 1
        if "shrink.weight" in w:
            x = w["shrink.weight"] @ x
        return w["unembedding.weight"] @ x

    def _layer(self, name: str) -> dict[str, Array]:
        w, context, heads = self.weights, self.model.context, self.model.heads
        width = w[f"{name}norm.weight"].shape[0] // heads
        self.kept.append(tuple(np.zeros((heads, context, width), np.float32) for _ in range(2)))
        both = np.concatenate([w[f"{name}attention.{part}.weight"] for part in ("query", "key", "value")])
        return {"norm": w[f"{name}norm.weight"], "qkv": both, "output": w[f"{name}attention.output.weight"],
                "second_norm": w[f"{name}second_norm.weight"], "first": w[f"{name}feed_forward.first.weight"],
                "second": w[f"{name}feed_forward.second.weight"]}  # fmt: skip

    def _attended(self, x: Array) -> Array:
        H, context, D = self.kept[0][0].shape
        slot, there = self.at % context, min(self.at + 1, context)  # the oldest makes room
        cos, sin = _angle(self.at, D)
        for layer, (keys, values) in zip(self.layers, self.kept, strict=True):
            q, k, v = (layer["qkv"] @ _norm(x, layer["norm"])).reshape(3, H, D)
            q, keys[:, slot], values[:, slot] = _turned(q, cos, sin), _turned(k, cos, sin), v
            scores = (keys[:, :there] @ q[:, :, None])[..., 0] / math.sqrt(D)  # (H, n)
            weights = np.exp(scores - scores.max(1, keepdims=True))
            weights /= weights.sum(1, keepdims=True)
            x = x + layer["output"] @ (weights[:, None] @ values[:, :there]).reshape(-1)
            x = x + layer["second"] @ np.maximum(layer["first"] @ _norm(x, layer["second_norm"]), 0)
        return x

    def _gated(self, x: Array) -> Array:
        w = self.weights
        for n, h in enumerate(self.kept):
            given = w[f"gru.weight_ih_l{n}"] @ x + w[f"gru.bias_ih_l{n}"]
            known = w[f"gru.weight_hh_l{n}"] @ h + w[f"gru.bias_hh_l{n}"]
            (r, z, new), (hr, hz, hn) = given.reshape(3, -1), known.reshape(3, -1)
            r, z = 1 / (1 + np.exp(-(r + hr))), 1 / (1 + np.exp(-(z + hz)))
            x = self.kept[n] = (1 - z) * np.tanh(new + r * hn) + z * h
        return x

    def _convolved(self, x: Array) -> Array:
        for n, (apart, past) in enumerate(zip(self.model.apart, self.kept, strict=True)):
            past.append(x)
            del past[: -(KERNEL - 1) * apart - 1]
            weight, found = self.weights[f"convolutions.{n}.weight"], self.weights[f"convolutions.{n}.bias"]
            for k in range(KERNEL):
                back = (KERNEL - 1 - k) * apart
                if back < len(past):
                    found = found + weight[:, :, k] @ past[-1 - back]
            x = x + np.maximum(found, 0)
        return x


@lru_cache(maxsize=4096)
def _angle(at: int, width: int) -> tuple[Array, Array]:
    """Cosine and sine of each pair's angle at one position, (D / 2,)."""
    angle = at * BASE ** (-np.arange(width // 2) / (width // 2))
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def _norm(x: Array, weight: Array) -> Array:
    """RMSNorm.  Zhang and Sennrich, 2019."""
    return x * (1 / np.sqrt(x @ x / len(x) + EPS)).astype(np.float32) * weight


def _turned(x: Array, cos: Array, sin: Array) -> Array:
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], -1)


def write(model: LanguageModel, prompt: list[int], config: Config) -> tuple[Written, Array]:
    """`config.writes` tokens after `prompt`, which has one at least, and the scores (V,) after the prompt.

    The random numbers follow from the seed alone.
    """
    start = prompt[-model.context :]
    reader = Reader(model) if model.causal else Blank(model, start[:-1])
    for token in start if model.causal else start[-1:]:
        scores = reader(token)
    first = scores
    if config.decoding == "beam":
        return _beam(model, prompt, config), first
    dice = torch.rand(config.writes, generator=generator(config.seed, "writing"), dtype=torch.float64).tolist()
    found: list[int] = []
    chances: list[float] = []
    for lot in dice:
        token = _next(scores, [*prompt, *found] if config.repetition != 1 else (), config, lot)
        found.append(token)
        chances.append(math.exp(float(scores[token] - (top := scores.max()))) / float(np.exp(scores - top).sum()))
        if len(found) < config.writes:
            scores = reader(token)
    return Written(found, chances), first


def _next(scores: Array, seen: Sequence[int], config: Config, lot: float) -> int:
    if config.repetition != 1:
        scores = penalised(torch.from_numpy(scores), seen, config.repetition).numpy()
    if config.decoding == "greedy" or config.temperature < COLDEST or not np.isfinite(scores).all():
        return int(scores.argmax())
    if config.top_k or config.top_p < 1:
        left = (
            truncated(torch.from_numpy(scores).double(), config.temperature, config.top_k, config.top_p).exp().numpy()
        )
    else:
        left = _softmax(scores / config.temperature)
    total = left.cumsum()
    return min(int(np.searchsorted(total, lot * total[-1], side="right")), len(total) - 1)


def _softmax(scores: Array) -> Array:
    shares = np.exp((scores - scores.max()).astype(np.float64))
    return shares / shares.sum()  # type: ignore[no-any-return]


@torch.inference_mode()
def _beam(model: LanguageModel, prompt: list[int], config: Config) -> Written:
    """The likeliest line that a beam of 4 finds; what it goes on from is read anew for each token."""
    start, device = prompt[-model.context :], next(model.parameters()).device
    said: dict[tuple[int, ...], Array] = {}  # what was found for each beginning, (V,)

    def next_log_probs(prefixes: Tensor) -> Tensor:  # (n, t), whose first token is the last of `start`
        given = torch.tensor(start[:-1], dtype=torch.int64).expand(len(prefixes), -1)
        read = torch.cat([given, prefixes, *([] if model.causal else [torch.full((len(prefixes), 1), MASK)])], 1)
        logits: Tensor = model(read[:, -model.context :].to(device))
        log_probs = logits[:, -1].log_softmax(-1)
        said.update(zip(map(tuple, prefixes.tolist()), log_probs.cpu().numpy(), strict=True))
        return log_probs

    best, _ = beam.search(next_log_probs, start=start[-1], end=NO_END, width=BEAM, length=config.writes)[0]
    chances = [math.exp(float(said[start[-1], *best[:n]][token])) for n, token in enumerate(best)]
    return Written(best, chances)
