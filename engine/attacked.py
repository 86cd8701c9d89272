"""One picture under attack, seen by two networks, as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import attacks, probe
from engine.device import generator

if TYPE_CHECKING:
    from engine.labs.adversarial_examples import Experiment

Array = NDArray[np.float32]
PLANE, COARSE = 19, 10  # places along each edge of the decision plane; 0 and 1 are among those across
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
class Frame:
    """One moment of two networks, what an attack on one picture does to them, and their accuracy against eps."""

    step: int
    training_steps: int
    classes: tuple[str, ...]
    attacked: Attacked
    radii: Array  # (E,)
    right: NDArray[np.int64]  # (2, attacks of `robustness.ATTACKS`, E)
    asked: NDArray[np.int64]  # the same shape: how many pictures were tried so far
    measured: float  # share of the curve that is there


def look(experiment: Experiment) -> Attacked:
    """Attack the picture of `experiment` with its present weights and knobs.  Changes nothing.  Waits for the GPU."""
    config, x = experiment.config, experiment.picture  # (1, 1, side, side)
    networks = (experiment.model, experiment.defended)
    with torch.no_grad():
        answers = [network(x)[0] for network in networks]
    truth = experiment.label if experiment.label >= 0 else int(answers[0].argmax())
    y = torch.tensor([truth], device=x.device)
    ways = []
    for number, network in enumerate(networks):
        source = networks[1 - number] if config.source == "other" else network
        ways.append(way(experiment, source, y))
    found: dict[str, list[Any]] = {name: [] for name in ("way", "after", "slope", "plane", "sure", "margin_after")}
    for network, steps in zip(networks, ways, strict=True):
        with torch.no_grad():
            logits = network(steps)  # (T, classes)
        found["way"].append(_array(logits.softmax(1)))
        found["after"].append(_array(logits[-1].softmax(0)))
        found["margin_after"].append(float(attacks.Goal(y, None).missing(logits[-1:])))
        found["slope"].append(attacks.slope(network, x, y).flatten())
        answer, sure = _plane(network, x, steps[-1:] - x, config.seed, PLANE if config.cost(500) < 30 else COARSE)
        found["plane"].append(answer)
        found["sure"].append(sure)
    adversarial = torch.cat([steps[-1] for steps in ways])  # (2, side, side)
    margins = [float(attacks.Goal(y, None).missing(a[None])) for a in answers]
    return Attacked(
        picture=_array(x[0, 0]), label=experiment.label, truth=truth, adversarial=_array(adversarial),
        before=np.stack([_array(a.softmax(0)) for a in answers]), after=np.stack(found["after"]),
        way=(found["way"][0], found["way"][1]), margin=np.array(margins, np.float32),
        slope_1=np.array([float(s.abs().sum()) for s in found["slope"]], np.float32),
        slope_2=np.array([float(s.norm()) for s in found["slope"]], np.float32),
        margin_after=np.array(found["margin_after"], np.float32), plane=np.stack(found["plane"]),
        sureness=np.stack(found["sure"]), attributions=_explained(networks, x, adversarial, config.attribution),
    )  # fmt: skip


def way(experiment: Experiment, source: nn.Module, y: Tensor) -> Tensor:
    """The pictures (T, 1, side, side) that the attack goes through, the last its result, on the gradient of `source`.

    With restarts it is the way of the start that ends best for the attack.
    """
    config, x = experiment.config, experiment.picture
    restarts = config.restarts if config.attack == "pgd" else 1
    copies, truth = x.repeat(restarts, 1, 1, 1), y.repeat(restarts)
    target = None if config.target == "none" else int(config.target)
    count, step_size = config.steps, config.step_size * config.radius
    if config.attack == "cw":  # it has two rounds, and few steps must be long ones
        count = max(1, count // 2)
        step_size = max(0.03, 0.6 / count)
    steps = torch.stack(list(attacks.path(
        config.attack, source, copies, truth, eps=config.radius, steps=count, norm=config.norm, target=target,
        step_size=step_size, generator=generator(config.seed, "attack", x.device),
    )))  # fmt: skip
    if restarts == 1:
        return steps[:, 0]
    goal = attacks.Goal(truth, None if target is None else torch.full_like(truth, target))
    with torch.no_grad():
        return steps[:, int(goal.missing(source(steps[-1])).argmin())]


def _plane(network: nn.Module, x: Tensor, delta: Tensor, seed: int, places: int) -> tuple[NDArray[np.int64], Array]:
    """Answers, and how sure they are, on the plane through `x` along `delta` and a random direction just as long."""
    noise = torch.randn(x.shape, generator=generator(seed, "plane", x.device), device=x.device)
    size = attacks.length(delta)
    noise = noise - delta * ((noise * delta).sum() / size.square().clamp_min(1e-12))
    noise = noise / attacks.length(noise) * torch.where(size > 0, size, 1.0)
    across = torch.linspace(*PLANE_X, places, device=x.device)
    up = torch.linspace(*PLANE_Y, places, device=x.device)
    b, a = torch.meshgrid(up, across, indexing="ij")
    with torch.no_grad():
        pictures = x + a.reshape(-1, 1, 1, 1) * delta + b.reshape(-1, 1, 1, 1) * noise
        sure, answer = network(pictures).softmax(1).max(1)
    return answer.view(places, places).cpu().numpy(), _array(sure.view(places, places))


def _explained(networks: tuple[nn.Module, nn.Module], x: Tensor, adversarial: Tensor, wanted: bool) -> Array:
    """Which pixels count for the answer, by integrated gradients: each network, before and after."""
    side = x.shape[-1]
    if not wanted:
        return np.zeros((0, side, side), np.float32)
    maps = []
    for number, network in enumerate(networks):
        pictures = torch.cat([x, adversarial[number][None, None]])
        with torch.no_grad():
            answers = network(pictures).argmax(1)
        maps.append(probe.attribute(network, pictures, answers, "integrated_gradients", steps=32)[:, 0])
    return np.concatenate(maps)


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().float().cpu().numpy(), dtype=np.float32)
