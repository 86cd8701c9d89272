"""What the lessons on attacks say is what the runs do, with other weights and batches for each seed."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson

from engine.contract.facts import Facts, filled
from engine.contract.view import View
from engine.labs.adversarial_examples import Config, Experiment, robustness, tally
from engine.labs.adversarial_examples import view as drawn
from engine.labs.adversarial_examples.attacks import attack
from ui.lesson import lessons

SLUG = "adversarial_examples"
SEEDS = range(6)
AT = 450
LOOKED_AT = {"attack": "pgd", "example": 0, "eps": 0.15}  # turned afterwards, they change no network and no curve


def small(**knobs: Any) -> Config:
    """Digits of 8 x 8 and random weights, which is quick; the page opens with larger ones and a trained network."""
    return Config(**({"data": "digits", "start": "scratch", "training_eps": 0.15, "example": 461} | knobs))


@cache
def run(settings: Config) -> Experiment:
    """The run where the lessons stop."""
    experiment = Experiment(settings)
    while experiment.step_count < AT:
        experiment.step()
    return experiment


def seen(settings: Config) -> View:
    """The moment that a lesson speaks of; runs that train alike are trained once."""
    experiment = run(dataclasses.replace(settings, **LOOKED_AT))
    experiment.update(settings)
    return View(experiment.frame(), settings, {}, AT, AT)


def told(name: str, **knobs: Any) -> tuple[Facts, Facts | None]:
    """The facts of a lesson's run, and of the one beside it."""
    beside = lesson(SLUG, name).beside is not None
    return (drawn.facts(seen(config(SLUG, name, **knobs))),
            drawn.facts(seen(config(SLUG, name, beside=True, **knobs))) if beside else None)  # fmt: skip


def test_lessons_stop_when_their_radius_is_measured() -> None:
    for each in lessons(SLUG):
        assert len(each.answers) == 3 and len(each.title) <= 28 and each.at == AT
        for settings in (each.config(Config), each.compared(Config)):
            if settings is not None:
                experiment = Experiment(settings)
                before = [i for i, piece in enumerate(experiment.curves.pieces)
                          if experiment.curves.radii[piece.radius] <= settings.eps]  # fmt: skip
                assert (
                    settings.training_steps + before[-1] < AT <= settings.training_steps + len(experiment.curves.pieces)
                )


@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_noise_does_nothing_and_the_gradients_sign_does(seed: int) -> None:
    here, beside = told("noise_or_sign", seed=seed)
    chosen = lesson(SLUG, "noise_or_sign")
    assert (
        beside is not None
        and chosen.holds(here, beside)
        and f"reads {here['plain_random']:.0%}" in chosen.said(here, beside)
    )
    assert 0.93 < here["plain_random"] < 0.96 and 0.09 < beside["plain_fgsm"] < 0.14
    assert here["plain_pgd"] < here["plain_fgsm"] and here["plain"] > 0.97  # PGD is the better attack
    pictures = [seen(config(SLUG, "noise_or_sign", beside=side, seed=seed)).frame.attacked for side in (False, True)]
    assert [int(p.after[0].argmax()) == p.label for p in pictures] == [True, False]
    assert not chosen.holds(*(drawn.facts(seen(config(SLUG, "noise_or_sign", beside=True, seed=seed))),) * 2)


@pytest.mark.parametrize("seed", first(1, range(5)))
def test_a_linear_model_is_fooled_too(seed: int) -> None:
    here, beside = told("linear_too", seed=seed)
    assert beside is not None and lesson(SLUG, "linear_too").holds(here, beside)
    assert 0.935 < here["plain"] < 0.95 and 0.24 < here["plain_pgd"] < 0.28 and here["plain_random"] > 0.9
    assert beside["plain_pgd"] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_adversarial_training_buys_robustness_and_costs_accuracy(seed: int) -> None:
    here, beside = told("price_of_robustness", seed=seed)
    chosen = lesson(SLUG, "price_of_robustness")
    assert beside is not None and chosen.holds(here, beside)
    assert 0.59 < here["defended_pgd"] < 0.65 and 0.34 < beside["defended_pgd"] < 0.54
    assert 0.65 < beside["defended"] < 0.81 and here["defended"] > 0.94
    assert not chosen.holds(here, here)  # without the cause, the larger ε, the other text comes
    assert f"{beside['defended_pgd']:.0%}" in filled(chosen.otherwise, here, beside)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(5)))
