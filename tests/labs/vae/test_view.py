"""What is drawn of an autoencoder below its stage and inside it is what the frame and the metrics say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moments import moment

from engine.contract.figure import Chart, Table, Text
from engine.contract.view import View
from engine.labs.vae import Config, Experiment
from engine.labs.vae import view as drawn
from engine.labs.vae.frame import reach


def seen(steps: int, **knobs: Any) -> View:
    experiment = Experiment(Config(**({"hidden": 1, "width": 32} | knobs)))
    return moment(experiment, steps)


@pytest.mark.parametrize(("divergence", "first"), [("kl", ["elbo", "kl", "holes"]), ("mmd", ["mmd"])])
def test_what_keeps_the_codes_near_the_prior_comes_first(divergence: str, first: list[str]) -> None:
    scene = drawn.curves(seen(1, divergence=divergence))
    assert [[panel["key"] for panel in row] for row in scene.rows if row] == [
        [key] for key in [*first, "reconstruction", "neighbours", "samples"]
    ]
    assert not any(drawn.curves(seen(0, divergence=divergence)).rows)


def test_every_network_has_its_numbers() -> None:
    view = seen(2, seeds=3)
    numbers, kls, note = drawn.inside(view)
    assert isinstance(numbers, Table) and isinstance(kls, Chart) and isinstance(note, Text)
    nll, divergence = view.frame.by_seed
    assert kls.data["value"].tolist() == [float(value) for value in divergence]
    assert all(f"{value:.1f}" in note.text for value in nll)
    mean, deviation = view.frame.mean, view.frame.deviation
    assert numbers.rows[0][1] == " and ".join(f"{m:.2f} ± {s:.2f}" for m, s in zip(mean, deviation, strict=True))


def test_before_the_first_step_inside_says_what_to_do() -> None:
    numbers, hint = drawn.inside(seen(0))
    assert isinstance(numbers, Table) and isinstance(hint, Text) and hint.tone == "hint"
    numbers, _ = drawn.inside(seen(0, data="moons", likelihood="gaussian"))
    assert isinstance(numbers, Table) and "learned deviation" in numbers.rows[-1][0]


def test_beside_another_run_the_plane_says_what_the_folded_scores_do() -> None:
    view = seen(2, divergence="none")
    beside = View(**{**vars(view), "beside": True})
    [plane] = [panel for row in drawn.stage(beside).rows for panel in row if panel["key"] == "plane"]
    found = drawn.facts(beside)
    assert found["spread_told"] in plane["title"] and f"{found['rec_told']} nats" in plane["title"]
    assert "drag" in drawn.words.plane_title(view) and "drag" in drawn.words.plane_title(seen(0))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_plane_reaches_past_every_code_before_training(seed: int) -> None:
    frame = Experiment(Config(seed=seed)).frame()
    assert np.abs(frame.codes).max() < 0.97 * frame.reach


def test_one_code_far_out_does_not_make_the_plane_small() -> None:
    codes = np.random.default_rng(0).standard_normal((500, 2)).clip(-2, 2)
    assert reach(codes) == 3.0
    codes[0] = 30.0
    assert reach(codes) <= 4.0
    codes[0] = np.nan
    assert np.isfinite(reach(codes))
