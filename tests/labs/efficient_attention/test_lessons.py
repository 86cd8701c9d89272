"""What the lessons of efficient attention say is what the runs do: other weights and sequences for each seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from lesson_runs import config, first, fits_a_row_and_can_be_told, happens, lesson, recorded

from engine.contract import registry
from engine.contract.view import View
from engine.labs.efficient_attention.experiment import Config, Experiment
from engine.labs.efficient_attention.stopwatch import times
from ui.lesson import lessons

SLUG = "efficient_attention"
SEEDS = range(5)


@cache
def run(chosen: Config, steps: int) -> tuple[dict[str, np.ndarray], dict[int, Any]]:
    """The metrics, and the frames wherever a lesson stops."""
    return recorded(Experiment(chosen), steps, {each.at for each in lessons(SLUG)})


def curve(name: str, *, beside: bool, seed: int, **knobs: Any) -> dict[str, np.ndarray]:
    """The metrics of a lesson's run up to where it stops."""
    return run(config(SLUG, name, beside=beside, seed=seed, **knobs), lesson(SLUG, name).at or 0)[0]


def facts(name: str, *, beside: bool = False, seed: int, at: int = 0, **knobs: Any) -> dict[str, Any]:
    """What may be told of a lesson's run where it stops, or at another step."""
    chosen = config(SLUG, name, beside=beside, seed=seed, **knobs)
    at = at or lesson(SLUG, name).at or 0
    metrics, frames = run(chosen, 150 if chosen == Config(seed=seed) else at)
    curves = {metric: (np.arange(1, at + 1), values[:at]) for metric, values in metrics.items()}
    return registry.view(SLUG).facts(View(frames[at], chosen, curves, at, at))  # type: ignore[no-any-return]


def speaks(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The facts of both runs, of which what happened is true."""
    return happens(lesson(SLUG, name), facts, seed)


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 10
    fits_a_row_and_can_be_told(SLUG)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_window_forgets_and_blocks_find_a_needle_but_lose_many(seed: int) -> None:
    window, _ = speaks("window", seed)
    assert 0.2 < window["window_recall"] < 0.36 and window["full_recall"] > 0.9
    needle, _ = speaks("needle", seed)
    assert needle["blocks_one"] > 0.6 and 0.3 < needle["blocks_most"] < 0.55
    assert abs(needle["blocks_share"] - needle["window_share"]) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_table_holds_about_as_many_pairs_as_its_keys_are_wide(seed: int) -> None:
    narrow, wide = speaks("table", seed)
    assert wide is not None and 0.55 < narrow["linear_most"] < 0.66 and wide["linear_most"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_only_for_a_window_it_matters_how_far_back_a_needle_lies(seed: int) -> None:
    told, _ = speaks("haystack", seed)
    assert told["window_far"] < 0.12 and told["linear_far"] == pytest.approx(1, abs=0.02)
    assert told["linear_far"] > told["full_far"] and 0.55 < told["blocks_far"] < 0.95 and told["window_near"] > 0.7


@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_tiles_are_exact_and_without_the_maximum_the_sum_overflows(seed: int) -> None:
    exact, _ = speaks("tiles", seed)
    assert exact["off_by"] < 2e-5 and exact["tiles"] == 10
    large, _ = speaks("overflow", seed)
    assert large["highest"] > 200


def test_what_the_clock_says_is_filled_in_and_memory_is_a_small_part() -> None:
    while times(1024, torch.device("cpu")).left:  # a look takes some of them, the next one the rest
        pass
    found, _ = speaks("clock", 0)
    assert found["full_ms"] > 0 and found["tiled_ms"] > 0 and len(found["machine"]) > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_eight_heads_recall_as_well_with_one_set_of_keys(seed: int) -> None:
    here, there = speaks("sharing", seed)
    assert there is not None and min(here["full_recall"], there["full_recall"]) > 0.98
    assert (here["cache"], there["cache"]) == (256, 32)
    own, one = (curve("sharing", beside=beside, seed=seed)["full_recall"] for beside in (False, True))
    assert np.argmax(own > 0.9) < np.argmax(one > 0.9) and own.mean() > one.mean() + 0.02  # it learned more slowly


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_weights_kept_in_bf16_fall_behind(seed: int) -> None:
    here, there = speaks("bits", seed)
    assert there is not None and there["full_loss"] > 1.7 * here["full_loss"]
    assert here["crept"] == 1 and here["crept_by_lot"] == pytest.approx(2, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["lot", "copy"])
@pytest.mark.parametrize("seed", first(0, SEEDS))
def test_weights_rounded_by_lot_or_with_a_float32_copy_end_near_float32(seed: int, weights: str) -> None:
    """The mean of the last steps, since each batch has other pairs."""
    wide, near, other = (
        curve("bits", beside=beside, seed=seed, **knobs)["full_loss"][-40:].mean()
        for beside, knobs in ((False, {}), (True, {}), (True, {"weights": weights}))
    )
    assert other - wide < 0.3 * (near - wide)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_with_a_scale_eight_bits_do_for_gradients_and_without_they_do_not(seed: int) -> None:
    bare, scaled = speaks("scale", seed)
    assert scaled is not None and bare["lost"] > 0.3 and scaled["lost"] < 0.01
    assert bare["full_recall"] < scaled["full_recall"] - 0.05 and scaled["fp16_lost"] < 0.1
    whole = facts("scale", seed=seed, gradients="float32")
    assert abs(whole["full_recall"] - scaled["full_recall"]) < 0.05
    chosen = lesson(SLUG, "scale")
    assert not chosen.holds(whole, scaled) and "Usually" in chosen.said(whole, scaled)


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("window", {"at": 1}),
        ("needle", {"at": 1}),
        ("haystack", {"task": "pairs", "at": 1}),
        ("tiles", {"tile": 9}),
        ("overflow", {"scale": 1.0}),
        ("clock", {"measured": "not yet"}),
    ],
)
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any]) -> None:
    chosen, here = lesson(SLUG, name), facts(name, seed=0, **knobs)
    assert not chosen.holds(here, None)
    assert chosen.said(here, None)
