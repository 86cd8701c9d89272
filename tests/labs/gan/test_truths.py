"""What GANs do, against closed forms: the Dirac-GAN, the best discriminator, the penalty, and the pairs in a stack."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine.contract.device import generator
from engine.contract.knobs import ConfigError, StillMissing
from engine.data import images, point_clouds
from engine.labs import gan
from engine.labs.gan import Config, Experiment
from engine.labs.gan.cost import LONGEST
from engine.nets.gan_losses import LOSSES, gradient_penalty
from engine.nets.stacked import forward

SMALL: dict[str, Any] = {"generator_hidden": (16,), "discriminator_hidden": (16,), "batch_size": 32}
DIRAC: dict[str, Any] = {
    "data": "dirac", "penalty": 0.0, "critic_steps": 1, "generator_optimiser": "gradient_descent",
    "discriminator_optimiser": "gradient_descent", "generator_rate": 0.1, "discriminator_rate": 0.1,
}  # fmt: skip


def run(steps: int, **knobs: Any) -> Experiment:
    experiment = Experiment(Config(**knobs))
    for _ in engine.train(experiment, steps):
        pass
    return experiment


def weights(experiment: Experiment, player: str) -> list[torch.Tensor]:
    return [p.detach().clone() for p in experiment.trained[player]]


# ---------------------------------------------------------------- Dirac-GAN: Mescheder et al. 2018, section 2


def test_simultaneous_steps_spiral_outwards_by_exactly_one_plus_rate_squared() -> None:
    experiment = run(100, updates="simultaneous", **DIRAC)
    norms = (experiment.trail.double() ** 2).sum(1)
    assert torch.allclose(norms[1:] / norms[:-1], torch.tensor(1 + 0.1**2, dtype=torch.float64), atol=1e-5)
    assert experiment.step()["distance"] == pytest.approx(0.8 * 1.01 ** (101 / 2), rel=1e-4)


def test_alternating_steps_circle_for_ever() -> None:
    """theta^2 + psi^2 - rate theta psi stays what it is: the map has determinant 1."""
    theta, psi = run(500, updates="alternating", **DIRAC).trail.double().T
    assert torch.allclose(theta**2 + psi**2 - 0.1 * theta * psi, torch.tensor(0.64, dtype=torch.float64), atol=1e-4)
    assert theta.min() < -0.7 and theta.max() > 0.7


def test_the_saturating_dirac_gan_does_not_converge_either() -> None:
    norms = run(500, loss="saturating", updates="simultaneous", **DIRAC).trail.norm(dim=1)
    assert norms[-1] > 1.05 * norms[0]


# ---------------------------------------------------------------- what the discriminator learns


def test_against_a_fixed_generator_the_discriminator_becomes_p_over_p_plus_q() -> None:
    """Goodfellow et al., proposition 1: both densities are known, the generator being linear."""
    experiment = run(
        1500, train="discriminator", loss="non_saturating", generator_hidden=(), critic_steps=1, batch_size=512, seed=1,
        beta1=0.5,
    )  # fmt: skip
    layer = experiment.G[0]
    mean, mix = layer.bias[0, 0].detach(), layer.weight[0].detach()
    fakes = torch.distributions.MultivariateNormal(mean, mix.T @ mix)
    middles = point_clouds.centres("ring")
    assert middles is not None
    real = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(8)),
        torch.distributions.Independent(torch.distributions.Normal(middles, point_clouds.SIGMA), 1),
    )
    noise = torch.randn(4000, 2, generator=generator(9, "noise"))
    x = torch.cat([point_clouds.sample("ring", 4000, generator(9, "real")), noise @ mix + mean])
    p, q = real.log_prob(x).exp().double(), fakes.log_prob(x).exp().double()
    with torch.no_grad():
        answered = experiment.model["discriminator"](x)[:, 0].sigmoid().double()
    assert float((answered - p / (p + q)).abs().mean()) < 0.05
    # and its loss is what is left at the optimum, 2 ln 2 - 2 JS(p, q), but never less
    best = -(p / (p + q)).log()[:4000].mean() - (q / (p + q)).log()[4000:].mean()
    loss = -answered[:4000].log().mean() - (1 - answered[4000:]).log().mean()
    assert float(best) - 0.02 < float(loss) < float(best) + 0.1


def test_the_penalty_of_a_linear_critic_is_known() -> None:
    experiment = Experiment(Config(discriminator_hidden=(), **{k: v for k, v in SMALL.items() if k[0] == "b"}))
    real, fake = torch.randn(2, 1, 32, 2, generator=generator(0, "points"))
    share = torch.rand(1, 32, 1, generator=generator(0, "share"))
    norm = experiment.D[0].weight.detach().norm()
    assert gradient_penalty(partial(forward, experiment.D), real, fake, share)[0].item() == pytest.approx(
        float((norm - 1) ** 2), rel=1e-4
    )


def test_the_penalty_is_that_of_finite_differences() -> None:
    experiment = Experiment(Config())
    layers = [dataclasses.replace(layer, weight=layer.weight.detach().double(), bias=layer.bias.detach().double())
              for layer in experiment.D]  # fmt: skip
    real, fake = torch.randn(2, 1, 200, 2, dtype=torch.float64, generator=generator(0, "points"))
    share = torch.rand(1, 200, 1, dtype=torch.float64, generator=generator(0, "share"))
    x, h = share * real + (1 - share) * fake, 1e-6
    slope = torch.stack(
        [(forward(layers, x + h * e) - forward(layers, x - h * e))[..., 0] / (2 * h) for e in torch.eye(2)], -1
    )
    expected = (slope.norm(dim=-1) - 1).square().mean()
    found = gradient_penalty(partial(forward, layers), real, fake, share)[0].item()
    assert found == pytest.approx(float(expected), rel=1e-3)


def test_the_penalty_holds_the_slope_between_both_sides_near_one() -> None:
    left = []
    for penalty in (10.0, 0.0):
        experiment = run(400, train="discriminator", critic_steps=1, penalty=penalty, seed=2)
        real = point_clouds.sample("ring", 500, generator(5, "real"))[None]
        with torch.no_grad():
            fake = forward(experiment.G, torch.randn(1, 500, 2, generator=generator(5, "noise")))
        share = torch.rand(1, 500, 1, generator=generator(5, "share"))
        left.append(gradient_penalty(partial(forward, experiment.D), real, fake, share).item())
    assert left[0] < 0.25 < 10 < left[1]  # without it the slope grows without a bound


def test_spectral_norm_keeps_every_matrix_at_one() -> None:
    experiment = run(60, spectral_norm=True, loss="non_saturating", **SMALL)
    for layer in experiment.D:
        assert torch.linalg.matrix_norm(layer.weight[0].detach(), 2).item() == pytest.approx(1, abs=0.02)
    x = torch.randn(2, 500, 2, generator=generator(0, "points"))
    with torch.no_grad():
        d = experiment.model["discriminator"](x)[..., 0]
    assert ((d[0] - d[1]).abs() <= 1.05 * (x[0] - x[1]).norm(dim=-1)).all()  # so D is Lipschitz with constant 1


def test_every_loss_can_be_chosen() -> None:
    assert Config.knobs()["loss"].choices == tuple(LOSSES)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_pulls_real_and_fake_apart_and_the_generator_towards_real(loss: str) -> None:
    d = torch.zeros(1, requires_grad=True)
    slopes = [torch.autograd.grad(part(d).sum(), d)[0].item()
              for part in (LOSSES[loss].real, LOSSES[loss].fake, LOSSES[loss].generator)]  # fmt: skip
    assert slopes[0] < 0 <= slopes[1] and slopes[2] < 0


def test_losses_are_torchs_and_the_saturating_one_saturates() -> None:
    d = torch.linspace(-8, 8, 33, dtype=torch.float64)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    loss = LOSSES["non_saturating"]
    assert torch.allclose(loss.real(d), bce(d, torch.ones_like(d), reduction="none"))
    assert torch.allclose(loss.fake(d), bce(d, torch.zeros_like(d), reduction="none"))
    sure = torch.tensor([-12.0], requires_grad=True)  # the discriminator is certain that this is a fake
    slopes = {name: torch.autograd.grad(LOSSES[name].generator(sure).sum(), sure)[0].item()
              for name in ("saturating", "non_saturating")}  # fmt: skip
    assert slopes["non_saturating"] == pytest.approx(-1, abs=1e-4) and abs(slopes["saturating"]) < 1e-5


# ---------------------------------------------------------------- rounds, stages and stacks


def test_slow_motion_does_the_same_in_small_steps() -> None:
    fast, slow = run(4, **SMALL), run(4 * 11, slow_motion=True, **SMALL)
    assert len(slow.config.plan()) == 11 and slow.rounds == fast.rounds == 4
    for player in fast.trained:
        assert all(map(torch.equal, weights(fast, player), weights(slow, player)))


def test_a_stage_changes_what_it_names_and_is_shown() -> None:
    experiment = Experiment(Config(slow_motion=True, critic_steps=1, **SMALL))
    for stage in ("Draw real points", "Forge fakes", "Train the discriminator", "Forge again", "Train the generator"):
        before = {player: weights(experiment, player) for player in experiment.trained}
        experiment.step()
        frame = experiment.frame()
        assert frame.stages[frame.stage] == stage
        for player, held in before.items():
            same = all(map(torch.equal, held, weights(experiment, player)))
            assert same is (stage != f"Train the {player}")
    assert frame.batch_real.shape == frame.batch_fake.shape == (32, 2)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_update_is_that_of_adam_as_torch_writes_it_out(loss: str) -> None:
    """Its fused Adam (2.13, CPU) takes a transposed gradient, such as that of a penalty, for another one."""
    penalty = 10.0 if loss == "wasserstein" else 0.0
    mine, plain = (Experiment(Config(**SMALL, loss=loss, penalty=penalty)) for _ in range(2))
    for player, optimiser in plain.optimisers.items():
        group = optimiser.param_groups[0]
        plain.optimisers[player] = torch.optim.Adam(
            plain.trained[player], lr=group["lr"], betas=group["betas"], eps=group["eps"], foreach=False
        )
    mine.step(), plain.step()
    for player in ("discriminator", "generator"):
        for here, there in zip(weights(mine, player), weights(plain, player), strict=True):
            torch.testing.assert_close(here, there, rtol=0, atol=1e-6)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_who_does_not_learn_stands_still(player: str) -> None:
    experiment = Experiment(Config(**SMALL))
    experiment.step()
    experiment.update(Config(train=player, **SMALL))
    other = "discriminator" if player == "generator" else "generator"
    before, mine = weights(experiment, other), weights(experiment, player)
    experiment.step()
    assert all(map(torch.equal, before, weights(experiment, other)))
    assert not all(map(torch.equal, mine, weights(experiment, player)))


@pytest.mark.parametrize("loss", ["wasserstein", "non_saturating"])
def test_a_pair_in_a_stack_is_the_pair_of_a_run_of_its_own(loss: str) -> None:
    stack = run(10, loss=loss, seeds=3, seed=5, **SMALL)
    for i in range(3):
        alone = run(10, loss=loss, seed=5 + i, **SMALL)
        for player in stack.trained:
            for many, one in zip(weights(stack, player), weights(alone, player), strict=True):
                assert torch.allclose(many[i], one[0], atol=2e-4)


def test_the_model_is_the_pair_that_is_trained() -> None:
    experiment = run(5, seeds=2, shown=1, **SMALL)
    z, x = torch.randn(7, 2, generator=generator(0, "z")), torch.randn(7, 2, generator=generator(0, "x"))
    with torch.no_grad():
        assert torch.allclose(experiment.model["generator"](z), forward(experiment.G, z.expand(2, -1, -1))[1])
        assert torch.allclose(experiment.model["discriminator"](x), forward(experiment.D, x.expand(2, -1, -1))[1])


def test_a_restored_round_goes_on_in_its_middle() -> None:
    config = Config(slow_motion=True, **SMALL)
    one, other = Experiment(config), Experiment(config)
    for _ in engine.train(one, 7):
        pass
    other.load_state_dict(one.state_dict())
    for _ in range(15):
        assert one.step() == other.step()
    assert all(map(torch.equal, weights(one, "generator"), weights(other, "generator")))


# ---------------------------------------------------------------- what is seen, and what is refused


def test_the_frame_shows_the_networks_as_they_are() -> None:
    experiment = run(20, loss="non_saturating", seeds=2, **SMALL)
    frame = experiment.frame()
    x = torch.tensor([[-1.4, -1.4], [1.4, -1.4]])  # the first and the last cell of the lowest row
    with torch.no_grad():
        expected = experiment.model["discriminator"](x)[:, 0].sigmoid().numpy()
    assert frame.surface[0, [0, -1]] == pytest.approx(expected, abs=1e-5)
    assert frame.seed_maps.shape == (2, 28, 28) and frame.seed_maps.sum() <= 600
    assert frame.lines.shape == (26, 41, 2) and frame.centres.shape == (8, 2)
    h = 1e-2 * frame.arrows[:, :] / np.maximum(np.linalg.norm(frame.arrows, axis=1, keepdims=True), 1e-12)
    at = torch.from_numpy(frame.arrows_at)
    with torch.no_grad():
        loss = LOSSES["non_saturating"].generator
        here, there = (loss(experiment.model["discriminator"](p)) for p in (at, at + torch.from_numpy(h)))
    assert float((there < here).float().mean()) > 0.95  # arrows point to where the generator's loss is lower


@pytest.mark.parametrize("name", [*point_clouds.SHAPES, "dirac"])
def test_every_distribution_is_learned_and_measured(name: str) -> None:
    text = point_clouds.pack(np.random.default_rng(0).uniform(-0.9, 0.9, (40, 2)))
    experiment = run(3, data=name, points=text if name == "drawn" else "", **SMALL)
    frame = experiment.frame()
    assert all(math.isfinite(v) for v in (*frame.measures.values(), *frame.floors.values()))
    assert (frame.modes >= 0) is (name in ("ring", "grid"))


def test_drawn_points_that_cannot_be_learned_get_a_sentence() -> None:
    with pytest.raises(StillMissing, match="at least 10"):
        Config(data="drawn")
    with pytest.raises(ConfigError, match="damaged"):
        Config(data="drawn", points="!!")


def test_a_round_that_would_take_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="Lower seeds"):
        Config(seeds=8, batch_size=512, discriminator_hidden=(128, 128, 128, 128))


@pytest.mark.parametrize(("knob", "values"), [
    ("seeds", (1, 2)), ("batch_size", (8, 64, 200)), ("critic_steps", (1, 2, 4)),
    ("discriminator_hidden", ((8,), (64,), (64, 64))), ("generator_hidden", ((), (16,), (128, 128))),
])  # fmt: skip
def test_what_makes_a_round_longer_costs_more(knob: str, values: tuple[Any, ...]) -> None:
    costs = [Config(**{knob: value}).cost for value in values]
    assert costs == sorted(costs) and costs[0] < costs[-1] <= LONGEST["standard"]
    with pytest.raises(ConfigError, match="allowed") as caught:
        Config(seeds=2, batch_size=512)
    assert caught.value.knob == "batch_size"  # what is furthest above its default


def test_large_has_four_times_the_neurons_and_learns() -> None:
    knobs: dict[str, Any] = {"generator_hidden": (16, 8), "discriminator_hidden": (8,), "batch_size": 64}
    large = Config(size="large", **knobs)
    assert large.sizes() == ((2, 64, 32, 2), (2, 32, 1)) and Config(**knobs).sizes() == ((2, 16, 8, 2), (2, 8, 1))
    assert [p.numel() for p in Experiment(Config(size="large", data="dirac")).trained["generator"]] == [2]
    told, again = ([*engine.train(Experiment(large), 120)] for _ in range(2))
    assert told == again and told[-1]["energy"] < 0.4 * told[0]["energy"]
    assert Experiment(Config(size="large")).frame().surface.shape == (28, 28)  # fewer places than 56 by 56


def test_large_networks_too_are_refused_where_a_round_would_take_too_long() -> None:
    assert LONGEST["standard"] < Config(size="large").cost < LONGEST["large"]
    with pytest.raises(ConfigError, match="60 are allowed") as caught:
        Config(size="large", discriminator_hidden=(128, 128, 128))
    assert caught.value.knob == "size"
    kept, errors = Config.salvage({"size": "large", "discriminator_hidden": "128,128,128", "seed": "3"})
    assert kept == Config(discriminator_hidden=(128, 128, 128), seed=3) and len(errors) == 1  # a link keeps the rest


# ---------------------------------------------------------------- digits


DIGITS: dict[str, Any] = {"data": "digits", "loss": "non_saturating", "critic_steps": 1, "noise_size": 8, "beta1": 0.5}


def test_real_digits_are_as_near_to_each_other_as_the_floor_says() -> None:
    evaluator = Experiment(Config(**DIGITS, **SMALL)).evaluator
    others = torch.from_numpy(images.load("digits").test_x).flatten(1) * 2 - 1
    seen = {tuple(row.tolist()) for row in evaluator.real}
    others = torch.stack([row for row in others if tuple(row.tolist()) not in seen])[:250]
    measures = evaluator.measures(others[None])
    assert measures["modes"] == [10]
    assert measures["energy"][0] == pytest.approx(evaluator.floors["energy"], rel=0.25)
    assert measures["nearest"][0] == pytest.approx(evaluator.floors["nearest"], rel=0.1)


def test_copies_of_one_digit_cover_one_class_and_noise_is_far_from_all() -> None:
    evaluator = Experiment(Config(**DIGITS, **SMALL)).evaluator
    one = evaluator.sample(1, generator(0, "one")).expand(250, -1)
    noise = torch.randn(250, 64, generator=generator(0, "n"))
    found = evaluator.measures(torch.stack([one, noise]))
    assert found["modes"][0] == 1 and found["nearest"][0] < 0.01
    assert found["nearest"][1] > 3 * evaluator.floors["nearest"]
    assert min(found["energy"]) > 10 * evaluator.floors["energy"]


def test_a_digits_frame_shows_the_networks_as_they_are() -> None:
    experiment = run(30, **DIGITS, seeds=2, shown=1, **SMALL)
    frame = experiment.frame()
    G, D = experiment.model["generator"], experiment.model["discriminator"]
    with torch.no_grad():
        fakes = G(experiment.fixed_z[1])
        said = D(torch.from_numpy(frame.fake))[:, 0].sigmoid()
    assert frame.fake == pytest.approx(fakes[:64].numpy(), abs=1e-5) and np.abs(frame.fake).max() <= 1
    assert frame.said[1] == pytest.approx(said.numpy(), abs=1e-5) and frame.surface_range == (0, 1)
    assert frame.lines[0, [0, -1]] == pytest.approx(frame.fake[:2], abs=1e-5)  # from the first fake to the second
    known = images.load("digits").train_x.reshape(-1, 64) * 2 - 1
    gaps = np.linalg.norm(frame.fake[:8, None] - known, axis=2)
    assert frame.nearest == pytest.approx(known[gaps.argmin(1)])
    assert frame.classes.sum() == pytest.approx(1) and (frame.classes >= 0.02).sum() == frame.modes
    pushed = frame.fake[:8] + 1e-2 * frame.arrows / np.linalg.norm(frame.arrows, axis=1, keepdims=True)
    with torch.no_grad():
        assert (D(torch.from_numpy(pushed)) > D(torch.from_numpy(frame.fake[:8]))).all()
    tile = frame.seed_maps[1][9:17, 27:35]  # second row, last column: the eighth fake
    assert tile.ravel() == pytest.approx(frame.fake[7])


def test_this_rounds_digits_are_shown_in_slow_motion() -> None:
    frame = run(2, **DIGITS, slow_motion=True, **SMALL).frame()
    assert frame.batch_real.shape == (32, 64) and frame.surface.size == 0


def test_public_measure() -> None:
    centres = point_clouds.centres("ring")
    assert centres is not None
    assert gan.modes_covered(centres.repeat(50, 1), centres, point_clouds.SIGMA) == 8
