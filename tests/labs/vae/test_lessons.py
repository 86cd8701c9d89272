"""What the lessons of vae say is what the runs do, for the seed on screen and others."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from lesson_runs import config, first, lesson
from moments import moment

from engine.contract.view import View
from engine.labs.vae import Config, Experiment
from engine.labs.vae import view as drawn
from engine.labs.vae.frame import gaps
from engine.labs.vae.rows import load
from ui.lesson import lessons

SLUG = "vae"
SEEDS = first(1, range(6))
NAMES = [each.slug for each in lessons(SLUG)]
SMALL: dict[str, Any] = {"hidden": 1, "width": 16}


@cache
def run(settings: Config, steps: int) -> View:
    return moment(Experiment(settings), steps)


def ends(name: str, *, beside: bool = False, **knobs: Any) -> View:
    """Where the lesson stops; the default serves all lessons that show it."""
    return run(config(SLUG, name, beside=beside, **knobs), lesson(SLUG, name).at or 0)


def found(name: str, *, beside: bool = False, **knobs: Any) -> dict[str, Any]:
    return drawn.facts(ends(name, beside=beside, **knobs))


def both(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    return found(name, seed=seed), found(name, beside=True, seed=seed) if lesson(SLUG, name).beside else None


def test_titles_fit_into_a_row_and_each_lesson_stops() -> None:
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.happened and each.otherwise, each.slug
        assert each.at and each.point and each.knobs, each.slug


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_each_lesson_tells_what_happened(name: str, seed: int) -> None:
    chosen, told = lesson(SLUG, name), both(name, 6 * seed if name == "dead_plane" else seed)
    assert chosen.holds(*told)
    assert "–" not in chosen.said(*told)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_dear_codes_die_in_every_network(seed: int) -> None:
    dear, cheap = both("dead_plane", 6 * seed)
    view = ends("dead_plane", seed=6 * seed)
    assert view.frame.by_seed[1].max() == pytest.approx(dear["kl_high"]) and len(view.frame.by_seed[1]) == 6
    blot = load("digits").train_x.mean(0).reshape(8, 8)
    assert np.abs(view.frame.grid - blot).mean() < 0.06  # the same blot everywhere
    assert cheap and 2.0 < cheap["kl_low"] < cheap["kl_high"] < 2.8 and cheap["dead"] == 0 and cheap["variety"] > 0.15
    titles = [panel["title"] for row in drawn.stage(view).rows for panel in row]
    assert f"All networks, KL {dear['kl_low_told']} to {dear['kl_high_told']}: click one" in titles


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_codes_for_nothing_leave_holes(seed: int) -> None:
    free, held = both("holes", seed)
    assert held and free["holes"] > 0.9 and held["holes"] < 0.09
    assert 1.9 < free["spread_low"] < free["spread_high"] < 3.8 and free["cloud"] < 0.05 < 0.1 < held["cloud"]
    assert 19.5 < free["rec"] < 20.7 and 21.3 < held["rec"] < 22.3 and 14 < free["kl"] < 23 and 2.5 < held["kl"] < 3.3
    assert free["elbo"] < -34 and -25.4 < held["elbo"] < -24.2
    assert ends("holes", beside=True, seed=seed) is ends("four_to_nine", seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_walk_stays_nearer_to_the_digits(seed: int) -> None:
    told, frame = found("four_to_nine", seed=seed), ends("four_to_nine", seed=seed).frame
    rows = torch.from_numpy(load("digits").train_x)
    for pictures, half in ((frame.walked, "walk_half"), (frame.mixed, "mix_half")):
        far = torch.cdist(torch.from_numpy(pictures.reshape(9, -1)), rows).min(1).values
        assert told[half] == pytest.approx(float(far[4]), abs=1e-4)
    assert frame.walk_gaps[3:6].mean() < frame.mixed_gaps[3:6].mean() - 0.1
    assert told["test_gap"] == pytest.approx(1.08, abs=0.01) and told["neighbours"] > 0.72


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_autoencoder_rebuilds_better_and_lies_elsewhere(seed: int) -> None:
    plain, held = both("plain_autoencoder", seed)
    assert held and 20 < plain["rec"] < 21.1 < held["rec"] < 22.3
    assert plain["spread_low"] > 1.8 and 0.8 < held["spread_low"] < held["spread_high"] < 1.1
    assert plain["elbo_told"] == "–" and held["elbo_told"].startswith("−2")


@pytest.mark.parametrize("name", NAMES)
def test_before_the_first_step_and_without_the_cause_something_else_is_told(name: str) -> None:
    chosen = lesson(SLUG, name)
    for steps, knobs in ((0, {}), (21, {"divergence": "kl", "beta": 1.0, "seeds": 1, "seed": 3})):
        told = drawn.facts(run(config(SLUG, name, **(SMALL | knobs)), steps))
        other = drawn.facts(run(config(SLUG, name, beside=True, **SMALL), 0)) if chosen.beside else None
        assert not chosen.holds(told, other)
        said = chosen.said(told, other)
        assert told["so_far"] in said and "usually" in said
    assert f"At step 21: reconstruction {told['rec_told']} nats" in str(told["so_far"])


def test_distances_stand_below_the_walk_and_scores_in_their_table() -> None:
    view = run(Config(**SMALL), 21)
    told, panels = drawn.facts(view), {p["key"]: p for row in drawn.stage(view).rows for p in row}
    captions = panels["walk"]["captions"]
    assert [captions[4], captions[13]] == [f"{told[name]:.1f}" for name in ("walk_half", "mix_half")]
    cells = ["".join(span["text"] for span in row[1]) for row in panels["scores"]["rows"]]
    assert [cell.replace("\u00a0", " ") for cell in cells] == [
        f"{told['rec_told']} nats", f"{told['kl_told']} nats", f"{told['elbo_told']} nats", told["holes_told"],
        told["spread_told"], told["distance_told"],
    ]  # fmt: skip


def test_after_a_rewind_the_scores_are_those_of_the_moment() -> None:
    view = run(Config(**SMALL), 61)
    earlier = dataclasses.replace(view, step=21)
    _, values = view.curves["sample_distance"]
    assert values[20] != values[60]  # of steps 21 and 61
    assert drawn.facts(earlier)["distance"] == values[20] and drawn.facts(view)["distance"] == values[60]


def test_the_nearest_training_row_is_found() -> None:
    observed = load("digits")
    assert gaps(torch.from_numpy(observed.train_x[:3]), observed) == pytest.approx(np.zeros(3), abs=2e-3)


@pytest.mark.parametrize("data", ["digits", "wine", "moons"])
def test_the_sentence_under_the_counter_goes_along(data: str) -> None:
    quick = Config(data=data, **SMALL)
    said = [drawn.say(run(quick, 0)), drawn.say(run(quick, 21)), drawn.say(run(quick, 201))]
    assert "code" in said[0] and len(set(said)) == 3
    assert ("Halfway from “4” to “9”" in said[2]) == (data == "digits")
    assert all(len(each) <= 120 for each in said)


def test_what_dies_tears_or_diverges_is_said() -> None:
    assert "all decode to the same blot" in drawn.say(run(Config(beta=30.0, **SMALL), 201))
    assert "lies in holes" in drawn.say(run(Config(beta=0.0), 241))
    view = run(Config(**SMALL), 21)
    lost = {name: np.full_like(getattr(view.frame, name), np.nan) for name in ("codes", "kl", "scatter", "walk_gaps")}
    told = dataclasses.replace(view, frame=dataclasses.replace(view.frame, **lost))
    assert "diverged" in drawn.say(told) and drawn.facts(told)["walk_half"] == -1 and drawn.stage(told).to_bytes()
