"""The truths of the lab vae: the bound, its closed forms, the divergences, and what is seen of the latent plane."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from scene_format import decode
from sklearn.decomposition import PCA
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

import engine
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.data import images
from engine.labs.vae import STEEPEST, Config, Experiment, kl, mmd, rows
from engine.labs.vae.frame import GRID
from engine.nets.autoencoders import CLEAR, UNSURE, above, below
from engine.scene.latent import latent_plane
from engine.scene.scene import Scene

SLUG = "vae"


def trained(steps: int, **knobs: Any) -> Experiment:
    experiment = Experiment(Config(**knobs))
    for _ in engine.train(experiment, steps):
        pass
    return experiment


def exact(experiment: Experiment, rows: int = 8) -> torch.Tensor:
    """The experiment's model in double precision, and test rows to match."""
    experiment.model.double()
    return experiment.x_test[:rows].double()


def by_integration(experiment: Experiment, x: torch.Tensor) -> torch.Tensor:
    """log p(x) by the sum over a fine grid of a two-dimensional latent plane.

    Against a grid with half the distance it errs by at most 5e-4, where the gap that is looked for is 0.4 and more.
    """
    model, side = experiment.model, torch.linspace(-7, 7, 181, dtype=torch.float64)
    z = torch.cartesian_prod(side, side)
    with torch.no_grad():
        mean = model.decode(z)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1) + 2 * math.log(float(side[1] - side[0]))
    found = []
    for row in x:
        if experiment.config.says == "bernoulli":
            given = Bernoulli(mean, validate_args=False).log_prob(row).sum(1)
        else:
            given = Normal(mean, model.variance**0.5).log_prob(row).sum(1)
        found.append(torch.logsumexp(given + prior, 0))
    return torch.stack(found)


# ------------------------------------------------------------------ the bound


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"likelihood": "gaussian"},
        {"likelihood": "gaussian", "hidden": 1, "width": 16, "beta": 0.2},
        {"data": "moons", "width": 32},
        {"data": "wine", "beta": 5.0},
        {"divergence": "mmd", "width": 16},
    ],
)
def test_the_bound_never_exceeds_the_log_likelihood_by_integration(knobs: dict[str, Any]) -> None:
    experiment = trained(300, **knobs)
    x = exact(experiment)
    gap = by_integration(experiment, x) - experiment.elbo(x)
    assert gap.shape == (8,) and (gap > -1e-6).all(), gap
    if knobs == {}:
        assert gap.mean() < 3  # and it is a bound that says something


def test_the_bound_is_the_mean_over_draws() -> None:
    experiment = trained(200, likelihood="gaussian")
    x = exact(experiment, 4)
    model = experiment.model
    with torch.no_grad():
        mu, log_var = model.encode(x)
        q = Normal(mu, (log_var / 2).exp())
        noise = torch.randn(20_000, 4, 2, generator=generator(0, "test"), dtype=torch.float64)
        z = mu + noise * q.scale
        given = Normal(model.decode(z.flatten(0, 1)).view(20_000, 4, -1), model.variance**0.5).log_prob(x).sum(-1)
        drawn = given - kl_divergence(q, Normal(0.0, 1.0)).sum(-1)
    error = drawn.std(0) / 20_000**0.5
    assert ((drawn.mean(0) - experiment.elbo(x)).abs() < 4 * error).all()


def linear(experiment: Experiment) -> MultivariateNormal:
    """p(x) of a linear decoder, in closed form."""
    model = experiment.model
    W, b = (p[0].detach() for p in (model.decoder.weights[-1], model.decoder.biases[-1]))
    return MultivariateNormal(b[0], W.T @ W + model.variance * torch.eye(W.shape[1], dtype=W.dtype))


def test_the_bound_of_linear_networks_never_exceeds_the_closed_form() -> None:
    experiment = trained(400, hidden=0, latent=5, likelihood="gaussian")
    x = exact(experiment, 60)
    assert (linear(experiment).log_prob(x) >= experiment.elbo(x)).all()


