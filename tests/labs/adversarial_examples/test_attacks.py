"""The attacks: two trusted libraries agree, nothing leaves the ball, and what theory says of linear models is true."""

from __future__ import annotations

import copy
import math
from functools import cache

import foolbox
import pytest
import torch
import torch.nn.functional as F
from captum import robust
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.contract.device import generator
from engine.data import images
from engine.labs.adversarial_examples import attacks
from engine.labs.adversarial_examples.attacks import AttackError, Goal, attack
from engine.labs.adversarial_examples.classifiers import Rounded, dense, together
from engine.nets.convnet import Architecture, ConvNet

FOOLBOX = {
    ("fgsm", "inf"): lambda: foolbox.attacks.LinfFastGradientAttack(random_start=False),
    ("fgsm", "2"): lambda: foolbox.attacks.L2FastGradientAttack(random_start=False),
    ("bim", "inf"): lambda: foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=7, random_start=False),
    ("pgd", "inf"): lambda: foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=7, random_start=False),
    ("pgd", "2"): lambda: foolbox.attacks.L2PGD(rel_stepsize=0.25, steps=7, random_start=False),
}


@cache
def digits(n: int = 40) -> tuple[Tensor, Tensor]:
    found = images.load("digits")
    return torch.from_numpy(found.test_x[:n]), torch.from_numpy(found.test_y[:n])


@cache
def trained(kind: str = "mlp", seed: int = 0) -> nn.Module:
    """A network that reads digits: 97 % of the test pictures, without attack."""
    g = generator(seed, "weights")
    model = dense((64, 60, 10), g) if kind == "mlp" else ConvNet(Architecture(side=8, classes=10, channels=(8, 8)), g)
    data = images.load("digits")
    x, y = torch.from_numpy(data.train_x), torch.from_numpy(data.train_y)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for step in range(150):
        places = torch.randperm(len(x), generator=generator(seed, f"batch/{step}"))[:64]
        optimiser.zero_grad()
        F.cross_entropy(model(x[places]), y[places]).backward()
        optimiser.step()
    return model.eval()


@cache
def exact(kind: str) -> nn.Module:
    """The same in double precision: the sign of a gradient that is nearly zero then is no matter of rounding."""
    return copy.deepcopy(trained(kind)).double()


