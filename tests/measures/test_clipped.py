"""What the stages say where diffusion ends on a border: measured on the samples, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scene_format import words

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.labs.diffusion import Config, Experiment
from engine.measures.clipped import clipped, clipped_pixels, on_border
from engine.nets.sampling import Schedule

HOW = {"limit": 1.25, "alpha": 5e-5}


def test_corners_and_edges_are_counted() -> None:
    x = np.array([[1.25, -1.25], [1.25, 0.1], [0.3, 0.2], [-1.25, 1.25]], np.float32)
    assert on_border(x, 1.25) == (3, 2)
    assert clipped(x, **HOW).startswith("3 of 4 samples lie on the border of a square, 2 in its corners: ")
    assert "α is only 0.00005: " in clipped(x, **HOW)
    assert clipped(x[[0, 3]], **HOW).startswith("2 of 2 samples lie in the corners of a square: ")
    assert clipped(np.concatenate([x[2:3]] * 9 + [x[:1]]), **HOW) == ""


def test_pixels_are_counted() -> None:
    assert clipped_pixels(np.ones((3, 64), np.float32), limit=1.0, alpha=5e-5).startswith("100% of the pixels")
    assert clipped_pixels(np.zeros((3, 64), np.float32), limit=1.0, alpha=5e-5) == ""


@pytest.mark.parametrize(
    ("knobs", "many"), [({}, True), ({"objective": "flow"}, False), ({"sampling_steps": 20}, False)]
)
def test_one_step_of_noise_prediction_is_explained_and_other_ways_are_not(knobs: dict[str, object], many: bool) -> None:
    experiment = Experiment(Config(**{"data": "ring", "size": "small", "sampling_steps": 1} | knobs))
    for _ in range(60):
        experiment.step()
    frame = experiment.frame()
    said = clipped(frame.path[-1], limit=frame.clip, alpha=float(frame.alpha[-1]))
    assert bool(said) is many
    if many:
        assert on_border(frame.path[-1], frame.clip)[0] == len(frame.path[-1]) == 512
        assert "(x − σ ε̂) / α" in said


@pytest.mark.parametrize("steps", [10, 15, 20, 21, 50, 1000])
def test_betas_that_a_short_linear_schedule_cannot_have_are_counted(steps: int) -> None:
    wanted = np.linspace(1e-4, 0.02, steps) * 1000 / steps
    held = Schedule("linear", steps).held
    assert held == (wanted > 0.999).sum() and (held > 0) is (steps <= 20)
    frame = Experiment(Config(data="ring", schedule="linear", steps=steps, size="small")).frame()
    assert frame.held == held


def test_the_first_look_is_marked_as_clipped_and_is_part_of_the_state() -> None:
    experiment = Experiment(Config(data="ring", size="small"))
    for _ in range(60):
        experiment.step()
    assert (experiment.few.clipped[:, 0] > 0.75).all() and (experiment.few.clipped[:, 2:] < 0.5).all()
    again = Experiment(Config(data="ring", size="small"))
    again.load_state_dict(experiment.state_dict())
    assert np.array_equal(again.frame().clipped, experiment.frame().clipped)
    flow = Experiment(Config(data="ring", size="small", objective="flow"))
    for _ in range(60):
        flow.step()
    assert (flow.few.clipped < 0.5).all()


def said_below(slug: str, **knobs: object) -> str:
    """The words on the stage of a lab after eight steps."""
    lab = engine.lab(slug)
    experiment = lab.Experiment(lab.Config(**knobs))
    for _ in range(8):
        experiment.step()
    return words(registry.view(slug).stage(View(experiment.frame(), experiment.config, step=8, last_step=8)))


def test_both_stages_say_why_samples_lie_in_corners() -> None:
    assert "of 512 samples lie" in said_below("diffusion", data="ring", size="small", sampling_steps=1)
    flow = said_below("diffusion", data="ring", size="small", sampling_steps=1, objective="flow")
    assert "of 512 samples lie" not in flow
    short = said_below("diffusion", data="ring", size="small", schedule="linear", steps=10)
    assert "asks for a β of 1 or more in the last 5" in short
    families = said_below("generative_families", families=("diffusion",), sampling_steps=1)
    assert "of 300 samples lie" in families and "flow matching divides by nothing" in families.lower()