def test_the_bound_is_tight_where_the_encoder_is_the_true_posterior() -> None:
    experiment = trained(50, hidden=0, latent=3, likelihood="gaussian")
    x = exact(experiment, 60)
    model = experiment.model
    Q, _ = torch.linalg.qr(torch.randn(64, 3, generator=generator(1, "test"), dtype=torch.float64))
    W = (Q * torch.tensor([1.5, 0.7, 0.3], dtype=torch.float64)).T  # (D, F) with rows at right angles
    with torch.no_grad():
        model.decoder.weights[-1][0] = W
        shrunk = W.square().sum(1) + model.variance  # posterior of pPCA, Tipping and Bishop 1999, eq. 6 to 8
        to_mean = W.T / shrunk
        model.encoder.weights[-1][0] = torch.cat([to_mean * model.scale, torch.zeros_like(to_mean)], dim=1)
        b = model.decoder.biases[-1][0, 0]
        model.encoder.biases[-1][0, 0] = torch.cat([(model.mean - b) @ to_mean, (model.variance / shrunk).log()])
    assert torch.allclose(linear(experiment).log_prob(x), experiment.elbo(x), atol=1e-8)


@pytest.mark.slow
def test_a_linear_vae_comes_to_principal_components_and_not_beyond() -> None:
    """scikit-learn's PCA is probabilistic PCA in closed form: no linear model of this kind has a higher likelihood."""
    experiment = trained(2500, hidden=0, likelihood="gaussian", learning_rate=0.005)
    best = PCA(2).fit(experiment.observed.train_x).score(experiment.observed.train_x)
    found = float(experiment.elbo(experiment.x).mean())
    assert best - 1.0 < found <= best


# ------------------------------------------------------------------ divergences


def test_kl_is_torchs() -> None:
    g = generator(0, "test")
    mu, log_var = torch.randn(2, 7, 3, generator=g)
    expected = kl_divergence(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0))
    assert torch.allclose(kl(mu, log_var), expected, atol=1e-6)


def test_mmd_is_what_loops_over_all_pairs_give() -> None:
    g = generator(0, "test")
    a, b = torch.randn(5, 2, generator=g), torch.randn(4, 2, generator=g) + 1

    def k(u: torch.Tensor, v: torch.Tensor) -> float:
        gap = float((u - v).square().sum())
        return sum(4 * s / (4 * s + gap) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)) / 7

    within = [np.mean([k(*pair) for pair in itertools.permutations(x, 2)]) for x in (a, b)]
    across = np.mean([k(u, v) for u in a for v in b])
    assert float(mmd(a, b)) == pytest.approx(sum(within) - 2 * across, abs=1e-5)


@pytest.mark.parametrize("latent", [1, 2, 8])
def test_mmd_of_equal_distributions_is_zero_and_of_others_is_not(latent: int) -> None:
    a, b = torch.randn(2, 400, 64, latent, generator=generator(latent, "test"))
    same = mmd(a, b)
    assert abs(same.mean()) < 3 * same.std() / 400**0.5
    other = mmd(a, 0.5 * b)
    assert other.mean() > 3 * other.std() / 400**0.5


@pytest.mark.slow
def test_kl_falls_monotonically_in_beta() -> None:
    found = []
    for beta in (0.1, 0.3, 1.0, 2.0, 4.0, 10.0):
        experiment = trained(500, beta=beta, seeds=3, width=64)
        experiment._evaluate()
        found.append(experiment.by_seed[1])
    falls = torch.stack(found).diff(dim=0)
    assert (falls < 0).all(), found


# ------------------------------------------------------------------ soft bounds


def test_a_bound_keeps_what_is_inside_and_has_a_slope_outside() -> None:
    v = torch.linspace(-24, 16, 81, dtype=torch.float64, requires_grad=True)
    found = above(below(v, UNSURE), CLEAR)
    assert (found > CLEAR).all() and (found < UNSURE).all() and (found.diff() > 0).all()
    inside = (v > CLEAR + 7) & (v < UNSURE - 7)
    assert (found - v)[inside].abs().max() < 1e-3
    (slope,) = torch.autograd.grad(found.sum(), v)
    assert (slope > 1e-6).all() and (slope[inside] > 0.999).all()
    far = torch.tensor([-1e4, 1e4])
    assert above(below(far, UNSURE), CLEAR).tolist() == [CLEAR, UNSURE]


