"""Small changes of a picture that make a network err: seven attacks behind one function.

All search near a picture x, in the ball |x' - x| <= eps (in the largest pixel, or in Euclidean length) and in [0, 1],
for a place where the loss of the true class is high, or that of a target low.  They know the model only by its logits
and their gradient.

References: Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", 2015 (FGSM); Kurakin,
Goodfellow, Bengio, "Adversarial examples in the physical world", 2017 (BIM); Madry et al., "Towards deep learning
models resistant to adversarial attacks", 2018 (PGD); Moosavi-Dezfooli, Fawzi, Frossard, "DeepFool", 2016; Carlini and
Wagner, "Towards evaluating the robustness of neural networks", 2017; Su, Vargas, Sakurai, "One pixel attack for fooling
deep neural networks", 2019.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator as stream
from engine.labs.adversarial_examples.attack_names import NAMES, NORMS
from engine.labs.adversarial_examples.attack_names import TITLES as TITLES  # the name has always been here
from engine.labs.adversarial_examples.classifiers import Stack

CLIMBING = ("fgsm", "bim", "pgd")  # those that follow the gradient, each picture for itself

OVERSHOOT = 0.002  # DeepFool steps this share beyond the border, to be behind it
TRADES = 8  # values of c that C&W tries at a time
POPULATION = 32  # candidates of the one-pixel attack

Model = Callable[[Tensor], Tensor]  # pictures (N, ...) -> logits (N, K)


class AttackError(ValueError):
    """An attack was asked for something that it cannot do; the sentence says what."""


@dataclass(frozen=True)
class Goal:
    """What an attack is after: away from the class `y` (N,), or with `target` (N,) towards that."""

    y: Tensor
    target: Tensor | None

    @property
    def of(self) -> Tensor:
        """The classes (N,) that it is about: those to leave, or with a target those to reach."""
        return self.y if self.target is None else self.target

    def loss(self, logits: Tensor) -> Tensor:
        """What is made large, (N,)."""
        loss = F.cross_entropy(logits, self.of, reduction="none")
        return loss if self.target is None else -loss

    def slope(self, logits: Tensor) -> Tensor:
        """The derivative of `loss` by the logits, (N, K): softmax minus one-hot, or with a target the opposite."""
        slope = logits.softmax(1).scatter_add_(1, self.of[:, None], -torch.ones_like(logits[:, :1]))
        return slope if self.target is None else -slope

    def missing(self, logits: Tensor) -> Tensor:
        """How far each logit is from success, (N,): less than 0 if the picture fools the model.

        Without a target this is the margin f_y - max of the others; with one, the max of the others - f_target.
        """
        chosen = logits.gather(1, self.of[:, None])[:, 0]
        others = logits.scatter(1, self.of[:, None], -math.inf).amax(1)
        return chosen - others if self.target is None else others - chosen

    def repeated(self, times: int) -> Goal:
        """The goal of `times` copies of the pictures, one set behind the other."""
        return Goal(self.y.repeat(times), None if self.target is None else self.target.repeat(times))


@dataclass(frozen=True)
class Ball:
    """Where a picture may go: at most `eps` from `x` (N, ...) in the norm "inf" or "2", and within [0, 1]."""

    x: Tensor
    eps: float
    norm: str

    def project(self, moved: Tensor) -> Tensor:
        """`moved` (N, ...), or the nearest place to it in the ball, and then in [0, 1]."""
        delta = moved - self.x
        if self.norm == "inf":
            delta = delta.clamp(-self.eps, self.eps)
        elif math.isfinite(self.eps):
            delta = delta * (self.eps / length(delta).clamp_min(1e-12)).clamp_max(1)
        return (self.x + delta).clamp(0, 1)

    def random(self, generator: torch.Generator) -> Tensor:
        """A place drawn evenly from the ball, cut to [0, 1]."""
        if self.norm == "inf":
            return self.project(self.x + self.eps * (2 * _rand(self.x, generator) - 1))
        direction = torch.randn(self.x.shape, generator=generator, device=generator.device).to(self.x)
        radius = _rand(self.x.flatten(1)[:, 0], generator).pow(1 / self.x[0].numel())
        return self.project(self.x + self.eps * direction / length(direction) * _like(radius, self.x))

    def steepest(self, gradient: Tensor) -> Tensor:
        """The step of length 1 in this norm that climbs most; no step where the gradient is zero."""
        return gradient.sign() if self.norm == "inf" else gradient / length(gradient).clamp_min(1e-12)


def attack(
    name: str,
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    steps: int,
    step_size: float | None = None,
    norm: str = "inf",
    target: Tensor | int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Pictures near `x` (N, ...) in [0, 1] that `model`, which gives logits (N, K), should take for another class.

    `name` is one of `NAMES`, `y` (N,) holds the true classes.  Nothing returned is further than `eps` from `x` in
    `norm`, "inf" or "2", or outside [0, 1].  DeepFool and C&W look for the nearest picture that fools the model, and
    what they find is pulled back into the ball; for them and for one pixel `eps` may be infinite.  `steps` is the
    number of steps (random sign and FGSM take one; C&W takes as many in each of its two rounds; for one pixel it is
    the number of generations), `step_size` their length in `norm`, 2.5 eps / steps if left out; for C&W it is the
    learning rate of Adam.  With `target`, a class or (N,) of them, the model should answer just that.  PGD starts at a
    random place of the ball if there is a `generator`, else at `x`, as BIM does.

    The model is used in the mode it is in, and no gradient is left in it.  Raises `AttackError`.
    """
    way = path(
        name, model, x, y, eps=eps, steps=steps, step_size=step_size, norm=norm, target=target, generator=generator
    )
    return deque(way, maxlen=1)[0]