def test_a_hidden_gradient_hides_nothing_from_another_network(seed: int) -> None:
    here, _ = told("hidden_gradient", seed=seed)
    chosen = lesson(SLUG, "hidden_gradient")
    assert chosen.holds(here) and here["defended_change"] == 0
    assert 0.955 < here["defended_pgd"] < 0.98 and 0.09 < here["defended_transfer"] < 0.145
    watched = seen(config(SLUG, "hidden_gradient", seed=seed, source="other"))  # as the text proposes
    attacked = watched.frame.attacked
    assert attacked.before[1].argmax() == attacked.label != attacked.after[1].argmax()
    assert not chosen.holds(told("price_of_robustness", seed=seed)[0])  # another defence


def test_the_page_opens_with_an_attack_that_is_hard_to_see() -> None:
    """At most a twentieth from black to white in any pixel of the first test picture, whatever start PGD takes."""
    for seed in range(20):
        attacked = Experiment(Config(seed=seed)).frame().attacked
        assert np.abs(attacked.adversarial - attacked.picture).max() <= 0.05 + 1e-6
        assert attacked.before.argmax(1).tolist() == [attacked.label] * 2
        assert attacked.after.argmax(1).tolist() == [3, attacked.label] != [attacked.label] * 2


def test_half_of_the_pictures_that_it_reads_fool_it_and_noise_does_nothing() -> None:
    experiment = Experiment(Config())
    while not experiment.done:
        experiment.step()
    found = drawn.facts(View(experiment.frame(), experiment.config, {}, experiment.step_count, experiment.step_count))
    assert 0.90 < found["plain"] < 0.94 and 0.42 < found["plain_pgd"] < 0.5
    assert found["plain_random"] > found["plain"] - 0.02 and found["defended_pgd"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(6)))
def test_networks_that_learn_here_are_fooled_as_often(seed: int) -> None:
    experiment = Experiment(Config(seed=seed, start="scratch"))
    while experiment.step_count < 400:
        experiment.step()
    attacked = experiment.frame().attacked
    assert attacked.before[0].argmax() == attacked.label != attacked.after[0].argmax()
    x, y = experiment.x_test, experiment.y_test
    moved = attack("pgd", experiment.model, x, y, eps=0.05, steps=10, step_size=0.0125)
    read = experiment.model(x).argmax(1) == y
    fooled = read & (experiment.model(moved).argmax(1) != y)
    assert 0.42 < float(fooled.sum() / read.sum()) < 0.56


def test_facts_and_sentence_fit_any_moment() -> None:
    """Before the first step, in training, while it is measured and at the end; and whatever text that makes."""
    experiment, said = Experiment(small(training_steps=50)), {}
    while True:
        view = View(experiment.frame(), experiment.config, {}, experiment.step_count, experiment.step_count)
        found = drawn.facts(view)
        said[experiment.step_count] = drawn.say(view)
        for each in lessons(SLUG):
            assert "{" not in filled(each.otherwise, found, found) and "nan" not in filled(each.otherwise, found, found)
            if experiment.step_count < 51:
                assert not each.holds(found, found)
        if experiment.done:
            break
        for _ in range(25 if experiment.step_count < 50 else 4):
            if experiment.done:
                break
            experiment.step()
    phases = {0: "only guess", 25: "“5”", 50: "Training is over", experiment.step_count: "At ε = 0.05 under PGD"}
    for step, words in phases.items():
        assert words in said[step], (step, said[step])
    assert max(map(len, said.values())) <= 125
    broken = dataclasses.replace(view.frame.attacked, before=np.full_like(view.frame.attacked.before, np.nan))
    lost = dataclasses.replace(view, frame=dataclasses.replace(view.frame, attacked=broken))
    assert "lost itself" in drawn.say(lost) and drawn.facts(lost)


def test_what_the_table_says_is_what_was_counted() -> None:
    view = seen(small(seed=0))
    rows = next(p for row in drawn.stage(view).rows for p in row if p["key"] == "read")["rows"]
    words = [["".join(span["text"] for span in cell) for cell in row] for row in rows]
    at = robustness.INF_RADII.index(0.05)
    share = view.frame.right / np.maximum(view.frame.asked, 1)
    assert [row[0] for row in words[1:]] == ["unchanged", "random sign", "FGSM", "PGD", "PGD, transferred"]
    for number in range(2):
        counted = [share[number, 0, 0], *(share[number, kind, at] for kind in range(len(tally.ATTACKS)))]
        assert [row[number + 1] for row in words[1:]] == [f"{value:.0%}" for value in counted]