@pytest.mark.parametrize("knobs", [{"likelihood": "gaussian"}, {"data": "wine"}, {"data": "moons"}, {"data": "digits"}])
def test_the_decoder_begins_with_the_variance_of_the_data(knobs: dict[str, Any]) -> None:
    experiment = trained(0, **knobs)
    assert experiment.model.variance == pytest.approx(float(experiment.x[:5000].var(0).mean()), rel=1e-5)
    assert float(experiment.model.deviation.square()) == pytest.approx(experiment.model.variance, rel=1e-5)


def test_a_long_gradient_is_shortened_in_its_own_network_alone() -> None:
    experiment = trained(1, seeds=3, width=16)
    for p in experiment.model.parameters():
        p.grad = torch.ones_like(p) * torch.tensor([1e-3, 50.0, 1e-3]).view(3, 1, 1)
    experiment._shorten_gradients()
    gradients = [p.grad for p in experiment.model.parameters() if p.grad is not None]
    length = torch.stack([g.square().sum((1, 2)) for g in gradients]).sum(0).sqrt()
    assert float(length[1]) == pytest.approx(STEEPEST, rel=1e-4)
    for g in gradients:
        assert (g[0] == 1e-3).all() and (g[2] == 1e-3).all()
        assert g[1].unique().numel() == 1  # its direction stays


# ------------------------------------------------------------------ training


def test_each_network_of_a_stack_is_what_it_would_be_alone() -> None:
    together, alone = trained(40, seed=3, seeds=3), trained(40, seed=4)
    for many, one in zip(together.model.parameters(), alone.model.parameters(), strict=True):
        assert torch.allclose(many[1], one[0], atol=1e-4)
    together.update(dataclasses.replace(together.config, shown=1))
    assert torch.allclose(together.elbo(together.x_test), alone.elbo(alone.x_test), rtol=1e-3)


def test_a_warm_up_lets_the_price_grow() -> None:
    experiment = trained(0, beta=2.0, warm_up=100)
    assert experiment.price == pytest.approx(0.02)
    trained_on = trained(49, beta=2.0, warm_up=100)
    assert trained_on.price == pytest.approx(1.0)
    assert trained(0, beta=2.0).price == 2.0


def test_bernoulli_is_for_pictures_and_large_stacks_are_refused() -> None:
    assert Config().says == "bernoulli" and Config(data="wine").says == "gaussian"
    with pytest.raises(ConfigError, match="milliseconds"):
        Config(seeds=16, width=256, hidden=3)


def test_large_has_four_times_the_neurons_and_learns() -> None:
    standard, large = (Experiment(Config(width=32, size=size)) for size in ("standard", "large"))
    assert [W.shape[1:] for W in large.model.encoder.weights] == [(64, 128), (128, 128), (128, 4)]
    wide = Experiment(Config(width=128)).model.parameters()
    assert [p.shape for p in large.model.parameters()] == [p.shape for p in wide]
    assert sum(p.numel() for p in large.model.parameters()) > 4 * sum(p.numel() for p in standard.model.parameters())
    told = [*engine.train(large, 50)]
    assert told == [*engine.train(Experiment(Config(width=32, size="large")), 50)]
    assert told[-1]["loss"] < told[0]["loss"] - 10


def test_large_networks_too_are_refused_where_a_step_would_take_too_long() -> None:
    assert Config(size="large").cost < 18 and Config(size="large", hidden=0).widths == ()
    with pytest.raises(ConfigError, match="60 are allowed") as error:
        Config(size="large", width=256, hidden=3)
    assert error.value.knob == "size"


