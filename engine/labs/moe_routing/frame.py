"""What there is to see in a mixture of experts, as NumPy arrays: who rules where, who answers what, what goes where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.labs.moe_routing.config import LIMIT, Config
from engine.labs.moe_routing.model import MixtureOfExperts, Reader, Routing, Size, normalised, sizes
from engine.labs.moe_routing.tokens import Batch, Clusters, Text

Array = NDArray[np.float32]

RULE_SIDE = 64  # pixels along one side of the map of rulers
POINTS = 300  # test tokens that are drawn in the plane, evenly picked: seats are given in their order
PASSAGE = 400  # characters of the test text that are shown
COMPARED = 128  # test tokens on which experts are compared with each other


@dataclass(frozen=True)
class Frame:
    """One moment.  E experts, S groups of tokens, T test tokens, V kinds (clusters or characters), r and R in pixels.

    Maps cover the plane with y growing along the rows; on text they are empty, and so are the fields of text in the
    plane.
    """

    step: int
    names: tuple[str, ...]  # (S,) groups: the clusters, or lower case, digit, …
    ruler: NDArray[np.int16]  # (R, R): the expert that a token there is sent to first
    sureness: Array  # (R, R): the router's probability of that expert; on text (P,), for each of `chosen`
    points: Array  # (P, 2) test tokens
    wanted: Array  # (P,) the number that is to be answered there
    guessed: Array  # (P,) and what the mixture answers; without a seat only its shared experts, or 0
    kinds: NDArray[np.int64]  # (P,) their cluster
    chosen: NDArray[np.int64]  # (P,) the expert that each is sent to first; on text, of the passage
    dropped: NDArray[np.bool_]  # (P,): it got no seat at any expert
    answers: Array  # (4, r, r): what is to be learned, then what each of the three networks answers
    expert_answers: Array  # (E + shared, r, r): each expert's own fit, before its weight; shared experts last
    load: Array  # (E,) share of all choices of the test tokens
    errors: Array  # (E,) the mixture's loss on the tokens sent to each expert first; NaN for an idle one
    bias: Array  # (E,) what balancing without a loss adds when experts are chosen
    flow: Array  # (S, E + 1) share of all choices from group s to expert e; the last column is dropped
    alike: float  # mean correlation between what two routed experts answer; NaN with one expert
    violation: float
    information: float
    scores: tuple[float, float, float]  # loss of the mixture, of the network of equal compute, and of equal size
    sizes: tuple[Size, Size, Size]  # of the same three
    passage: str  # characters of the test text, one for each of `chosen`
    characters: str  # (V,) those of the test text, most frequent first
    character_flow: Array  # (V, E) of each character, the share that goes to each expert first


def max_violation(load: Tensor) -> float:
    """How far the busiest expert is over its fair share: max / mean - 1 of `load` (E,), tokens or shares.

    0 at perfect balance; E / k - 1, the most there is, if one expert is among the k of every token (Wang et al.,
    equation 4).
    """
    load = torch.as_tensor(load, dtype=torch.float64)
    mean = load.mean()
    return float(load.max() / mean - 1) if mean > 0 else 0.0


def load(routing: Routing, experts: int) -> Tensor:
    """Share of all choices that fell on each expert, (E,), before anything is dropped."""
    return torch.bincount(routing.experts.flatten(), minlength=experts).double() / routing.experts.numel()


def information(one: Tensor, other: Tensor) -> float:
    """Normalised mutual information of two labellings (N,): 0 if they tell nothing of each other, 1 if all.

    It is I(A; B) divided by the mean of H(A) and H(B); 0 if both have one label only.
    """
    table = torch.bincount(one * (int(other.max()) + 1) + other).double() / len(one)
    h_one, h_other, h_both = (_entropy(t) for t in (_shares(one), _shares(other), table))
    return max(0.0, 2 * (h_one + h_other - h_both) / (h_one + h_other)) if h_one + h_other > 0 else 0.0


def _shares(labels: Tensor) -> Tensor:
    return torch.bincount(labels).double() / len(labels)


def _entropy(shares: Tensor) -> float:
    return float(-torch.xlogy(shares, shares).sum())


@torch.inference_mode()
def frame(
    *, config: Config, step: int, source: Clusters | Text, test: Batch, networks: nn.ModuleDict, moe: MixtureOfExperts
) -> Frame:
    """One moment of three `networks`: the mixture, whose layer is `moe`, and the dense ones of equal compute and size.

    The mixture is called on the tokens `test`, of `source`, and leaves its `routing` of them.
    """
    E = config.experts
    answers = [network(test.given) for network in networks.values()]
    routing = moe.routing
    assert routing is not None
    chosen = routing.experts[:, 0]
    losses = source.losses(answers[0], test.target)
    served = torch.bincount(chosen, minlength=E)
    shares = load(routing, E)
    group = source.groups.to(chosen.device)[test.kind]
    to = torch.where(routing.kept, routing.experts, E)  # (T, k)
    flow = torch.bincount((group[:, None] * (E + 1) + to).flatten(), minlength=len(source.names) * (E + 1))
    tokens = test.given[:COMPARED]
    if isinstance(source, Text):
        reader = networks["moe"]
        assert isinstance(reader, Reader)
        tokens = normalised(reader.tokens(tokens))
        seen = _text(source, test, routing, E)
    else:
        seen = _plane(source, test, routing, config=config, networks=networks, moe=moe)
        seen["guessed"] = _array(answers[0][_drawn(len(test.kind)), 0])
    return Frame(
        step=step,
        names=source.names,
        load=_array(shares),
        errors=_array(torch.bincount(chosen, weights=losses, minlength=E) / served),
        bias=_array(moe.bias),
        flow=_array(flow.reshape(-1, E + 1) / routing.experts.numel()),
        alike=_alike(moe.experts(tokens.expand(E, -1, -1))),
        violation=float(shares.max() * E - 1),
        information=information(chosen, test.kind),
        scores=tuple(float(source.loss(a, test.target)) for a in answers),  # type: ignore[arg-type]
        sizes=sizes(config, source.inputs, source.outputs),
        **seen,
    )


def _alike(answers: Tensor) -> float:
    """Mean correlation between the answers (E, N, outputs) of any two of the experts."""
    E = len(answers)
    if E == 1:
        return float("nan")
    unit = F.normalize((answers - answers.mean(1, keepdim=True)).flatten(1), dim=1)  # (E, N outputs)
    return float((unit.sum(0).square().sum() - E) / (E * (E - 1)))


def _plane(
    source: Clusters, test: Batch, routing: Routing, *, config: Config, networks: nn.ModuleDict, moe: MixtureOfExperts
) -> dict[str, Any]:
    """The fields of points in the plane."""
    E = config.experts
    side = 20 if E > 16 else 28 if config.neurons > 64 else 40  # so that a frame is quick
    device = test.given.device
    tokens, fine = (source.given(_pixels(n)).to(device) for n in (side, RULE_SIDE))
    probabilities = (fine @ moe.router).softmax(-1)
    ruler = (probabilities + moe.bias).argmax(1)
    every = moe.experts(tokens.expand(E, -1, -1))[..., 0]  # (E, P)
    odds = (tokens @ moe.router).softmax(-1)
    sent = (odds + moe.bias).topk(moe.top_k, dim=1).indices  # (P, k)
    mixture = (every.mT.gather(1, sent) * odds.gather(1, sent)).sum(1)
    if moe.shared is not None:
        shared = moe.shared(tokens.expand(config.shared, -1, -1))[..., 0]
        mixture = mixture + shared.sum(0)
        every = torch.cat([every, shared])
    dense = [networks[name](tokens)[:, 0] for name in ("equal_compute", "equal_size")]
    truth = _truth(source, side).to(device)
    drawn = _drawn(len(test.kind))
    return {
        "ruler": ruler.reshape(RULE_SIDE, RULE_SIDE).cpu().numpy().astype(np.int16),
        "sureness": _array(probabilities.gather(1, ruler[:, None]).reshape(RULE_SIDE, RULE_SIDE)),
        "points": _array(test.given[drawn, :2]),
        "wanted": _array(test.target[drawn, 0]),
        "kinds": test.kind[drawn].cpu().numpy(),
        "chosen": routing.experts[drawn, 0].cpu().numpy(),
        "dropped": ~routing.kept[drawn].any(1).cpu().numpy(),
        "answers": _array(torch.stack([truth, mixture, *dense]).reshape(4, side, side)),
        "expert_answers": _array(every.reshape(-1, side, side)),
        "passage": "",
        "characters": "",
        "character_flow": np.zeros((0, E), np.float32),
    }


def _drawn(tokens: int) -> Tensor:
    """Which of the test tokens are drawn in the plane, (P,)."""
    return torch.linspace(0, tokens - 1, min(POINTS, tokens)).round().long()


@lru_cache(maxsize=4)
def _pixels(side: int) -> Tensor:
    """Points of a grid over the plane, (side * side, 2), with y growing along the rows."""
    across = torch.linspace(-LIMIT, LIMIT, side)
    y, x = torch.meshgrid(across, across, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


@lru_cache(maxsize=64)
def _truth(source: Clusters, side: int) -> Tensor:
    """What is to be answered at each of `_pixels`."""
    return source.target(_pixels(side))[:, 0]


def _text(source: Text, test: Batch, routing: Routing, E: int) -> dict[str, Any]:
    """The fields of text."""
    chosen, V = routing.experts[:, 0], len(source.alphabet)
    counts = torch.bincount(test.kind * E + chosen, minlength=V * E).reshape(V, E).cpu()
    frequent = [int(v) for v in counts.sum(1).argsort(descending=True, stable=True) if counts[v].any()]
    return {
        "ruler": np.zeros((0, 0), np.int16),
        "sureness": _array(routing.weights[:PASSAGE, 0]),
        "points": np.zeros((0, 2), np.float32),
        "wanted": np.zeros(0, np.float32),
        "guessed": np.zeros(0, np.float32),
        "kinds": np.zeros(0, np.int64),
        "chosen": chosen[:PASSAGE].cpu().numpy(),
        "dropped": ~routing.kept[:PASSAGE].any(1).cpu().numpy(),
        "answers": np.zeros((0, 0, 0), np.float32),
        "expert_answers": np.zeros((0, 0, 0), np.float32),
        "passage": source.alphabet.decode(test.kind[:PASSAGE].cpu().numpy()),
        "characters": "".join(source.alphabet.characters[v] for v in frequent),
        "character_flow": _array(counts[frequent] / counts[frequent].sum(1, keepdim=True)),
    }


def _array(tensor: Tensor) -> Array:
    """A copy as NumPy array.  Waits for the GPU."""
    return tensor.detach().cpu().numpy().astype(np.float32)