class Soft(nn.Module):
    """Less sure logits: captum leaves pixels alone whose gradient is below a millionth, as that of sure answers is."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits / 10


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


# ------------------------------------------------------------------ trusted libraries


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
@pytest.mark.parametrize(
    ("name", "norm", "target"),
    [(*each, None) for each in FOOLBOX] + [(*each, 3) for each in FOOLBOX if each[0] != "fgsm"],  # theirs takes none
)
def test_gradient_attacks_agree_with_foolbox(name: str, norm: str, target: int | None, kind: str) -> None:
    x, y = digits()
    model, x, eps = exact(kind), x.double(), 0.1 if norm == "inf" else 0.8
    goal = foolbox.criteria.Misclassification(y)
    if target is not None:
        x, y = x[y != target], y[y != target]
        goal = foolbox.criteria.TargetedMisclassification(torch.full_like(y, target))
    _, theirs, _ = FOOLBOX[name, norm]()(foolbox.PyTorchModel(model, bounds=(0, 1)), x, goal, epsilons=eps)
    ours = attack(name, model, x, y, eps=eps, steps=7, step_size=0.25 * eps, norm=norm, target=target)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("eps", [0.03, 0.15])
def test_fgsm_and_pgd_agree_with_captum(eps: float) -> None:
    x, y = digits()
    x, model = x.double(), nn.Sequential(exact("cnn"), Soft())
    loss = nn.CrossEntropyLoss(reduction="none")
    theirs = robust.FGSM(model, loss, lower_bound=0, upper_bound=1).perturb(x, epsilon=eps, target=y)
    torch.testing.assert_close(attack("fgsm", model, x, y, eps=eps, steps=1), theirs, rtol=0, atol=1e-9)
    pgd = robust.PGD(model, loss, lower_bound=0, upper_bound=1)
    theirs = pgd.perturb(x, radius=eps, step_size=eps / 3, step_num=5, target=y)
    ours = attack("pgd", model, x, y, eps=eps, steps=5, step_size=eps / 3)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_deepfool_goes_as_far_as_foolboxs() -> None:
    x, y = digits()
    model = trained()
    x, y = x[model(x).argmax(1) == y], y[model(x).argmax(1) == y]
    with_theirs = foolbox.attacks.L2DeepFoolAttack(steps=50, overshoot=attacks.OVERSHOOT, candidates=10, loss="logits")
    theirs, _, fooled = with_theirs(foolbox.PyTorchModel(model, bounds=(0, 1)), x, y, epsilons=None)
    ours = attack("deepfool", model, x, y, eps=math.inf, steps=50, norm="2")
    assert fooled.all() and accuracy(model, ours, y) == 0
    there, here = ((moved - x).flatten(1).norm(dim=1) for moved in (theirs, ours))
    assert here.median().item() == pytest.approx(there.median().item(), rel=0.02)


# ------------------------------------------------------------------ bounds


@given(
    name=st.sampled_from(attacks.NAMES), norm=st.sampled_from(attacks.NORMS), eps=st.floats(0, 1.5),
    steps=st.integers(1, 6), step=st.none() | st.floats(0.001, 1), target=st.none() | st.integers(0, 9),
    seed=st.none() | st.integers(0, 9), kind=st.sampled_from(["mlp", "cnn"]),
)  # fmt: skip
def test_nothing_leaves_the_ball_or_the_range_of_pixels(
    name: str, norm: str, eps: float, steps: int, step: float | None, target: int | None, seed: int | None, kind: str
) -> None:
    x, y = digits(6)
    source = None if seed is None else generator(seed, "attack")
    way = list(
        attacks.path(name, trained(kind), x, y, eps=eps, steps=steps, step_size=step, norm=norm, target=target,
                     generator=source)
    )  # fmt: skip
    assert torch.equal(way[0], x)
    for moved in way:
        assert moved.shape == x.shape and not moved.requires_grad
        assert moved.min() >= 0 and moved.max() <= 1
        delta = (moved - x).flatten(1)
        assert delta.norm(dim=1, p=math.inf if norm == "inf" else 2).max() <= eps * (1 + 1e-5) + 1e-6
    if name == "one_pixel":
        assert ((way[-1] != x).flatten(1).sum(1) <= 1).all()


@pytest.mark.parametrize("name", attacks.NAMES)
def test_an_attack_leaves_the_model_and_every_generator_alone_and_can_be_repeated(name: str) -> None:
    x, y = digits(5)
    model, before = trained("cnn"), torch.random.get_rng_state()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model.zero_grad()
    one, again = (attack(name, model, x, y, eps=0.2, steps=4, generator=generator(1, "attack")) for _ in range(2))
    with torch.no_grad():
        third = attack(name, model, x, y, eps=0.2, steps=4, generator=generator(1, "attack"))
    assert torch.equal(one, again) and torch.equal(one, third)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", attacks.NAMES)
def test_pictures_are_attacked_one_by_one(name: str) -> None:
    """What happens to a picture does not depend on who else is attacked, but for what chance decides."""
    x, y = digits(4)
    if name in ("random_sign", "one_pixel"):
        return
    at_once = attack(name, trained(), x, y, eps=0.2, steps=5)
    alone = torch.cat([attack(name, trained(), x[i : i + 1], y[i : i + 1], eps=0.2, steps=5) for i in range(4)])
    torch.testing.assert_close(at_once, alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("hidden", [(), (32, 16)])
@pytest.mark.parametrize("target", [None, 3])
def test_the_way_back_through_a_stack_is_autograds(hidden: tuple[int, ...], target: int | None) -> None:
    networks = [dense((64, *hidden, 10), generator(seed, "weights")) for seed in (1, 2)]
    both, (x, y) = together(networks), digits(6)
    goal = attacks.Goal(y, None if target is None else torch.full_like(y, target))
    found = attacks.gradient(both, goal, x)
    for network, part in zip(networks, (slice(3), slice(3, 6)), strict=True):
        own = attacks.Goal(y[part], None if goal.target is None else goal.target[part])
        torch.testing.assert_close(both(x)[part], network(x[part]), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found[part], attacks.gradient(network, own, x[part]), rtol=1e-4, atol=1e-6)


def test_what_cannot_be_done_is_said_in_a_sentence() -> None:
    x, y = digits(2)
    common = {"eps": 0.1, "steps": 3}
    for name, changes, word in (("fgms", {}, "fgsm"), ("fgsm", {"norm": "1"}, "inf"), ("pgd", {"eps": -1.0}, "eps"),
                                ("pgd", {"eps": math.nan}, "eps"), ("pgd", {"eps": math.inf}, "eps"),
                                ("pgd", {"steps": 0}, "step")):  # fmt: skip
        with pytest.raises(AttackError, match=word):
            attack(name, trained(), x, y, **{**common, **changes})
    with pytest.raises(AttackError, match="from 0 to 1"):
        attack("fgsm", trained(), 255 * x, y, **common)


# ------------------------------------------------------------------ theory


def binary(seed: int) -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """A linear model of two classes, f = (0, w x + b), grey pictures far from black and white, and what it answers."""
    g = torch.Generator().manual_seed(seed)
    w, b = torch.randn(64, generator=g, dtype=torch.float64) / 8, 0.1
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.stack([torch.zeros(64), w]))
        model[1].bias.copy_(torch.tensor([0.0, b]))
    x = 0.5 + 0.05 * torch.randn(50, 1, 8, 8, generator=g, dtype=torch.float64).clamp(-3, 3)
    return model, x, model(x).argmax(1), w


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["fgsm", "bim", "pgd"])
@pytest.mark.parametrize("norm", ["inf", "2"])
def test_the_robust_margin_of_a_linear_model_is_margin_minus_eps_times_the_dual_norm(
    seed: int, name: str, norm: str
) -> None:
    model, x, y, w = binary(seed)
    eps = 0.05 if norm == "inf" else 0.4
    margin = Goal(y, None).missing(model(x))
    moved = attack(name, model, x, y, eps=eps, steps=10, norm=norm)
    left = Goal(y, None).missing(model(moved))
    torch.testing.assert_close(left, margin - eps * w.norm(p=1 if norm == "inf" else 2), rtol=1e-9, atol=1e-9)
    slope = attacks.slope(model, x, y).flatten(1)
    torch.testing.assert_close(slope.abs().sum(1), w.abs().sum().expand(len(x)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("norm", ["inf", "2"])
def test_deepfools_distance_is_margin_over_the_dual_norm(seed: int, norm: str) -> None:
    model, x, y, w = binary(seed)
    margin = Goal(y, None).missing(model(x))
    moved = attack("deepfool", model, x, y, eps=math.inf, steps=5, norm=norm)
    assert (model(moved).argmax(1) != y).all()
    delta = (moved - x).flatten(1)
    distance = delta.abs().amax(1) if norm == "inf" else delta.norm(dim=1)
    expected = margin / w.norm(p=1 if norm == "inf" else 2)
    torch.testing.assert_close(distance, expected * (1 + attacks.OVERSHOOT), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
@pytest.mark.parametrize("seed", range(2))
def test_carlini_wagner_is_no_worse_than_deepfool(kind: str, seed: int) -> None:
    model, (x, y) = trained(kind, seed), digits()
    right = model(x).argmax(1) == y
    x, y = x[right], y[right]
    lengths = []
    for name in ("cw", "deepfool"):
        moved = attack(name, model, x, y, eps=math.inf, steps=60, norm="2")
        assert (model(moved).argmax(1) != y).all(), name
        lengths.append((moved - x).flatten(1).norm(dim=1).median().item())
    assert lengths[0] <= 1.05 * lengths[1]


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_pgd_is_stronger_than_fgsm_and_both_than_noise(kind: str) -> None:
    model, (x, y) = trained(kind), digits(300)
    radii = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3]
    table = {name: [accuracy(model, attack(name, model, x, y, eps=eps, steps=15, generator=generator(0, "attack")), y)
                    for eps in radii] for name in ("random_sign", "fgsm", "pgd")}  # fmt: skip
    assert table["pgd"] == sorted(table["pgd"], reverse=True)
    assert all(pgd <= fgsm <= noise for noise, fgsm, pgd in zip(*table.values(), strict=True))
    assert table["random_sign"][2] > 0.85 and table["pgd"][2] < 0.6 and table["pgd"][-1] < 0.05


@pytest.mark.parametrize("name", ["bim", "pgd", "deepfool", "cw"])
def test_with_a_target_the_model_answers_just_that(name: str) -> None:
    x, y = digits()
    x, y = x[y != 3], y[y != 3]
    moved = attack(name, trained(), x, y, eps=0.6 if name in ("bim", "pgd") else math.inf, steps=60, target=3)
    assert (trained()(moved).argmax(1) == 3).float().mean() > 0.95


def test_one_pixel_finds_what_trying_every_pixel_finds() -> None:
    """A model that looks at one pixel only: it has to be found among 64, with the right value."""

    class Spot(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            inside = x[:, 0, 5, 2]
            return torch.stack([0.9 - inside, inside], 1)

    x, y = torch.full((8, 1, 8, 8), 0.3), torch.zeros(8, dtype=torch.long)
    moved = attack("one_pixel", Spot(), x, y, eps=0.5, steps=40)
    assert (Spot()(moved).argmax(1) == 1).float().mean() > 0.8
    assert torch.equal(attack("one_pixel", Spot(), x, y, eps=0.1, steps=5).amax() <= 0.4 + 1e-6, torch.tensor(True))


def test_rounding_hides_the_gradient_and_nothing_else() -> None:
    x, y = digits(300)
    plain = trained()
    rounded = Rounded(plain)
    white = attack("pgd", rounded, x, y, eps=0.15, steps=10)
    assert torch.equal(white, x)  # a gradient of exactly zero leads nowhere
    assert accuracy(rounded, attack("pgd", plain, x, y, eps=0.15, steps=10), y) < 0.3
