"""Four families and the measures that compare them: closed forms, quadrature, and torch's counters."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import engine
from engine.contract.device import generator
from engine.contract.knobs import ConfigError, StillMissing
from engine.data import point_clouds
from engine.labs.generative_families import NAMES, Config, Experiment, families
from engine.labs.generative_families.config import EXTENT, SIDE
from engine.labs.generative_families.families import GAN, VAE, Diffusion
from engine.labs.generative_families.frame import log_density
from engine.nets import sampling

SMALL: dict[str, Any] = {"width": 8, "batch_size": 16, "couplings": 2, "sampling_steps": 4}


def run(steps: int, **knobs: Any) -> Experiment:
    experiment = Experiment(Config(**knobs))
    for _ in engine.train(experiment, steps):
        pass
    return experiment


def points(count: int, seeds: int = 1) -> torch.Tensor:
    return point_clouds.sample("ring", seeds * count, generator(5, "points")).view(seeds, count, 2)


# ---------------------------------------------------------------- the autoencoder's bound


@pytest.fixture(scope="module")
def vae() -> VAE:
    found = run(150, families=("vae",), width=16).model["vae"]
    assert isinstance(found, VAE)
    return found


def test_the_bound_lies_between_the_elbo_and_the_likelihood_by_quadrature(vae: VAE) -> None:
    x = points(40)
    side = torch.linspace(-6, 6, 241)
    z = torch.cartesian_prod(side, side)[None]  # (1, K, 2)
    with torch.no_grad():
        middles, variance = vae.decode(z)[0], float(vae.blur) ** 2
        log_given = -torch.cdist(x[0], middles).square() / (2 * variance) - math.log(2 * math.pi * variance)
        exact = (log_given + families.log_normal(z)).logsumexp(1) + 2 * math.log(12 / 240)
        mu, log_var = vae.model.encode_all(x)
        kl = vae.kl(mu, log_var)[0]
        looks = [vae.log_density(x, [generator(s, "codes")])[0] for s in range(30)]
        noise = torch.randn(400, *mu.shape, generator=generator(0, "elbo"))
        elbo = torch.stack([-vae.model.nll_all(x, mu + n * (log_var / 2).exp())[0] for n in noise]).mean(0) - kl
    bound = torch.stack(looks).mean(0)
    assert elbo.mean() < bound.mean() < exact.mean()  # Burda et al., theorem 1
    assert float(exact.mean() - bound.mean()) < 0.1 < float(exact.mean() - elbo.mean())


def test_kl_of_codes_is_torchs(vae: VAE) -> None:
    mu, log_var = torch.randn(2, 3, 5, 2, generator=generator(0, "codes"))
    q = torch.distributions.Normal(mu, (log_var / 2).exp())
    truth = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    assert torch.allclose(vae.kl(mu, log_var), truth, atol=1e-5)


def test_samples_of_the_autoencoder_have_their_blur(vae: VAE) -> None:
    noise = torch.randn(1, 20_000, 4, generator=generator(0, "noise"))
    with torch.no_grad():
        left = vae.sample(noise) - vae.decode(noise[..., :2])
    assert float(left.std()) == pytest.approx(float(vae.blur), rel=0.02)


def test_an_autoencoder_without_a_code_is_worth_one_gaussian() -> None:
    """The number in the lesson: the variance of the ring on each axis, and the best score of a round Gaussian."""
    x = point_clouds.sample("ring", 200_000, generator(0, "ring"))
    variance = float(x.var(0).mean())
    assert variance == pytest.approx(point_clouds.RADIUS**2 / 2 + point_clouds.SIGMA**2, rel=0.01)
    assert variance == pytest.approx(0.32, abs=0.005)
    assert -1 - math.log(2 * math.pi * 0.32) == pytest.approx(-1.70, abs=0.005)


# ---------------------------------------------------------------- the others


@pytest.mark.parametrize("loss", ["wasserstein", "non_saturating"])
def test_a_round_of_the_gan_moves_both_players_and_its_penalty_is_that_of_finite_differences(loss: str) -> None:
    gan = GAN(width=8, seeds=[0, 1], loss=loss, critic_steps=2)
    before = [p.detach().clone() for p in gan.parameters()]
    optimiser = torch.optim.Adam(gan.rates(1e-3))
    streams = [generator(s, "gan") for s in (0, 1)]
    told = gan.update(points(32, 2), streams, optimiser)
    assert told.shape == (2,) and torch.isfinite(told).all()
    changed = [not torch.equal(a, b) for a, b in zip(before, gan.parameters(), strict=True)]
    assert sum(changed) >= len(changed) - 1  # a Wasserstein critic's last bias has no gradient
    gan = gan.double()
    real, fake = points(300, 2).double(), torch.randn(2, 300, 2, generator=generator(1, "f")).double()
    share = torch.stack([torch.rand(300, 1, generator=generator(s, "share")) for s in (0, 1)]).double()
    x, h = share * real + (1 - share) * fake, 1e-6
    with torch.no_grad():
        slope = torch.stack([(gan.D(x + h * e) - gan.D(x - h * e))[..., 0] / (2 * h) for e in torch.eye(2)], -1)
    expected = (slope.norm(dim=-1) - 1).square().mean(-1)
    found = gan.slope(real, fake, [generator(s, "share") for s in (0, 1)])
    assert torch.allclose(found.detach(), expected, rtol=1e-3)


def test_diffusion_draws_as_the_sampler_of_the_engine_does() -> None:
    family = Diffusion(width=16, seeds=[3], steps=10).requires_grad_(False)

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return family.predict(x[None], ((t + 1) / families.LEVELS)[None])[0]

    drawn = sampling.sample(predict, family.schedule, (50, 2), steps=10, generator=generator(0, "x"),
                            clip=families.FAR)  # fmt: skip
    mine = family.sample(torch.randn(50, 2, generator=generator(0, "x"))[None])[0]
    assert torch.allclose(mine, drawn, atol=1e-4)


def test_diffusions_loss_is_one_before_it_has_learned_and_falls() -> None:
    """Who says nothing errs by the variance of the noise, which is one."""
    told = [m["diffusion_loss"] for m in engine.train(Experiment(Config(families=("diffusion",))), 150)]
    assert np.mean(told[-20:]) < 0.6 < 1.0 < told[0] + 0.5


# ---------------------------------------------------------------- costs


def test_multiplications_are_those_that_torch_counts() -> None:
    # torch cannot count in a gradient's gradient, so the GAN's penalty is left out
    experiment = Experiment(Config(width=16, batch_size=64, gan_loss="non_saturating"))
    for name in NAMES:
        family = experiment.family(name)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            family.sample(torch.randn(1, 100, family.noise))
        of_update, of_sample = family.work(64)
        assert counter.get_total_flops() / 2 / 100 == of_sample
        with FlopCounterMode(display=False) as counter:
            x = points(64 * family.batches)
            family.update(x, [generator(0, "update")], experiment.optimisers[name])
        assert counter.get_total_flops() / 2 == pytest.approx(of_update, rel=0.01)


def test_the_ratios_that_the_lesson_names() -> None:
    works = {name: Experiment(Config()).family(name).work(1)[1] for name in NAMES}
    assert works == {"vae": 1152, "gan": 1152, "flow": 8960, "diffusion": 69_120} and 69_120 / 1152 == 60


def test_large_has_four_times_the_neurons_and_learns() -> None:
    standard, large = (Experiment(Config(size=size, **SMALL)) for size in ("standard", "large"))
    for name in NAMES:
        small, big = (sum(p.numel() for p in e.family(name).parameters()) for e in (standard, large))
        as_wide = Experiment(Config(families=(name,), **SMALL | {"width": 32})).family(name)
        assert big == sum(p.numel() for p in as_wide.parameters()) > 2 * small
    told, again = ([*engine.train(Experiment(Config(size="large", **SMALL)), 50)] for _ in range(2))
    assert told == again
    for name in ("vae", "flow", "diffusion"):  # a GAN's loss need not fall
        first, last = (np.mean([m[f"{name}_loss"] for m in part]) for part in (told[:10], told[-10:]))
        assert last < first, name


def test_large_networks_too_are_refused_where_a_step_would_take_too_long() -> None:
    assert 20 < Config(size="large").cost() < 60
    with pytest.raises(ConfigError, match="60 are allowed") as caught:
        Config(size="large", width=128)
    assert caught.value.knob == "size"
    with pytest.raises(ConfigError, match="allowed"):  # the evaluator asks it at many places
        Config(size="large", width=128, families=("flow",), batch_size=16)


# ---------------------------------------------------------------- all four together


def test_who_else_learns_and_how_many_changes_nothing() -> None:
    together = run(6, seeds=3, seed=4, **SMALL)
    for name in NAMES:
        alone = run(6, families=(name,), seed=5, **SMALL)
        for many, one in zip(together.trained[name].parameters(), alone.trained[name].parameters(), strict=True):
            assert torch.allclose(many[1:2], one, atol=2e-4), name


def test_what_is_drawn_with_is_an_average_of_what_is_trained() -> None:
    experiment = Experiment(Config(**SMALL))
    expected = [p.detach().clone() for p in experiment.trained.parameters()]
    for step in range(1, 5):
        experiment.step()
        for kept, now in zip(expected, experiment.trained.parameters(), strict=True):
            kept.lerp_(now.detach(), 1 - step / (step + 10))
    assert all(map(torch.allclose, expected, experiment.model.parameters()))


def test_a_true_sample_scores_as_the_floor_and_the_ceiling_say() -> None:
    evaluator = run(0, **SMALL).evaluator
    x = point_clouds.sample("ring", 100_000, generator(9, "true"))
    assert evaluator.centres is not None
    strays = (torch.cdist(x, evaluator.centres).min(1).values > 3 * point_clouds.SIGMA).float().mean()
    assert float(strays) == pytest.approx(math.exp(-4.5), abs=0.002) == pytest.approx(0.011, abs=0.002)
    entropy = math.log(8) + math.log(2 * math.pi * math.e * point_clouds.SIGMA**2)  # the heaps hardly overlap
    assert float(log_density(x, evaluator.centres).mean()) == pytest.approx(-entropy, abs=0.01)
    assert evaluator.ceiling == pytest.approx(-entropy, abs=0.25)  # of 120 points
    assert 0.001 < evaluator.floor < 0.02


@pytest.mark.parametrize("name", ["vae", "flow"])
def test_a_map_is_a_density(name: str) -> None:
    evaluator = run(60, families=(name,), couplings=4).evaluator
    left, right, bottom, top = EXTENT
    assert (left, bottom) == (-right, -top)
    side = torch.linspace(-4, 4, SIDE * 6)
    evaluator.grid = torch.cartesian_prod(side, side).flip(-1)[None]
    with torch.no_grad():
        evaluator._map(name)
    cell = float(side[1] - side[0]) ** 2
    assert float(evaluator.maps[name].exp().sum()) * cell == pytest.approx(1, abs=0.02)


def test_measures_are_those_of_the_samples_that_are_shown() -> None:
    experiment = run(3, **SMALL)
    for name in NAMES:
        experiment.evaluator._do("measure", name, 0, step=0)
    frame = experiment.frame()
    for name in NAMES:
        far = np.linalg.norm(frame.samples[name][:, None] - frame.centres, axis=-1).min(1) > 3 * point_clouds.SIGMA
        assert frame.measured["strays"][name][0] == pytest.approx(far.mean(), abs=1e-6)
    assert frame.maps.keys() == {"vae", "gan", "flow"} and frame.lines.keys() == set(NAMES)
    assert frame.lines["flow"].shape == (18, 31, 2) and frame.samples["vae"].shape == (300, 2)


def test_another_seed_is_shown_at_once_and_another_number_of_steps_begins_anew() -> None:
    experiment = run(3, seeds=2, **SMALL)
    before = experiment.frame()
    experiment.update(dataclasses.replace(experiment.config, shown=1, sampling_steps=7))
    after = experiment.frame()
    assert after.shown == 1 and after.passes["diffusion"] == 7 and experiment.evaluator.walk.at == 0
    for name in NAMES:
        assert not np.array_equal(before.samples[name], after.samples[name])
        assert name == "diffusion" or not np.array_equal(before.lines[name], after.lines[name])


def test_how_fast_samples_come_is_no_metric_and_no_state() -> None:
    experiment = run(20, **SMALL)
    assert all(speed > 0 for speed in experiment.frame().speed.values())
    told = {*experiment.step(), *experiment.evaluator.state_dict()}
    assert not any("speed" in name or "second" in name for name in told)
    experiment.update(dataclasses.replace(experiment.config, sampling_steps=50))
    assert experiment.frame().speed["diffusion"] == 0  # what was timed was another way of drawing


@pytest.mark.parametrize("name", point_clouds.SHAPES)
def test_every_distribution_is_learned_and_measured(name: str) -> None:
    text = point_clouds.pack(np.random.default_rng(0).uniform(-0.9, 0.9, (40, 2)))
    experiment = run(2, data=name, points=text if name == "drawn" else "", **SMALL)
    metrics = experiment.step()
    assert all(math.isfinite(value) for value in metrics.values())
    assert ("flow_modes" in metrics) is (name in ("ring", "grid")) is math.isfinite(experiment.frame().ceiling)
    assert "gan_log_likelihood" not in metrics and "diffusion_log_likelihood" not in metrics


def test_drawn_points_that_cannot_be_learned_get_a_sentence() -> None:
    with pytest.raises(StillMissing, match="at least 10"):
        Config(data="drawn")
    with pytest.raises(ConfigError, match="damaged"):
        Config(data="drawn", points="!!")


def test_a_step_that_would_take_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="fewer seeds"):
        Config(seeds=8, batch_size=512)


# ---------------------------------------------------------------- where diffusion draws


@pytest.mark.parametrize("objective", ["noise", "flow"])
def test_no_sample_of_diffusion_lies_outside_the_picture(objective: str) -> None:
    left, right, bottom, top = EXTENT
    for steps in (1, 2, 20):
        experiment = Experiment(Config(families=("diffusion",), objective=objective, sampling_steps=steps))
        for _ in engine.train(experiment, 40):
            pass
        x = experiment.frame().samples["diffusion"]
        assert (x[:, 0] > left).all() and (x[:, 0] < right).all() and (x[:, 1] > bottom).all() and (x[:, 1] < top).all()


def test_a_link_from_before_predicts_noise() -> None:
    assert Config.from_params({"families": "diffusion", "sampling_steps": "1"}).objective == "noise"


def test_flow_matching_divides_by_nothing_and_finds_the_mean_of_the_data() -> None:
    """A network that knows the answer: seen from pure noise the direction is noise less the mean, here (0.3, -0.2)."""
    mean = torch.tensor([0.3, -0.2])
    family = Diffusion(width=16, seeds=[3], steps=1, objective="flow").requires_grad_(False)
    family.predict = lambda x, time: x - mean  # type: ignore[method-assign]
    drawn = family.sample(torch.randn(1, 50, 2, generator=generator(0, "x")))
    assert torch.allclose(drawn, mean.expand(1, 50, 2), atol=1e-6)
    loss = [
        m["diffusion_loss"] for m in engine.train(Experiment(Config(families=("diffusion",), objective="flow")), 150)
    ]
    assert np.mean(loss[-20:]) < 0.9 < 1.1 < loss[0]  # who says nothing errs by the variances of noise and data


@pytest.mark.parametrize("blur", [0.02, 0.05, 0.2, 1.0])
def test_the_blur_begins_as_the_knob_says_and_stays_if_it_is_not_learned(blur: float) -> None:
    experiment = Experiment(Config(families=("vae",), blur=blur, learn_blur=False, width=8))
    for _ in engine.train(experiment, 3):
        pass
    assert experiment.frame().blur == pytest.approx(blur, rel=1e-5)


def test_an_update_is_that_of_adam_as_torch_writes_it_out() -> None:
    """Its fused Adam (2.13, CPU) takes a transposed gradient, such as that of a penalty, for another one."""
    mine, plain = (Experiment(Config(**SMALL, seeds=2)) for _ in range(2))
    for name in plain.trained:
        groups = plain.optimisers[name].param_groups
        plain.optimisers[name] = torch.optim.Adam([dict(group, fused=False, foreach=False) for group in groups])
    mine.step(), plain.step()
    for here, there in zip(mine.trained.parameters(), plain.trained.parameters(), strict=True):
        torch.testing.assert_close(here, there, rtol=0, atol=1e-6)
