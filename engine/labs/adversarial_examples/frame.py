"""One picture under attack, seen by two networks, as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.contract.device import generator
from engine.labs.adversarial_examples import attacks, classifiers
from engine.labs.adversarial_examples.config import Config
from engine.measures import attribution

Array = NDArray[np.float32]
Networks = tuple[nn.Module, nn.Module]
PLANE, COARSE = 19, 10  # places along each edge of the decision plane; 0 and 1 are among those across
ROUNDS, TRIED = 6, 16  # of the game: pictures to tell from their attacked twins, of so many that are attacked
PLANE_X, PLANE_Y = (-1.0, 2.0), (-1.5, 1.5)  # in lengths of the perturbation


@dataclass(frozen=True)
class Attacked:
    """What an attack on one picture did to each of the two networks; the first number of a shape, 2, counts them."""

    picture: Array  # (side, side)
    label: int  # the true class, or -1 if nobody knows
    truth: int  # what the attack leads away from: the label, or else what the network without defence answers
    adversarial: Array  # (2, side, side)
    before: Array  # (2, classes), probabilities
    after: Array  # (2, classes)
    way: tuple[Array, Array]  # (T, classes) each, probabilities at each step of the attack
    margin: Array  # (2,): logit of the truth minus the largest other
    slope_1: Array  # (2,): sum of |dm/dx| over the pixels, m the margin
    slope_2: Array  # (2,): Euclidean length of dm/dx
    margin_after: Array  # (2,): the margin that the attack left
    plane: NDArray[np.int64]  # (2, R, R): answers on the plane, y along the rows
    sureness: Array  # (2, R, R): probability of the answer
    attributions: Array  # (4, side, side): integrated gradients, network by network, before and after; or (0, …)


@dataclass(frozen=True)
class Pairs:
    """G pictures and what an attack on the plain network made of them, in an order that nobody can guess."""

    attack: str  # which one
    pictures: Array  # (G, side, side)
    adversarial: Array  # (G, side, side)
    left: NDArray[np.bool_]  # (G,): the attacked one stands on the left
    truth: NDArray[np.int64]  # (G,)
    before: Array  # (G, classes), what the plain network answers
    after: Array  # (G, classes)
    tried: int  # pictures that were attacked; those that fool the network come first
    read: int  # of which it reads right unchanged
    fooled: int  # and of those, wrong under attack


@dataclass(frozen=True)
class Frame:
    """One moment of two networks, what an attack on one picture does to them, and their accuracy against eps."""

    step: int
    training_steps: int
    classes: tuple[str, ...]
    attacked: Attacked
    radii: Array  # (E,)
    right: NDArray[np.int64]  # (2, attacks of `tally.ATTACKS`, E)
    asked: NDArray[np.int64]  # the same shape: how many pictures were tried so far
    early: NDArray[np.float64]  # (2, `tally.EARLY`, E): the share right while they train, NaN where nothing was asked
    pairs: Pairs | None  # for the game, None while they learn
    measured: float  # share of the curve that is there


def attacked(networks: Networks, config: Config, *, x: Tensor, label: int) -> Attacked:
    """Attack the picture `x` (1, 1, side, side), whose class is `label`, -1 if nobody knows.  Waits for the GPU."""
    both = classifiers.together(networks)
    with torch.no_grad():
        before = both(_twice(x))  # (2, classes)
    truth = label if label >= 0 else int(before[0].argmax())
    y = torch.tensor([truth], device=x.device)
    ways = _ways(networks, config, both=both, x=x, y=y)
    adversarial = torch.cat([way[-1] for way in ways])  # (2, side, side)
    longest = max(map(len, ways))
    places = PLANE if config.cost(500) < 30 else COARSE
    pictures = [torch.cat([way, way[-1:].expand(longest - len(way), -1, -1, -1),
                           _plane(x, way[-1:] - x, config.seed, places)]) for way in ways]  # fmt: skip
    with torch.no_grad():
        logits = both(torch.cat(pictures)).view(2, -1, before.shape[1])  # (2, T + R R, classes)
    answers, after = _array(logits.softmax(-1)), logits[:, longest - 1]
    plane = answers[:, longest:].reshape(2, places, places, -1)
    slopes = attacks.slope(both, _twice(x), y.repeat(2)).flatten(1)
    goal = attacks.Goal(y.repeat(2), None)
    return Attacked(
        picture=_array(x[0, 0]), label=label, truth=truth, adversarial=_array(adversarial),
        before=_array(before.softmax(-1)), after=answers[:, longest - 1],
        way=(answers[0, : len(ways[0])], answers[1, : len(ways[1])]), margin=_array(goal.missing(before)),
        slope_1=_array(slopes.abs().sum(1)), slope_2=_array(slopes.norm(dim=1)),
        margin_after=_array(goal.missing(after)), plane=plane.argmax(-1), sureness=plane.max(-1),
        attributions=_explained(networks, x, adversarial, config.attribution),
    )  # fmt: skip


def pairs(network: nn.Module, config: Config, *, x: Tensor, y: Tensor) -> Pairs:
    """Attack the pictures `x` (N, 1, side, side) of the classes `y` (N,) against `network`; `ROUNDS` of them are kept.

    Those that it reads and that fool it come first, and else they stay as they are.  Waits for the GPU.
    """
    name = config.attack if config.attack in ("random_sign", *attacks.CLIMBING) else "pgd"
    target = None if config.target == "none" else int(config.target)
    *_, moved = attacks.path(
        name, classifiers.together((network,)), x, y, eps=config.radius, steps=config.steps, norm=config.norm,
        target=target, step_size=config.step_size * config.radius, generator=generator(config.seed, "game", x.device),
    )  # fmt: skip
    with torch.no_grad():
        before, after = network(torch.cat([x, moved])).softmax(1).chunk(2)
    read = before.argmax(1) == y
    fooled = read & (after.argmax(1) != y)
    kept = torch.argsort(~fooled, stable=True)[:ROUNDS]
    order = torch.rand(len(kept), generator=generator(config.seed, f"order/{config.example}"))
    return Pairs(
        name, _array(x[kept, 0]), _array(moved[kept, 0]), (order < 0.5).numpy(), y[kept].cpu().numpy(),
        _array(before[kept]), _array(after[kept]), tried=len(x), read=int(read.sum()), fooled=int(fooled.sum()),
    )  # fmt: skip


def _ways(networks: Networks, config: Config, *, both: attacks.Model, x: Tensor, y: Tensor) -> list[Tensor]:
    """For each network the pictures (T, 1, side, side) that the attack goes through, the last its result."""
    if config.attack in attacks.CLIMBING:
        ways = list(_climb(both, config, count=2, x=x, y=y).unbind(1))
    else:
        ways = [_climb(network, config, count=1, x=x, y=y)[:, 0] for network in networks]
    return ways if config.source == "own" else ways[::-1]


def _climb(source: attacks.Model, config: Config, *, count: int, x: Tensor, y: Tensor) -> Tensor:
    """The way of the attack on each of the `count` networks in `source`, (T, count, 1, side, side).

    With restarts it is the way of the start that ends best for the attack.
    """
    restarts = config.restarts if config.attack == "pgd" else 1
    copies, truth = x.repeat(count * restarts, 1, 1, 1), y.repeat(count * restarts)
    target = None if config.target == "none" else int(config.target)
    steps, step_size = config.steps, config.step_size * config.radius
    if config.attack == "cw":  # it has two rounds, and few steps must be long ones
        steps = max(1, steps // 2)
        step_size = max(0.03, 0.6 / steps)
    ways: Tensor = torch.stack(list(attacks.path(
        config.attack, source, copies, truth, eps=config.radius, steps=steps, norm=config.norm, target=target,
        step_size=step_size, generator=generator(config.seed, "attack", x.device),
    )))  # fmt: skip
    ways = ways.view(len(ways), count, restarts, *x.shape[1:])  # (T, count, restarts, 1, side, side)
    if restarts == 1:
        return ways[:, :, 0]
    goal = attacks.Goal(truth, None if target is None else torch.full_like(truth, target))
    with torch.no_grad():
        best = goal.missing(source(ways[-1].flatten(0, 1))).view(count, restarts).argmin(1)
    return ways[:, torch.arange(count), best]


def _plane(x: Tensor, delta: Tensor, seed: int, places: int) -> Tensor:
    """Pictures (places², ...) of the plane through `x` along `delta` and a random direction that is just as long."""
    noise = torch.randn(x.shape, generator=generator(seed, "plane", x.device), device=x.device)
    size = attacks.length(delta)
    noise = noise - delta * ((noise * delta).sum() / size.square().clamp_min(1e-12))
    noise = noise / attacks.length(noise) * torch.where(size > 0, size, 1.0)
    across = torch.linspace(*PLANE_X, places, device=x.device)
    up = torch.linspace(*PLANE_Y, places, device=x.device)
    b, a = torch.meshgrid(up, across, indexing="ij")
    return x + a.reshape(-1, 1, 1, 1) * delta + b.reshape(-1, 1, 1, 1) * noise


def _twice(x: Tensor) -> Tensor:
    """One picture for each network."""
    return x.repeat(2, 1, 1, 1)


def _explained(networks: Networks, x: Tensor, adversarial: Tensor, wanted: bool) -> Array:
    """Which pixels count for the answer, by integrated gradients: each network, before and after."""
    side = x.shape[-1]
    if not wanted:
        return np.zeros((0, side, side), np.float32)
    maps = []
    for number, network in enumerate(networks):
        pictures = torch.cat([x, adversarial[number][None, None]])
        with torch.no_grad():
            answers = network(pictures).argmax(1)
        maps.append(attribution.attribute(network, pictures, answers, "integrated_gradients", steps=32)[:, 0])
    return np.concatenate(maps)


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().float().cpu().numpy(), dtype=np.float32)
