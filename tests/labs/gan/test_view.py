"""What is written and drawn of a GAN beside its pictures: the line of slow motion, the curves, the measures."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from moments import moment
from scene_format import words

from engine.contract.figure import Table
from engine.contract.view import View
from engine.labs import gan as lab
from engine.labs.gan import charts
from engine.labs.gan import view as drawn


def seen(steps: int, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**({"batch_size": 16} | knobs)))
    return moment(experiment, steps)


LONE = {"data": "dirac", "penalty": 0.0, "critic_steps": 1, "generator_optimiser": "gradient_descent",
        "discriminator_optimiser": "gradient_descent", "generator_rate": 0.1, "discriminator_rate": 0.1}  # fmt: skip


def lit(view: View) -> list[str]:
    panel = next(panel for row in drawn.stage(view).rows for panel in row if panel["key"] == "round")
    return [span["text"] for [spans] in panel["rows"] for span in spans if span.get("lit")]


def test_in_slow_motion_the_stage_that_was_done_last_is_lit() -> None:
    begun = seen(0, slow_motion=True, critic_steps=2)
    assert lit(begun) == [] and words(drawn.stage(begun)).splitlines()[0].endswith(
        "Press Step, or Play: one stage at a time."
    )
    assert words(drawn.stage(begun)).startswith("Draw real points (×2) → Forge fakes (×2) → ")
    assert [lit(seen(step, slow_motion=True, critic_steps=2)) for step in (1, 2, 4)] == [
        ["Draw real points (1 of 2)"], ["Forge fakes (1 of 2)"], ["Draw real points (2 of 2)"],
    ]  # fmt: skip
    assert "Draw" not in words(drawn.stage(seen(1)))


def test_the_table_says_of_every_number_what_real_points_score() -> None:
    view = seen(1, seeds=2)
    shown, mean, floor = [line.split(" | ") for line in words(drawn.stage(view)).splitlines()[1:4]]
    of, floors = view.frame.of_pairs, view.frame.floors
    assert shown[:3] == ["Shown pair", f"{of['modes'][0]:.0f}", f"{of['energy'][0]:.3f}"]
    assert mean[0] == "Mean of 2 pairs" and mean[2] == f"{np.mean(of['energy']):.3f}"
    assert floor[:3] == ["Real to real", "8", f"{floors['energy']:.3f}"]


def flows(view: View) -> list[str]:
    return next(panel["flows"] for row in drawn.stage(view).rows for panel in row if panel["key"] == "fakes")


def test_something_flows_along_the_loop_where_the_last_step_went() -> None:
    """A round goes all the way; only who learns gets a gradient; in slow motion one stage is seen."""
    round_ = ["real", "noise", "forge", "judge", "teach_d", "teach_g"]
    assert flows(seen(1)) == round_
    assert flows(seen(1, train="discriminator")) == round_[:-1]
    assert flows(seen(1, train="generator")) == ["noise", "forge", "judge", "teach_g"]
    slow = [flows(seen(step, slow_motion=True, critic_steps=1)) for step in range(1, 6)]
    assert slow == [["real"], ["noise", "forge"], ["judge", "teach_d"], ["noise", "forge"], ["judge", "teach_g"]]
    assert "flows" not in drawn.stage(seen(1, seeds=2)).rows[0][0]  # there the pairs are what it is about


def test_the_loop_says_the_losses_and_what_the_discriminator_answers() -> None:
    view = seen(1, loss="non_saturating")
    plane = drawn.stage(view).rows[0][0]
    of = view.frame.measures
    assert plane["losses"] == [f"{of[name]:.2f}" for name in ("discriminator_loss", "generator_loss")]
    probability = 1 / (1 + np.exp(-view.frame.verdicts.astype(float)))
    assert plane["verdicts"] == [f"{row.mean():.2f}" for row in probability] and plane["score"] == "D(x)"
    assert drawn.stage(seen(1)).rows[0][0]["score"] == "score"


def test_who_learns_is_chosen_in_the_picture() -> None:
    for chosen, train in enumerate(("both", "discriminator", "generator")):
        for data in ("ring", "digits", "dirac"):
            learners, pace = drawn.stage(seen(0, train=train, data=data)).rows[0][0]["buttons"]
            assert learners["chosen"] == chosen
            assert [choice["knobs"] for choice in learners["choices"]][chosen] == {"train": train}
            assert pace["choices"][0]["knobs"] == {"slow_motion": "1"} and pace["chosen"] == -1


def test_both_players_stay_in_the_picture_and_beside_each_other_it_has_one_scale() -> None:
    out, round_ = (seen(250, **LONE, updates=updates) for updates in ("simultaneous", "alternating"))
    scenes = [drawn.stage(view) for view in (out, round_)]
    theta, slope = out.frame.trail[-1]
    plane, circle = scenes[0].rows[0]
    assert (plane["key"], circle["key"]) == ("fakes", "circle")
    assert plane["x"][0] < theta < plane["x"][1] and plane["y"][0] < theta * slope < plane["y"][1]
    assert plane["x"] == circle["x"] and all(np.abs(out.frame.trail).max(0) < circle["x"][1])
    scenes[1].beside(axes=[scenes[0].axes()])
    assert [panel["x"] for panel in scenes[1].rows[0]] == [plane["x"], circle["x"]]
    for panel, other in zip(*(scene.rows[0] for scene in scenes), strict=True):
        assert panel["y"] == other["y"]
    broken = dataclasses.replace(out, frame=dataclasses.replace(out.frame, trail=np.full((3, 2), np.inf)))
    assert drawn.stage(broken).to_bytes()


def test_every_measure_stands_beside_its_floor() -> None:
    view = seen(2)
    scene = drawn.curves(view)
    panels = {panel["key"]: panel for row in scene.rows for panel in row}
    assert set(panels) == {"modes", *view.frame.floors, "losses", "push", "unpushed"}
    for name, level in view.frame.floors.items():
        measure, floor = panels[name]["series"]
        assert (measure["metric"], floor["metric"]) == (name, "floor")
        assert scene.arrays[floor["xy"]][1].tolist() == [np.float32(level)] * 2
    table = next(figure for figure in drawn.inside(view) if isinstance(figure, Table))
    assert [row[2] for row in table.rows] == [f"{view.frame.floors[n]:.4f}" for n in charts.NAMES if n in panels]


def test_curves_are_drawn_of_what_is_measured() -> None:
    assert not any(drawn.curves(seen(0)).rows)
    assert [panel["key"] for row in drawn.curves(seen(1, data="dirac")).rows for panel in row] == ["distance"]
    banded = drawn.curves(seen(2, seeds=2))
    assert {panel["key"] for row in banded.rows for panel in row if panel["bands"]} == {"modes", "js"}


def test_no_fake_is_cut_by_the_edge_and_those_beyond_are_counted() -> None:
    view = seen(0)
    scene = drawn.stage(view)
    plane = next(panel for row in scene.rows for panel in row if panel["key"] == "fakes")
    [fakes] = [layer for layer in plane["layers"] if layer["name"] == "Fake"]
    [told] = [layer["text"] for layer in plane["layers"] if layer["kind"] == "text"]
    shown, most = scene.arrays[fakes["xy"]], plane["x"][1]
    assert len(shown) > 0 and np.abs(shown).max() < most
    assert told.split()[:3] == [str(len(view.frame.fake) - len(shown)), "of", str(len(view.frame.fake))]
    beyond = (np.abs(view.frame.fake) >= most).any(axis=1).sum()
    assert 0 < beyond <= len(view.frame.fake) - len(shown)