@pytest.mark.parametrize("data", ["wine", *rows.PLANE])
def test_other_data_train_and_are_seen(data: str) -> None:
    experiment = Experiment(Config(data=data))
    first, *_, last = engine.train(experiment, 300)
    assert last["reconstruction"] < first["reconstruction"] - 0.5
    frame = experiment.frame()
    assert len(frame.codes) == len(frame.labels) and np.isfinite(frame.codes).all()
    if data != "wine":
        assert np.array_equal(frame.points, experiment.observed.test_x) and frame.row.size == 0


# ------------------------------------------------------------------ what is seen


def test_what_the_frame_shows_is_what_the_model_says() -> None:
    experiment = trained(100, latent=3, across=3, up=1, z1=0.7, z2=-1.1, example=8, seed=5)
    frame, model = experiment.frame(), experiment.model
    with torch.no_grad():
        mu, log_var = model.encode(experiment.x_test)
        assert np.allclose(frame.codes, mu[:, [2, 0]], atol=1e-6)
        assert np.allclose(frame.exact.ravel(), model.decode(torch.tensor([[-1.1, 0.0, 0.7]]))[0], atol=1e-5)
        side = np.linspace(-frame.reach, frame.reach, GRID)
        place = torch.tensor([[side[9], 0.0, side[4]]], dtype=torch.float32)  # row 9 is up, column 4 across
        assert np.allclose(frame.grid[9, 4].ravel(), model.decode(place)[0], atol=1e-5)
        assert np.allclose(frame.rebuilt.ravel(), model.decode(mu[8:9])[0], atol=1e-5)
        assert np.allclose(frame.mean, mu[8, [2, 0]]) and frame.label == experiment.observed.test_y[8]
        assert np.allclose(frame.deviation, (log_var[8, [2, 0]] / 2).exp())
        assert np.allclose(frame.kl, kl(mu, log_var).mean(0), atol=1e-5)
    ends = [experiment.observed.test_x[experiment.observed.test_y == k] for k in frame.ends]
    for end, picture in zip(ends, (frame.mixed[0], frame.mixed[-1]), strict=True):
        assert (np.abs(end - picture.ravel()).max(axis=1) < 1e-6).any()


def test_a_drawn_picture_is_encoded_in_place_of_the_example() -> None:
    picture = np.zeros((8, 8), np.float32)
    picture[1:7, 4] = 1
    experiment = trained(30, picture=images.pack(picture))
    frame = experiment.frame()
    assert frame.label == -1 and np.allclose(frame.row, picture, atol=1 / 255)
    assert np.allclose(frame.mean, experiment.model.encode(torch.tensor(picture)[None, None])[0].detach()[0], atol=0.02)
    experiment.update(dataclasses.replace(experiment.config, picture=""))
    assert experiment.frame().label == experiment.observed.test_y[0]


def test_a_latent_plane_comes_back() -> None:
    rng = np.random.default_rng(0)
    sheet, one = rng.random((3, 4, 5, 6)), rng.random((5, 6))
    scene = Scene()
    walked = rng.random((3, 5, 6))
    way: dict[str, Any] = {"walk": ([[0, 0], [1, 2]], walked, "from “4” to “9”"), "names": [(0.5, 1.0, "4")]}
    latent_plane(scene, "p", title="P", reach=4, at=(1, -2), sheet=sheet, exact=one, low=0, high=1, **way)
    header, arrays = decode(scene.to_bytes())
    panel = header["rows"][0][0]
    assert panel["kind"] == "latent" and panel["x"] == [-4, 4] and panel["at"] == [1, -2]
    assert np.allclose(arrays[panel["sheet"]] / 254, sheet, atol=0.5 / 254 + 1e-6)
    assert np.allclose(arrays[panel["exact"]] / 254, one, atol=0.5 / 254 + 1e-6)
    assert np.allclose(arrays[panel["walked"]] / 254, walked, atol=0.5 / 254 + 1e-6)
    assert (panel["walk"], panel["names"]) == ([[0.0, 0.0], [1.0, 2.0]], [[0.5, 1.0, "4"]])
    with pytest.raises(ValueError, match="R and C above 1"):
        latent_plane(scene, "q", title="Q", reach=4, at=(1, -2), sheet=sheet[:1], exact=one, low=0, high=1, **way)
