"""What the lessons of generative families say is what the runs do, over many seeds; a stack holds seed, seed + 1, …"""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson, otherwise
from moments import moment
from scene_format import words

from engine.contract.facts import Facts
from engine.contract.lesson import lessons
from engine.contract.view import View
from engine.data import point_clouds
from engine.labs.generative_families import NAMES, Config, Experiment, families
from engine.labs.generative_families.view import facts, say, stage
from engine.nets import sampling

SLUG = "generative_families"
SEEDS = (0, 100, 200, 300, 400)
SAID = {  # what only `happened` says
    "bargains": "Each has another bargain", "forgets": "sums over the *real* points", "likelihood": "one sheet, bent",
    "steps": "a blot in the middle", "ignored_code": "There it rests",
}  # fmt: skip
SMALL: dict[str, Any] = {"width": 8, "batch_size": 16, "couplings": 2, "sampling_steps": 4}


@cache
def seen(name: str, *, beside: bool = False, at: int = 0, **knobs: Any) -> View:
    """The moment at which the lesson speaks, or step `at`, with the whole history."""
    return moment(Experiment(config(SLUG, name, beside=beside, **knobs)), at or lesson(SLUG, name).at or 0)


def told(name: str, **knobs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts of the run and of the one beside it.  What is said of them must be `happened`."""
    chosen = lesson(SLUG, name)
    here = facts(seen(name, **knobs))
    there = facts(seen(name, beside=True, **knobs)) if chosen.beside is not None else {}
    assert chosen.holds(here, there), (here, there)
    said = chosen.said(here, there)
    assert SAID[name] in said and "nan" not in said
    return here, there


def goes_otherwise(name: str, here: Facts, there: Facts | None = None) -> str:
    return otherwise(lesson(SLUG, name), here, there, never=SAID[name])


def test_every_lesson_has_three_answers_an_end_and_few_words() -> None:
    assert len(lessons(SLUG)) == 5
    for each in lessons(SLUG):
        assert len(each.answers) == 3 and each.at and each.point and each.knobs and len(each.title) <= 28
        assert len(each.happened.split()) <= 112, each.slug


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, (*SEEDS, 1, 2, 3, 4, 5)))
def test_four_bargains(seed: int) -> None:
    here, _ = told("bargains", seed=seed)
    assert here["diffusion_strays"] <= 0.45 and here["vae_strays"] > 0.75
    assert here["diffusion_work"] == 60 * here["gan_work"]
    quick = facts(seen("bargains", seed=seed, sampling_steps=1, at=20))
    goes_otherwise("bargains", quick)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_the_gan_forgets_modes_and_the_others_do_not(seed: int) -> None:
    here, _ = told("forgets", seed=seed)
    assert 3.5 <= here["gan_modes"] <= 6 and min(here["flow_modes"], here["diffusion_modes"]) >= 7
    goes_otherwise("forgets", facts(seen("bargains", seed=seed, sampling_steps=1, at=20)))  # other settings


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, (*SEEDS[:2], 8, 108)))
def test_a_flow_covers_all_and_spills(seed: int) -> None:
    here, _ = told("likelihood", seed=seed)
    of = seen("likelihood", seed=seed).frame.measured
    assert of["modes"]["flow"].min() >= 7
    assert of["strays"]["flow"].min() >= 0.43 and of["strays"]["flow"].max() <= 0.8
    assert 1.9 <= here["flow_gained"] <= 2.9 and 1.3 < here["ceiling"] < 1.7
    goes_otherwise("likelihood", facts(seen("likelihood", seed=seed, at=10)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_one_step_of_flow_matching_draws_the_middle(seed: int) -> None:
    here, there = told("steps", seed=seed)
    assert here["diffusion_strays"] >= 0.98 and 0.15 <= here["diffusion_away"] <= 0.35
    assert here["diffusion_modes"] <= 1 and there["diffusion_modes"] == 8 and here["diffusion_border"] == 0
    samples = seen("steps", seed=seed).frame.samples["diffusion"]
    assert np.linalg.norm(samples.mean(0)) < 0.1  # in the middle of them all, and not beside it
    assert point_clouds.RADIUS == 0.8
    assert f"are {here['diffusion_away']:.2f} from the centre" in words(stage(seen("steps", seed=seed)))
    [plane] = next(p for row in stage(seen("steps", seed=seed)).rows for p in row if p["key"] == "samples")["planes"]
    assert ["from the centre (modes: 0.80)", f"{here['diffusion_away']:.2f}"] in plane["facts"]  # where it points
    goes_otherwise("steps", there, there)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, SEEDS[:3]))
def test_more_training_is_no_help_to_one_step(seed: int) -> None:
    assert facts(seen("steps", seed=seed, at=1000))["diffusion_strays"] >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_one_step_of_noise_prediction_draws_the_corners_and_says_so(seed: int) -> None:
    view = seen("steps", seed=seed, objective="noise")
    corners = (np.abs(view.frame.samples["diffusion"]) == families.FAR).all(1).mean()
    assert corners > 0.99 and "clipped" in say(view)
    said = goes_otherwise("steps", facts(view), facts(seen("steps", seed=seed, beside=True)))
    assert "1.77 from the centre" in said  # √2 · 1.25
    assert "the guess x̂₀ is clipped to ±1.25" in words(stage(view))
    alpha = sampling.route(sampling.Schedule("cosine", families.LEVELS), 1).alpha[0]
    assert alpha == pytest.approx(5e-5, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_code_that_says_nothing(seed: int) -> None:
    here, there = told("ignored_code", seed=seed)
    assert here["vae_kl"] < 0.05 and there["vae_kl"] > 1.4
    assert here["vae_log_likelihood"] == pytest.approx(-1.70, abs=0.1)
    assert f"tells {here['vae_kl']:.2f} nats" in words(stage(seen("ignored_code", seed=seed)))
    goes_otherwise("ignored_code", there, there)


def test_it_says_what_will_be_seen_who_leads_and_how_far_one_alone_is() -> None:
    assert "whose" in say(moment(Experiment(Config(**SMALL)), 0))
    assert "comes last with" in say(moment(Experiment(Config(**SMALL)), 3))
    assert say(moment(Experiment(Config(**SMALL, data="moons")), 3)).count("energy distance") == 1
    alone = say(moment(Experiment(Config(**SMALL, families=("flow",))), 3))
    assert alone.startswith("Flow covers ") and alone.endswith(" times the energy distance of real to real.")


def test_who_takes_the_lead_is_news_for_a_while() -> None:
    view = moment(Experiment(Config(**SMALL, families=("gan", "flow"))), 1)
    strays = {"gan": np.array([0.5], np.float32), "flow": np.array([0.4], np.float32)}
    frame = dataclasses.replace(view.frame, measured=view.frame.measured | {"strays": strays})
    steps = np.arange(1, 101)
    curves = {"gan_strays": (steps, np.full(100, 0.5)), "flow_strays": (steps, np.where(steps < 80, 0.6, 0.4))}
    led = dataclasses.replace(view, frame=frame, curves=curves, step=100, last_step=100)
    assert say(led) == "Flow has just taken the lead with the fewest strays, 40.0% against 50.0% of GAN."
    late = curves | {"flow_strays": (steps, np.where(steps < 20, 0.6, 0.4))}
    assert say(dataclasses.replace(led, curves=late)).startswith("Flow has the fewest strays, 40.0%; GAN comes last")
    rewound = {"gan_strays": (steps, np.full(100, 0.5)), "flow_strays": (steps, np.full(100, 0.4))}
    assert "just taken" not in say(dataclasses.replace(led, curves=rewound, step=30))


def test_where_numbers_have_overflowed_it_says_so_and_no_text_fails() -> None:
    view = moment(Experiment(Config(**SMALL)), 2)
    lost = {measure: of | {"gan": np.array([np.nan], np.float32)} for measure, of in view.frame.measured.items()}
    gone = dataclasses.replace(view, frame=dataclasses.replace(view.frame, measured=lost))
    assert say(gone).startswith("GAN has grown without bound")
    for name in NAMES:
        alone = facts(moment(Experiment(Config(**SMALL, families=(name,), data="moons")), 1))
        assert math.isnan(float(alone["gan_strays"])) and "energy distance" in str(alone["told"])
        for each in lessons(SLUG):
            for found in (alone, facts(gone)):
                assert str(found["told"]) in each.said(found, found)
