"""Optimisers against their papers' equations, torch's own classes, and the theory of quadratics."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.nets import optim

STEPS = 8
CURVATURES = torch.linspace(1, 100, 50, dtype=torch.float64)  # k = L / m = 100


def losses_and_start() -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """A loss that is not quadratic, with gradients of very different sizes and signs, over a 3x4 matrix."""
    g = torch.Generator().manual_seed(0)
    a = torch.randn(3, 4, generator=g, dtype=torch.float64) * torch.logspace(-2, 1, 4, dtype=torch.float64)
    start = torch.randn(3, 4, generator=g, dtype=torch.float64)
    return lambda x: (a * x).sum() + (2 * x).sin().sum() + (x[0] * x[1]).sum(), start


def trained(make: Callable[[list[Tensor]], torch.optim.Optimizer], steps: int = STEPS) -> Tensor:
    loss, start = losses_and_start()
    x = nn.Parameter(start.clone())
    optimiser = make([x])

    def closure() -> float:
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        return value.item()

    for _ in range(steps):
        optimiser.step(closure)
    return x.detach()


def by_hand(update: Callable[[int, np.ndarray, np.ndarray, dict[str, np.ndarray]], np.ndarray]) -> np.ndarray:
    """The same steps with x_t = update(t, x, g, state), in NumPy; state starts at zero."""
    loss, start = losses_and_start()
    x = start.clone()
    state: dict[str, np.ndarray] = {"m": np.zeros((3, 4)), "v": np.zeros((3, 4))}
    for t in range(1, STEPS + 1):
        x.requires_grad_()
        (g,) = torch.autograd.grad(loss(x), x)
        x = torch.from_numpy(update(t, x.detach().numpy(), g.numpy(), state))
    return x.numpy()


def averages(g: np.ndarray, s: dict[str, np.ndarray], beta1: float = 0.9, beta2: float = 0.999) -> None:
    s["m"] = beta1 * s["m"] + (1 - beta1) * g
    s["v"] = beta2 * s["v"] + (1 - beta2) * g**2


def adam_direction(t: int, g: np.ndarray, s: dict[str, np.ndarray], eps: float) -> np.ndarray:
    averages(g, s)
    return (s["m"] / (1 - 0.9**t)) / (np.sqrt(s["v"] / (1 - 0.999**t)) + eps)


def adam(t, x, g, s):
    return x - 0.03 * adam_direction(t, g, s, 1e-8)


def adamw(t, x, g, s):
    return x - 0.03 * 0.2 * x - 0.03 * adam_direction(t, g, s, 1e-8)


def adam_with_l2(t, x, g, s):
    return x - 0.03 * adam_direction(t, g + 0.2 * x, s, 1e-8)


def adagrad(t, x, g, s):
    s["v"] = s["v"] + g**2
    return x - 0.03 * g / (np.sqrt(s["v"]) + 1e-10)


def rmsprop(t, x, g, s):
    s["v"] = 0.99 * s["v"] + 0.01 * g**2
    return x - 0.03 * g / (np.sqrt(s["v"]) + 1e-8)


def adamax(t, x, g, s):
    s["m"] = 0.9 * s["m"] + 0.1 * g
    s["v"] = np.maximum(0.999 * s["v"], np.abs(g) + 1e-8)
    return x - 0.03 / (1 - 0.9**t) * s["m"] / s["v"]


def nadam(t, x, g, s):
    averages(g, s)
    mu, mu_next = 0.9 * (1 - 0.5 * 0.96 ** (t * 0.004)), 0.9 * (1 - 0.5 * 0.96 ** ((t + 1) * 0.004))
    product = math.prod(0.9 * (1 - 0.5 * 0.96 ** (i * 0.004)) for i in range(1, t + 1))
    m_hat = mu_next * s["m"] / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
    return x - 0.03 * m_hat / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)


def lamb(t, x, g, s):
    r = adam_direction(t, g, s, 1e-6) + 0.2 * x
    return x - 0.03 * np.linalg.norm(x) / np.linalg.norm(r) * r


def lion(t, x, g, s):
    c = 0.9 * s["m"] + 0.1 * g
    s["m"] = 0.99 * s["m"] + 0.01 * g
    return x - 0.03 * (np.sign(c) + 0.2 * x)


def momentum(t, x, g, s):
    s["m"] = 0.9 * s["m"] + g
    return x - 0.03 * s["m"]


def nesterov(t, x, g, s):
    s["m"] = 0.9 * s["m"] + g
    return x - 0.03 * (g + 0.9 * s["m"])


@pytest.mark.parametrize(
    ("name", "update", "settings"),
    [
        ("gradient_descent", lambda t, x, g, s: x - 0.03 * g, {}),
        ("momentum", momentum, {}),
        ("nesterov", nesterov, {}),
        ("adagrad", adagrad, {}),
        ("rmsprop", rmsprop, {}),
        ("adam", adam, {}),
        ("adam", adam_with_l2, {"weight_decay": 0.2}),
        ("adamw", adamw, {"weight_decay": 0.2}),
        ("adamax", adamax, {}),
        ("nadam", nadam, {}),
        ("lamb", lamb, {"weight_decay": 0.2}),
        ("lion", lion, {"weight_decay": 0.2}),
    ],
)
def test_it_follows_its_paper(name, update, settings):
    found = trained(lambda params: optim.make(name, params, 0.03, **settings))
    np.testing.assert_allclose(found, by_hand(update), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "cls"),
    [("adagrad", "Adagrad"), ("rmsprop", "RMSprop"), ("adamax", "Adamax"), ("nadam", "NAdam"), ("adamw", "AdamW")],
)
def test_it_is_torchs(name, cls):
    found = trained(lambda params: optim.make(name, params, 0.03))
    expected = trained(lambda params: getattr(torch.optim, cls)(params, lr=0.03))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)


def test_adamw_is_not_adam_with_l2():
    decoupled = trained(lambda params: optim.make("adamw", params, 0.03, weight_decay=0.2))
    coupled = trained(lambda params: optim.make("adam", params, 0.03, weight_decay=0.2))
    assert (decoupled - coupled).abs().max() > 1e-3


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_adams_first_step_has_the_size_of_the_learning_rate(scale):
    g = torch.tensor([3.0, -0.5, 2e-3], dtype=torch.float64) * scale
    x = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    x.grad = g
    optim.make("adam", [x], 0.01).step()
    torch.testing.assert_close(x.detach(), -0.01 * g.sign(), rtol=1e-2, atol=0)


def test_lambs_first_step_is_as_long_as_the_learning_rate_times_the_weights():
    _, start = losses_and_start()
    moved = trained(lambda params: optim.make("lamb", params, 0.01, weight_decay=0.0), steps=1) - start
    assert moved.norm().item() == pytest.approx(0.01 * start.norm().item(), rel=1e-9)


def test_lamb_leaves_weights_at_zero_by_a_trust_ratio_of_one():
    x = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    x.grad = torch.tensor([2.0, -7.0], dtype=torch.float64)
    optim.make("lamb", [x], 0.01).step()
    torch.testing.assert_close(x.detach(), torch.tensor([-0.01, 0.01], dtype=torch.float64), rtol=1e-5, atol=0)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sam_descends_by_the_gradient_found_rho_up_the_slope(momentum):
    loss, start = losses_and_start()
    x = nn.Parameter(start.clone())
    y = nn.Parameter(torch.ones(2, dtype=torch.float64))
    sam = optim.make("sam", [x, y], 0.01, rho=0.3, momentum=momentum)
    seen = []

    def closure() -> float:
        sam.zero_grad()
        value = loss(x) + (y**2).sum()
        value.backward()
        seen.append([(p.detach().clone(), p.grad.clone()) for p in (x, y)])
        return value.item()

    velocity = [torch.zeros_like(p) for p in (x, y)]
    for _ in range(3):
        seen.clear()
        before = loss(x).item() + (y**2).sum().item()
        assert sam.step(closure) == pytest.approx(before, rel=1e-12)
        low, high = seen
        norm = math.sqrt(sum((g**2).sum().item() for _, g in low))  # over both tensors together
        for i, p in enumerate((x, y)):
            torch.testing.assert_close(high[i][0] - low[i][0], 0.3 * low[i][1] / norm, rtol=1e-9, atol=1e-12)
            velocity[i] = momentum * velocity[i] + high[i][1]
            torch.testing.assert_close(p.detach(), low[i][0] - 0.01 * velocity[i], rtol=0, atol=1e-15)


def test_muons_step_is_nearly_orthogonal():
    _, start = losses_and_start()
    moved = trained(lambda params: optim.make("muon", params, 1.0, weight_decay=0.0), steps=1) - start
    lengths = torch.linalg.svdvals(moved)  # its five Newton-Schulz steps are made to end between about 0.7 and 1.2
    assert lengths.min() > 0.6 and lengths.max() < 1.3


def rate(lr: float, steps: int = 400) -> float:
    """Late factor per step of the distance to the minimum, over 50 eigenvalues from 1 to 100."""
    x = nn.Parameter(torch.ones(50, dtype=torch.float64))
    optimiser = optim.make("gradient_descent", [x], lr)
    sizes = []
    for _ in range(steps):
        x.grad = CURVATURES * x.detach()
        optimiser.step()
        sizes.append(x.detach().norm().item())
    return (sizes[-1] / sizes[steps // 2 - 1]) ** (2 / steps)


def test_the_best_rate_on_a_quadratic_is_k_minus_1_over_k_plus_1():
    assert rate(2 / 101) == pytest.approx(99 / 101, rel=0.005)


def test_descent_converges_below_2_over_l_and_diverges_above():
    assert rate(0.999 * 2 / 100, steps=4000) == pytest.approx(0.998, rel=1e-6)
    assert rate(1.001 * 2 / 100, steps=4000) == pytest.approx(1.002, rel=1e-6)


@pytest.mark.parametrize("name", optim.NAMES)
def test_a_restored_optimiser_goes_on_to_the_same_bits(name):
    loss, start = losses_and_start()

    def go(x: nn.Parameter, optimiser: torch.optim.Optimizer) -> None:
        def closure() -> float:
            optimiser.zero_grad()
            value = loss(x)
            value.backward()
            return value.item()

        for _ in range(4):
            optimiser.step(closure)

    x = nn.Parameter(start.clone())
    optimiser = optim.make(name, [x], 0.02)
    go(x, optimiser)
    state, there = copy.deepcopy(optimiser.state_dict()), x.detach().clone()
    go(x, optimiser)
    y = nn.Parameter(there)
    restored = optim.make(name, [y], 0.5)
    restored.load_state_dict(state)
    go(y, restored)
    assert torch.equal(x, y)


@pytest.mark.parametrize("name", optim.ELEMENTWISE)
def test_elementwise_optimisers_treat_stacked_networks_as_if_alone(name):
    def moved(x: Tensor) -> Tensor:
        p = nn.Parameter(x.clone())
        optimiser = optim.make(name, [p], 0.02)
        for _ in range(3):
            p.grad = (p.detach() * 3).cos()
            optimiser.step()
        return p.detach()

    _, start = losses_and_start()
    torch.testing.assert_close(moved(start), torch.stack([moved(row) for row in start]), rtol=0, atol=1e-15)


def test_refusals_say_what_is_accepted():
    x = nn.Parameter(torch.zeros(3))
    with pytest.raises(ValueError, match="no optimiser 'sgd'; the optimisers are gradient_descent, momentum"):
        optim.make("sgd", [x], 0.1)
    with pytest.raises(ValueError, match="no setting 'rho'; its settings are betas"):
        optim.make("adam", [x], 0.1, rho=0.1)
    for lr in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="give a finite number of at least 0"):
            optim.make("adam", [x], lr)
    for params in ([x], [{"params": [x]}], [{"params": x}]):
        with pytest.raises(ValueError, match=r"two-dimensional parameters only, not one of shape \(3,\)"):
            optim.make("muon", params, 0.1)
    with pytest.raises(ValueError, match="call step"):
        optim.make("sam", [x], 0.1).step()
