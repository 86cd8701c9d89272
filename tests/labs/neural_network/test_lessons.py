"""What the lessons of neural_network say is what their runs do: other weights and other points for each seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson
from moments import moment

from engine.contract.view import View
from engine.data import plane
from engine.labs import neural_network as lab
from engine.labs.neural_network.view import facts, stage
from ui.lesson import lessons

SLUG = "neural_network"
SEEDS = range(8)
SHORT = (
    pytest.param("xor_without_hidden_layer", marks=pytest.mark.slow), "linear_layers", "zero_weights",
    "vanishing_gradients",
)  # fmt: skip
CURES = ("cure_weight_decay", "cure_dropout", "cure_more_data", "cure_small_network")


@cache
def run(chosen: Any, epochs: int) -> View:
    """What there is to draw of a run at one epoch.  The runs beside the cures are that of the lesson they cure."""
    return moment(lab.Experiment(chosen), epochs)


def told(name: str, *, beside: bool = False, seed: int = 0, **knobs: Any) -> Mapping[str, Any]:
    """The facts of a lesson's run, or of that beside it, where it stops."""
    return facts(run(config(SLUG, name, beside=beside, seed=seed, data_seed=seed, **knobs), lesson(SLUG, name).at or 0))


def both(name: str, seed: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The facts of both runs of a lesson, of which its first text is true."""
    here, there = told(name, seed=seed), told(name, beside=True, seed=seed)
    assert lesson(SLUG, name).holds(here, there), (here, there)
    said = lesson(SLUG, name).said(here, there)
    assert any(format(here[fact], form) in said for fact, form in (("test_error", ".1%"), ("test_loss", ".2f")))
    return here, there


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 10
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and each.at is not None and len(each.answers) == 3, each.slug
        assert each.happened and each.otherwise and each.knobs and each.point, each.slug
        assert each.happened.count("\n\n") == 1, each.slug  # what is seen, and then why


def loss_of_one_half() -> float:
    return math.log(2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_xor_needs_a_hidden_layer(seed: int) -> None:
    line, hidden = both("xor_without_hidden_layer", seed)
    assert 0.4 <= line["test_error"] < 0.55 and hidden["test_error"] < 0.08
    assert line["test_loss"] == pytest.approx(loss_of_one_half(), abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("draw", first(1, range(3)))
def test_one_line_leaves_two_fifths_of_xor_wrong_and_the_product_nothing(draw: int) -> None:
    line = run(config(SLUG, "xor_without_hidden_layer", seeds=8, data_seed=draw), 100).frame
    assert line.seed_errors.min() >= 0.4
    product = run(config(SLUG, "xor_without_hidden_layer", seeds=8, data_seed=draw, features=("x", "y", "xy")), 100)
    assert product.frame.seed_errors.max() <= 0.01


def test_the_best_line_gets_more_of_xor_right_than_half() -> None:
    xor = plane.plane("xor", 500, noise=0.0, seed=0)
    best = 0.0
    for angle in np.radians(np.arange(360)):
        right = xor.labels[np.argsort(xor.xy @ [np.cos(angle), np.sin(angle)])]
        best = max(best, float(((right == 0).cumsum() + (right == 1).sum() - (right == 1).cumsum()).max()) / 500)
    assert best == pytest.approx(0.71, abs=0.005)


@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_linear_layers_collapse_and_tanh_layers_do_not(seed: int) -> None:
    linear, bent = both("linear_layers", seed)
    assert linear["test_loss"] == pytest.approx(loss_of_one_half(), abs=0.03)
    assert bent["test_error"] == bent["train_error"] == 0


@pytest.mark.parametrize("draw", first(1, range(3)))
def test_with_tanh_no_point_is_wrong_by_epoch_20(draw: int) -> None:
    frame = run(config(SLUG, "linear_layers", beside=True, seeds=5, data_seed=draw), 20).frame
    assert not frame.seed_errors.any()


@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_zero_weights_stay_zero(seed: int) -> None:
    zero, random = both("zero_weights", seed)
    assert zero["largest_weight"] == zero["first_gradient"] == 0 and zero["test_error"] == 0.5
    assert zero["test_loss"] == pytest.approx(loss_of_one_half(), abs=1e-3)
    assert random["test_error"] == random["train_error"] == 0


@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_the_gradient_vanishes_in_sigmoids_and_not_in_relus(seed: int) -> None:
    stuck, relu = both("vanishing_gradients", seed)
    assert 2_000 < stuck["gap"] < 30_000 and 0.1 < relu["gap"] < 1
    assert stuck["test_error"] == 0.5 and relu["test_error"] < 0.01


@pytest.mark.slow
def test_sigmoids_stay_stuck_with_the_weights_of_he() -> None:
    five = facts(run(config(SLUG, "vanishing_gradients", seeds=5, initialisation="he"), 50))
    assert five["networks"] == 5 and five["test_loss"] == pytest.approx(loss_of_one_half(), abs=1e-3)


@pytest.mark.parametrize("seed", first(2, SEEDS))
def test_the_test_loss_falls_and_then_more_than_doubles(seed: int) -> None:
    found, chosen = told("overfitting", seed=seed), lesson(SLUG, "overfitting")
    assert chosen.holds(found) and "stop early" in chosen.said(found)
    assert 3 <= found["lowest_at"] < 250 and found["risen"] > 2
    assert found["train_loss"] < 0.12 and found["train_loss"] < found["lowest_train"]


@pytest.mark.parametrize("seed", first(1, SEEDS))
@pytest.mark.parametrize("name", CURES)
def test_each_cure_lowers_the_test_loss_and_has_its_price(name: str, seed: int) -> None:
    cured, ill = both(name, seed)
    assert config(SLUG, name, beside=True) == config(SLUG, "overfitting")
    assert 0.25 < cured["test_loss"] < 0.85 * ill["test_loss"] and cured["test_loss"] < 0.85
    assert cured["train_loss"] > ill["train_loss"]
    if name == "cure_weight_decay":
        assert cured["test_loss"] < 0.5 * ill["test_loss"] and cured["border"] < 0.9 * ill["border"]
    if name == "cure_small_network":
        assert (cured["parameters"], ill["parameters"]) == (13, 1185)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "draw"), first(1, [(0, 0), (100, 0), (1000, 0), (0, 1), (2000, 2)]))
def test_32_seeds_end_far_apart(seed: int, draw: int) -> None:
    chosen = lesson(SLUG, "many_seeds")
    found = facts(run(config(SLUG, "many_seeds", seed=seed, data_seed=draw), chosen.at or 0))
    assert chosen.holds(found) and f"{found['worst']:.1%}" in chosen.said(found)
    assert found["best"] <= 0.0125 and 0.155 <= found["worst"] <= 0.35 and found["networks"] == 32


@pytest.mark.parametrize("name", [*SHORT, *CURES])
def test_without_its_cause_a_lesson_says_that_this_run_has_it_otherwise(name: str) -> None:
    chosen, there = lesson(SLUG, name), told(name, beside=True)
    assert not chosen.holds(there, there)
    said = " ".join(chosen.said(there, there).split())
    assert "Choose the lesson again" in said and f"the test loss is {there['test_loss']:.2f}" in said


def test_a_lesson_alone_says_so_too() -> None:
    held_back = told("cure_weight_decay")  # the lesson overfitting, with L2
    assert "the lowest test loss was" in lesson(SLUG, "overfitting").said(held_back)
    assert "1 networks" in lesson(SLUG, "many_seeds").said(held_back)


@pytest.mark.parametrize("name", [each.slug for each in lessons(SLUG)])
def test_before_play_the_panels_do_not_give_the_answer_away(name: str) -> None:
    view = moment(lab.Experiment(config(SLUG, name)), 0)
    titles = [panel["title"] for row in stage(view).rows for panel in row]
    assert not any("times smaller" in title or "nothing of it" in title for title in titles)


def test_numbers_of_lessons_stand_on_the_stage() -> None:
    """In titles, below the loss, and in the words beside the lowest one."""
    found, view = told("overfitting"), run(config(SLUG, "overfitting", seed=0, data_seed=0), 600)
    panels = {panel["key"]: panel for row in stage(view).rows for panel in row}
    assert f"Now {found['test_loss']:.2f} on the test points" in panels["losses"]["note"]
    assert f"{found['test_error']:.1%}" in panels["output"]["title"] and "1,185" in panels["network"]["title"]
    [[at, words]] = panels["losses"]["rules"]
    assert at == found["lowest_at"] and words == f"lowest: {found['lowest']:.2f} at epoch {found['lowest_at']}"
    chosen = config(SLUG, "vanishing_gradients", seed=0, data_seed=0)
    beside = stage(View(**{**vars(run(chosen, 50)), "beside": True}))
    panels = {panel["key"]: panel for row in beside.rows for panel in row}
    assert f"{told('vanishing_gradients')['gap']:,.0f} times smaller" in panels["gradients"]["title"]
    assert "50.0%" in panels["output"]["title"] and "loss 0.69" in panels["output"]["title"]