def path(
    name: str,
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    steps: int,
    step_size: float | None = None,
    norm: str = "inf",
    target: Tensor | int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """The way of an `attack`: the pictures before it, after each of its steps, and last its result, each as `x`."""
    _require(name, x, eps, steps, norm)
    if isinstance(target, int):
        target = torch.full_like(y, target)
    goal, ball, x = Goal(y, target), Ball(x.detach(), eps, norm), x.detach()
    source = generator or stream(0, "attack")
    yield x
    if name == "random_sign":
        signs = torch.where(_rand(x, source) < 0.5, -1.0, 1.0)
        yield ball.project(x + eps * ball.steepest(signs))
    elif name in CLIMBING:
        steps = 1 if name == "fgsm" else steps
        step = eps if name == "fgsm" else 2.5 * eps / steps if step_size is None else step_size
        start = ball.random(generator) if name == "pgd" and generator is not None else x
        yield from _ascend(model, goal, ball, start=start, steps=steps, step_size=step)
    elif name == "deepfool":
        yield from _deepfool(model, goal, ball, steps=steps)
    elif name == "cw":
        yield from _carlini_wagner(model, goal, ball, steps=steps, learning_rate=step_size or 0.03)
    else:
        yield from _one_pixel(model, goal, ball, steps=steps, generator=source)


def _require(name: str, x: Tensor, eps: float, steps: int, norm: str) -> None:
    if name not in NAMES:
        raise AttackError(f"There is no attack '{name}'; the attacks are {', '.join(NAMES)}.")
    if norm not in NORMS:
        raise AttackError(f"There is no norm '{norm}'; the norms are {', '.join(NORMS)}.")
    if not eps >= 0 or (math.isinf(eps) and name not in ("deepfool", "cw", "one_pixel")):
        raise AttackError(f"eps is a number from 0 up, not {eps}.")
    if steps < 1:
        raise AttackError(f"An attack takes at least one step, not {steps}.")
    if x.ndim < 2 or not bool(((x >= 0) & (x <= 1)).all()):
        raise AttackError("An attack takes pictures (N, ...) with every pixel from 0 to 1.")


def _ascend(model: Model, goal: Goal, ball: Ball, *, start: Tensor, steps: int, step_size: float) -> Iterator[Tensor]:
    """Climb the loss and stay in the ball: x <- project(x + step_size * steepest(dL/dx)).  Madry et al., Section 2."""
    x = start
    for _ in range(steps):
        x = ball.project(x + step_size * ball.steepest(gradient(model, goal, x)))
        yield x


def gradient(model: Model, goal: Goal, x: Tensor) -> Tensor:
    """dL/dx of each picture, as `x` (N, ...).  Nothing is left in the model's own gradients."""
    if isinstance(model, Stack):  # half the time of autograd's
        return model.gradient(x, goal.slope)
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (found,) = torch.autograd.grad(goal.loss(model(x)).sum(), x)
    return found


def slope(model: Model, x: Tensor, y: Tensor) -> Tensor:
    """Gradient of the margin f_y - max of the others, as `x` (N, ...).

    If the model is linear and no pixel leaves [0, 1], no attack within eps brings the margin below
    margin - eps * |slope|, with the sum of sizes for the norm "inf" (FGSM reaches it) and the Euclidean length for "2".
    """
    goal = Goal(y, None)
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (found,) = torch.autograd.grad(goal.missing(model(x)).sum(), x)
    return found


def _deepfool(model: Model, goal: Goal, ball: Ball, *, steps: int) -> Iterator[Tensor]:
    """Step to the nearest border as if the logits were linear, until the model errs.  Algorithm 2; Eq. 10 and 11."""
    x = ball.x
    for _ in range(steps):
        logits, slopes = _jacobian(model, x)  # (N, K), (N, K, ...)
        missing = goal.missing(logits)
        if not bool((missing >= 0).any()):
            break
        own = goal.y if goal.target is None else logits.scatter(1, goal.target[:, None], -math.inf).argmax(1)
        each = torch.arange(len(x), device=x.device)
        f = logits - logits[each, own][:, None]  # (N, K): below 0 for the others while the model is right
        w = (slopes - slopes[each, own][:, None]).flatten(2)  # (N, K, pixels)
        size = w.norm(dim=2, p=1 if ball.norm == "inf" else 2).clamp_min(1e-12)  # the dual norm
        distance = f.abs() / size
        open_ = torch.ones_like(distance, dtype=torch.bool) if goal.target is None else torch.zeros_like(f) > 0
        open_[each, own] = False
        if goal.target is not None:
            open_[each, goal.target] = True
        nearest = distance.masked_fill(~open_, math.inf).argmin(1)
        length_, direction = distance[each, nearest], w[each, nearest].view_as(x)
        step = ball.steepest(direction) * _like((1 + OVERSHOOT) * length_ + 1e-6, x)
        x = torch.where(_like(missing, x) >= 0, (x + step).clamp(0, 1), x)
        yield ball.project(x)


def _jacobian(model: Model, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, K) and the gradient of each, (N, K, ...): K copies of the pictures go through the model at once."""
    with torch.no_grad():
        logits = model(x)
    n, classes = logits.shape
    with torch.enable_grad():
        copies = x.detach().repeat_interleave(classes, 0).requires_grad_()  # (N K, ...)
        own = torch.arange(classes, device=x.device).repeat(n)[:, None]
        (slopes,) = torch.autograd.grad(model(copies).gather(1, own).sum(), copies)
    return logits, slopes.view(n, classes, *x.shape[1:])


def _carlini_wagner(model: Model, goal: Goal, ball: Ball, *, steps: int, learning_rate: float) -> Iterator[Tensor]:
    """The shortest |d| for which c * max(missing, 0) + |d|^2 ends at an error, found by Adam.  Section V and VI-A.

    The right c is searched for: TRADES values at once, a factor of ten apart, then as many between the best and the
    next smaller, which is as fine as the paper's binary search of six rounds.  The box [0, 1] is kept by projection,
    the first of the paper's three ways: the tanh of the third hardly moves pixels that are black to begin with.
    """
    x, n = ball.x, len(ball.x)
    best, shortest = x.clone(), torch.full((n,), math.inf, device=x.device)
    powers = torch.linspace(-2, TRADES - 3, TRADES, device=x.device)[:, None].expand(TRADES, n)  # of c, (C, N)
    many, copies = goal.repeated(TRADES), x.repeat(TRADES, *[1] * (x.ndim - 1))  # (C N, ...)
    for round_ in range(2):
        c = (10.0**powers).reshape(-1)
        at = copies.clone()
        mean, square = torch.zeros_like(at), torch.zeros_like(at)  # of Adam
        worked = torch.zeros(TRADES * n, dtype=torch.bool, device=x.device)
        for step in range(1, steps + 1):
            with torch.enable_grad():
                at = at.detach().requires_grad_()
                missing = many.missing(model(at))
                distance = (at - copies).flatten(1).square().sum(1)
                (slope,) = torch.autograd.grad((distance + c * missing.clamp_min(0)).sum(), at)
            fooled = missing.detach() < 0
            worked |= fooled
            reached = torch.where(fooled, distance.detach(), math.inf).view(TRADES, n)
            nearest, which = reached.min(0)
            better = nearest < shortest
            found = at.detach().view(TRADES, n, *x.shape[1:])[which, torch.arange(n, device=x.device)]
            best, shortest = torch.where(_like(better, x), found, best), torch.minimum(nearest, shortest)
            mean, square = mean.lerp(slope, 0.1), square.lerp(slope.square(), 0.01)
            rate = learning_rate * math.sqrt(1 - 0.99**step) / (1 - 0.9**step)
            at = (at.detach() - rate * mean / (square.sqrt() + 1e-8)).clamp(0, 1)
            yield ball.project(best)
        if round_ == 0:
            largest = torch.full_like(powers, float(powers.max()))
            lowest = torch.where(worked.view(TRADES, n), powers, largest).amin(0)  # smallest c that worked, (N,)
            powers = lowest - torch.linspace(1, 0, TRADES, device=x.device)[:, None]  # and up to ten times smaller


def _one_pixel(model: Model, goal: Goal, ball: Ball, *, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Differential evolution over (row, column, value) of a single pixel.  Su et al., section 3."""
    x, n = ball.x, len(ball.x)
    height, width = x.shape[-2:] if x.ndim == 4 else (1, x[0].numel())

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=generator.device).to(x)

    def changed(genes: Tensor) -> Tensor:
        """Pictures (P N, ...) with the pixel that each of `genes` (P, N, 3), numbers in [0, 1], speaks of."""
        row = (genes[..., 0] * height).long().clamp_max(height - 1)
        column = (genes[..., 1] * width).long().clamp_max(width - 1)
        at = (row * width + column).reshape(-1)  # (P N,)
        flat = x.reshape(n, -1, height * width).repeat(len(genes), 1, 1)  # (P N, channels, pixels)
        spot = at[:, None, None].expand(-1, flat.shape[1], 1)
        old = flat.gather(2, spot)
        low, high = (old - ball.eps).clamp_min(0), (old + ball.eps).clamp_max(1)
        new = low + (high - low) * genes[..., 2].reshape(-1, 1, 1)
        return flat.scatter(2, spot, new).view(-1, *x.shape[1:])

    @torch.no_grad()
    def fitness(genes: Tensor) -> Tensor:
        return goal.repeated(len(genes)).missing(model(changed(genes))).view(-1, n)

    genes = draw(POPULATION, n, 3)
    score = fitness(genes)
    for _ in range(steps):
        a, b, c = (genes[draw(POPULATION).argsort()] for _ in range(3))
        children = a + 0.5 * (b - c)
        children = torch.where((children >= 0) & (children <= 1), children, draw(POPULATION, n, 3))
        won = fitness(children)
        better = won < score
        genes, score = torch.where(better[..., None], children, genes), torch.where(better, won, score)
        yield changed(genes[score.argmin(0), torch.arange(n, device=x.device)][None])


def length(delta: Tensor) -> Tensor:
    """Euclidean length of each (N, ...), with as many dimensions as `delta`, to be multiplied with it."""
    return _like(delta.flatten(1).norm(dim=1), delta)


def _like(values: Tensor, x: Tensor) -> Tensor:
    """`values` (N,) as (N, 1, ...), for arithmetic with `x` (N, ...)."""
    return values.view(-1, *[1] * (x.ndim - 1))


def _rand(x: Tensor, generator: torch.Generator) -> Tensor:
    """Even numbers in [0, 1) with the shape of `x`, on its device."""
    return torch.rand(x.shape, generator=generator, device=generator.device).to(x)
