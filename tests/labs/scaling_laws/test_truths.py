"""The truths of scaling laws: a known law is found again, its optimum is one, and no loss is below the entropy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine.contract import plain, registry
from engine.contract.device import generator
from engine.contract.view import View
from engine.labs.scaling_laws import bigrams
from engine.labs.scaling_laws.budgets import bowls, bowls_exponent, envelope
from engine.labs.scaling_laws.experiment import Config, Experiment
from engine.labs.scaling_laws.frame import Frame
from engine.labs.scaling_laws.parametric import PUBLISHED, Law

lab = engine.lab("scaling_laws")
KNOWN = [Law(E=3.9, A=2.0, B=500.0, alpha=0.6, beta=0.8), PUBLISHED["hoffmann"], PUBLISHED["besiroglu"]]


def test_public_names() -> None:
    P, entropy = lab.language(16, 1.0, generator(0, "any"))
    assert P.shape == (16, 16) and 0 < entropy < math.log(16)
    assert isinstance(lab.fit([1e6, 1e7, 1e8], np.array([[1e9], [1e10]]), [[3.0, 2.8, 2.7], [2.9, 2.7, 2.6]]), lab.Law)


@pytest.mark.parametrize("law", KNOWN)
def test_points_of_a_known_law_give_its_constants_back(law: Law) -> None:
    small = law is KNOWN[0]
    N = np.geomspace(128, 4096, 10) if small else np.geomspace(5e7, 1e10, 10)
    D = np.geomspace(2e4, 1e6, 12)[:, None] if small else np.geomspace(1e9, 5e11, 12)[:, None]
    found = lab.fit(N, D, law.loss(N, D))
    for name in ("E", "A", "B", "alpha", "beta"):
        assert getattr(found, name) == pytest.approx(getattr(law, name), rel=0.02), name


@pytest.mark.parametrize("law", KNOWN)
@pytest.mark.parametrize("flops", [1e9, 1e15, 5.8e23])
def test_at_the_optimum_both_are_worth_the_same(law: Law, flops: float) -> None:
    N, D = law.optimum(flops)
    budget = 6 * N * D
    assert budget == pytest.approx(flops)
    assert law.alpha * law.A / N**law.alpha == pytest.approx(law.beta * law.B / D**law.beta, rel=1e-3)
    others = [law.loss(N * factor, D / factor) for factor in (0.9, 1.1)]
    assert law.loss(N, D) < min(others)
    ten = law.optimum(10 * flops)[0]
    assert math.log10(ten / N) == pytest.approx(law.beta / (law.alpha + law.beta), rel=1e-6)


@pytest.mark.parametrize("law", KNOWN[1:])
def test_serving_asks_for_a_smaller_model_and_nothing_else_does(law: Law) -> None:
    N, D = law.optimum(5.8e23)
    loss = float(law.loss(N, D))
    assert law.optimum_served(loss, 0.0) == pytest.approx((N, D), rel=1e-3)
    before = N
    for served in (1e12, 1e13, 1e14):
        small, longer = law.optimum_served(loss, served)
        assert small < before and longer > D and float(law.loss(small, longer)) == pytest.approx(loss, rel=1e-6)
        around = [6 * n * law.tokens(n, loss) + 2 * n * served for n in (0.97 * small, 1.03 * small)]
        assert 6 * small * longer + 2 * small * served < min(around)
        before = small


def test_what_no_model_reaches_is_refused_in_a_sentence() -> None:
    law = PUBLISHED["hoffmann"]
    with pytest.raises(ValueError, match="below E"):
        law.optimum_served(1.6, 0.0)
    with pytest.raises(ValueError, match="more than 0"):
        law.optimum(0.0)
    with pytest.raises(ValueError, match="Served tokens"):
        law.optimum_served(2.0, -1.0)
    with pytest.raises(ValueError, match="six points"):
        lab.fit([1.0, 2.0], [1.0, 2.0], [3.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        lab.fit([1, 2, 3], [[1], [2]], [[3, 2, math.nan], [2, 2, 1]])


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_the_language_is_stationary_and_its_entropy_that_of_a_long_text(exponent: float) -> None:
    P, entropy = lab.language(24, exponent, generator(1, "language"))
    pi = bigrams.stationary(P)
    assert torch.allclose(P.sum(1), torch.ones(24, dtype=P.dtype)) and torch.allclose(pi @ P, pi, atol=1e-12)
    far = torch.linalg.matrix_power(P, 200)
    assert torch.allclose(far, pi.expand_as(far), atol=1e-9)
    assert entropy == pytest.approx(float((pi * torch.distributions.Categorical(probs=P).entropy()).sum()), rel=1e-9)


def trained(steps: int, **knobs: object) -> tuple[Experiment, Frame]:
    experiment = Experiment(Config(**knobs))  # type: ignore[arg-type]
    for _ in engine.train(experiment, steps):
        pass
    return experiment, experiment.frame()


@pytest.mark.parametrize("seed", range(2))
def test_no_loss_is_below_the_entropy_and_the_exact_loss_is_the_mean_of_a_million_samples(seed: int) -> None:
    experiment, frame = trained(150, sizes=4, seeds=1, rank=16, seed=seed)
    assert (frame.loss >= frame.entropy).all()
    with torch.no_grad():
        log_q = experiment.model.log_q(*experiment.averages).double().flatten(1)
    drawn = bigrams.draw(
        experiment.joint, torch.rand(1_000_000, generator=generator(seed, "sample"), dtype=torch.float64)
    )
    for model in range(4):
        losses = -log_q[model, drawn]
        exact = float(-(experiment.joint.flatten() * log_q[model]).sum())
        error = float(losses.std()) / 1000
        assert abs(float(losses.mean()) - exact) < 3.5 * error


@pytest.mark.parametrize("knobs", [{}, {"sizes": 2, "rank": 2, "vocabulary": 16}, {"across": "repeats", "seeds": 1}])
def test_before_play_there_are_models_that_guess_and_what_they_are_to_learn(knobs: dict[str, Any]) -> None:
    experiment = Experiment(Config(**knobs))
    frame, config, views = experiment.frame(), experiment.config, registry.view("scaling_laws")
    guess = math.log(config.vocabulary)
    assert np.allclose(frame.start, guess, atol=0.05 * (guess - frame.entropy)) and (frame.start > frame.entropy).all()
    P = torch.from_numpy(frame.language).double()
    P = P / P.sum(1, keepdim=True)  # its last digits are those of single precision
    assert float(-(bigrams.pairs(P) * P.log()).sum()) == pytest.approx(frame.entropy, rel=1e-5)
    hero, other = views.stage(View(frame, config)).rows[0]
    if config.across == "sizes":
        rings = [layer for layer in hero["layers"] if layer["kind"] == "points"]
        assert len(rings) == 1 and any(rings[0]["names"])  # the legend says what a ring is
        assert "heatmap" in {layer["kind"] for layer in other["layers"]}
        most = config.vocabulary * frame.language[:12, :12].max()  # of what is shown, as many times as by chance
        assert f" {most:.1f} times" in other["title"]
    else:
        told = " ".join(layer["text"] for layer in hero["layers"] if layer["kind"] == "text")
        assert all(f"{256_000 // passes:,}" in told for passes in (1, 4, 16, 64))
    for _ in range(2):
        experiment.step()
    assert np.array_equal(experiment.frame().start, frame.start)
    keys = [panel["key"] for panel in views.stage(View(experiment.frame(), config, {}, 2, 2)).rows[0]]
    assert keys == [hero["key"], other["key"]]  # a lesson that points at one finds it at any step


def test_a_model_keeps_to_its_rank() -> None:
    experiment, frame = trained(40, sizes=5, seeds=2)
    for model, rank in enumerate([*frame.ranks, *frame.ranks]):
        logits = experiment.model.last[model] @ experiment.model.next[model].mT
        assert torch.linalg.matrix_rank(logits.double(), tol=1e-4) == rank


def test_sizes_of_one_training_learn_as_if_alone() -> None:
    _, frame = trained(30, sizes=2, seeds=1, rank=4)
    experiment = Experiment(Config(sizes=2, seeds=1, rank=4))
    last, following = (
        weights.detach()[:1, :, :1].clone().requires_grad_() for weights in experiment.model.parameters()
    )
    averages = [last.detach().clone(), following.detach().clone()]
    optimiser = torch.optim.Adam([last, following], lr=0.02, betas=(0.9, 0.98))
    for step in range(30):
        experiment.step_count = step
        counts = experiment.batch()[:1]
        loss = -(counts * (last @ following.mT).log_softmax(-1)).sum() / 256
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        for average, weights in zip(averages, (last, following), strict=True):
            average.lerp_(weights.detach(), 8 / (step + 8))
        if 256 * (step + 1) == frame.tokens[-1]:
            log_q = (averages[0] @ averages[1].mT).log_softmax(-1)
            exact = float(-(experiment.joint * log_q.double()).sum())
            assert frame.loss[0, 0, -1] == pytest.approx(exact, rel=1e-5)


def test_repeated_data_are_the_beginning_of_new_ones() -> None:
    experiment = Experiment(Config(across="repeats", rank=4, seeds=1, planned=128, batch_size=64))
    seen = torch.zeros(4, 64, 64)
    for step in range(128):
        experiment.step_count = step
        seen += experiment.batch()
    assert torch.equal(seen.sum((1, 2)), torch.full((4,), 128.0 * 64))
    for copy, passes in enumerate((1, 4, 16, 64)):
        assert (seen[copy] % passes == 0).all() and (seen[0] >= seen[copy] / passes).all()


def test_bowls_and_envelope_of_a_known_law_give_its_exponent() -> None:
    law, batch = KNOWN[0], 256
    N, D = 128 * 2.0 ** np.arange(0, 9), batch * np.geomspace(100, 40_000, 60)
    empty = np.zeros((0, 3))
    frame = Frame(step=1, entropy=law.E, language=np.ones((1, 1)), start=np.full((1, 9), 9.0),
                  parameters=N, ranks=N / 128, batch=batch, tokens=D,
                  loss=law.loss(N[:, None], D)[None], right=np.zeros((1, 9, 60)), trained=np.zeros((1, 9, 60)),
                  fitted_at=np.zeros(0), floors=empty, exponents=empty, laws=())  # fmt: skip
    assert bowls_exponent(bowls(frame)) == pytest.approx(law.exponent, abs=0.03)
    edge = envelope(frame)
    assert edge is not None
    at = 120
    assert edge.loss[at] == pytest.approx(float(law.loss(*law.optimum(edge.compute[at]))), abs=0.01)
    assert 0.5 < N[edge.size[at]] / law.optimum(edge.compute[at])[0] < 2


def test_the_plain_form_finds_a_known_law_and_keeps_to_the_same_bounds() -> None:
    names: dict[str, Any] = {"__name__": "plain"}
    exec(compile(plain.file("scaling_laws").read_text(encoding="utf-8"), "plain", "exec"), names)
    law, N, D = KNOWN[0], np.geomspace(128, 4096, 6), np.geomspace(2e4, 1e6, 8)[:, None]
    points = [each.ravel() for each in np.broadcast_arrays(N, D, law.loss(N, D))]
    found = names["fit"](*points)
    assert found == pytest.approx([law.E, law.A, law.B, law.alpha, law.beta], rel=0.02)
    odd = names["fit"](*points[:2], np.linspace(4.0, 4.1, points[2].size))
    assert np.isfinite(odd).all() and 0.02 <= min(odd[3:]) <= max(odd[3:]) <= 4
    assert float(names["entropy"]) == pytest.approx(Experiment(Config()).entropy, abs=1e-9)
