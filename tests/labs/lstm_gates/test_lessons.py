"""What the lessons of lstm_gates say is what the runs do, over eight seeds; seed 0 is the one on screen."""

from __future__ import annotations

import dataclasses
import math
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson
from moments import moment
from scene_format import words

from engine.contract import registry
from engine.contract.device import denormals_as_zero, generator
from engine.contract.view import View
from engine.labs.lstm_gates import BATCH, Config, Experiment
from engine.labs.lstm_gates.words import PERCENT, facts, share, spelled
from ui.lesson import lessons

SLUG = "lstm_gates"
ALL_THE_SAME = 2  # the one seed of eight whose LSTM learns with a closed gate too
SEEDS = range(8)
EVERY = 10  # steps from one look to the next
drawn = registry.view(SLUG)


@cache
def run(chosen: Config, cells: tuple[str, ...], steps: int) -> dict[int, View]:
    """What there was to see after every tenth step; only `cells` learn, which saves time."""
    experiment = Experiment(chosen)
    curves: dict[str, list[float]] = {f"{metric}_{kind}": [] for kind in cells for metric in ("loss", "gradient")}
    frames = {0: experiment.frame()}
    for number in range(steps):
        x, y = experiment.task.draw(BATCH[chosen.task], generator(chosen.seed, f"batch/{number}"))
        with denormals_as_zero():
            for kind in cells:
                experiment._learn(kind, x, y)
                curves[f"loss_{kind}"].append(float(np.mean(experiment.losses[kind])))
                curves[f"gradient_{kind}"].append(experiment.norms[kind])
        if (number + 1) % EVERY == 0:
            frames[number + 1] = experiment.frame()
    history = {name: (np.arange(1, steps + 1), np.array(values)) for name, values in curves.items()}
    return {step: View(frame, chosen, history, step, steps) for step, frame in frames.items()}


def shown(name: str, *cells: str, beside: bool = False, **knobs: Any) -> dict[int, View]:
    return run(config(SLUG, name, beside=beside, **knobs), cells, lesson(SLUG, name).at or 0)


def of_all(seed: int) -> dict[int, View]:
    """The first lesson: all three learn to add."""
    return shown("the_rnn_forgets", "rnn", "gru", "lstm", seed=seed)


def at_end(name: str, *cells: str, beside: bool = False, **knobs: Any) -> dict[str, Any]:
    return facts(shown(name, *cells, beside=beside, **knobs)[lesson(SLUG, name).at or 0])


def test_every_lesson_has_three_answers_and_points_at_a_panel_that_is_there() -> None:
    for each in lessons(SLUG):
        assert len(each.answers) == 3 and each.at and len(each.title) <= 28 and each.point
        scene = drawn.stage(View(Experiment(each.config(Config)).frame(), each.config(Config)))
        [panel] = [panel for row in scene.rows for panel in row if panel["key"] == each.point.panel]
        assert each.point.layer in ["", *(layer["name"] for layer in panel["layers"])]
        assert set(each.knobs) <= {*Config.knobs()}


@pytest.mark.parametrize("name", ["the_rnn_forgets", "forget_bias", "exploding_gradients"])
def test_the_numbers_of_a_text_stand_on_the_panels_that_its_lesson_opens(name: str) -> None:
    chosen, settings = lesson(SLUG, name), config(SLUG, name, length=12, hidden=4)
    here = moment(Experiment(settings), 2)
    scene = drawn.stage(here)
    assert {*chosen.panels} <= {panel["key"] for row in scene.rows for panel in row} and "numbers" in chosen.panels
    found, told = facts(here), words(scene)
    named = {fact.removeprefix("beside.") for fact in chosen.names()}
    of_table = [fact for fact in named if fact.split("_")[0] in ("said", "since", "back", "keeps", "bound", "first")]
    assert of_table and all(f"{found[fact]}" in told for fact in of_table), (of_table, told)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(2, SEEDS))
def test_the_rnn_stays_at_guessing_and_the_others_learn_to_add(seed: int) -> None:
    chosen, found = lesson(SLUG, "the_rnn_forgets"), facts(of_all(seed)[350])
    assert chosen.holds(found) and found["reach_rnn"] < 1e-5
    assert 0.15 < found["loss_rnn"] < 0.3 and found["loss_gru"] < 0.02 and found["loss_lstm"] < 0.02
    assert 80 < found["learned_gru"] < 150 and 150 < found["learned_lstm"] < 300 and not found["learned_rnn"]
    assert found["reach_gru"] > 0.05 and found["reach_lstm"] > 0.5
    said = chosen.said(found)
    assert f"{found['learned_lstm']}" in said and found["back_rnn"] in said and r"\operatorname{diag}" in said
    younger = chosen.said(facts(of_all(seed)[60]))
    assert "not what the lesson is about" in younger


@pytest.mark.slow
def test_what_is_said_changes_with_what_has_been_learned() -> None:
    said = {step: drawn.say(view) for step, view in of_all(0).items()}
    assert said[0].startswith("Weights are random")
    assert said[60].startswith("Before it has learned to remember, the LSTM passes little gradient back")
    news = [step for step, words in said.items() if words.startswith("The GRU has learned it")]
    since = facts(of_all(0)[350])["learned_gru"]
    assert news and since <= news[0] < since + EVERY
    assert said[350] == "Learned by the GRU and the LSTM; not yet by the tanh RNN."
    assert max(map(len, said.values())) <= 120


@pytest.mark.slow
def test_after_a_rewind_the_numbers_are_those_of_that_moment() -> None:
    early = of_all(0)[60]
    assert early.last_step == 350 and facts(early)["learned_gru"] == 0
    assert facts(early)["loss_lstm"] == early.curves["loss_lstm"][1][59]


def test_what_the_forget_gate_lets_through_at_the_start() -> None:
    left, right = (1 / (1 + math.exp(-bias)) for bias in (-4, 1))
    assert right**49 == pytest.approx(2e-7, rel=0.1)
    assert left**49 == pytest.approx(3e-86, rel=0.1)
    for beside, gate in ((False, left), (True, right)):
        frame = Experiment(config(SLUG, "forget_bias", beside=beside)).frame()
        assert frame.kept[frame.cells.index("lstm")] == pytest.approx(gate, abs=0.06)
        assert np.isnan(frame.kept[frame.cells.index("rnn")])


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(2, SEEDS))
def test_with_a_closed_forget_gate_seven_of_eight_lstms_do_not_learn_to_add(seed: int) -> None:
    chosen = lesson(SLUG, "forget_bias")
    closed, opened = at_end("forget_bias", "lstm", seed=seed), facts(of_all(seed)[300])
    assert config(SLUG, "forget_bias", beside=True) == dataclasses.replace(of_all(seed)[0].config, cell="lstm", seed=0)
    assert opened["loss_lstm"] < 0.02 and opened["kept_lstm"] > 0.5 and closed["kept_lstm"] < 0.1
    assert chosen.holds(closed, opened) == (seed != ALL_THE_SAME)
    if seed != ALL_THE_SAME:
        assert closed["loss_lstm"] > 0.14 and closed["reach_lstm"] < 0.01
    said = chosen.said(closed, opened)
    assert ("usually goes otherwise" in said) == (seed == ALL_THE_SAME) and closed["said_lstm"] in said
    assert "usually goes otherwise" in chosen.said(opened, opened)  # the gate is open on both sides


@pytest.mark.parametrize("seed", first(3, SEEDS))
def test_without_clipping_the_loss_explodes_and_with_it_it_does_not(seed: int) -> None:
    chosen = lesson(SLUG, "exploding_gradients")
    free, cut = (at_end("exploding_gradients", "rnn", beside=beside, seed=seed) for beside in (False, True))
    assert chosen.holds(free, cut) and free["loss_rnn"] > 1e6 and cut["loss_rnn"] < 2
    assert free["first_rnn"] == cut["first_rnn"] and float(cut["first_rnn"]) > 5
    assert free["saturated_rnn"] > 0.95 and free["reach_rnn"] < 1e-8
    assert free["said_rnn"] in chosen.said(free, cut) and "10" in free["said_rnn"]
    assert "otherwise in each of eight runs" in chosen.said(cut, cut)


def test_a_run_that_has_left_all_bounds_is_drawn_and_told_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        views = run(config(SLUG, "exploding_gradients"), ("rnn",), 40)
        said = {step: drawn.say(view) for step, view in views.items()}
        scenes = {step: drawn.stage(view) for step, view in views.items()}
        for view in views.values():
            drawn.curves(view), drawn.inside(view)
    assert "saturated, and hardly any gradient gets back" in said[20] and "left all bounds" in said[40]
    assert "no number" in words(scenes[40]) and facts(views[20])["said_rnn"] in words(scenes[20])
    keys = [[panel["key"] for panel in row] for row in scenes[20].rows if row]
    assert keys == [["memory", "gradient"], ["loss", "length"], ["numbers"], ["cell"]]
    for key, metric in (("loss", "loss_rnn"), ("length", "gradient_rnn")):
        [panel] = [panel for panel in scenes[20].rows[1] if panel["key"] == key]
        assert panel["y"][1] > np.log10(views[20].curves[metric][1][:20].max())  # it does not leave the picture


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(2, SEEDS))
def test_one_number_of_the_lstms_cell_counts_brackets_and_none_of_the_rnns_state_does(seed: int) -> None:
    chosen = lesson(SLUG, "a_neuron_that_counts")
    view = shown("a_neuron_that_counts", "rnn", "lstm", seed=seed)[200]
    found = facts(view)
    assert chosen.holds(found) and found["follows"] >= 0.97
    assert "correlation" in drawn.say(view) and found["counting"] in chosen.said(found)
    other = facts(shown("a_neuron_that_counts", "rnn", "lstm", seed=seed, cell="rnn")[200])
    assert other["follows"] < 0.9 and "in each of\neight runs" in chosen.said(other)


def test_before_the_first_step_the_stage_does_not_tell_what_counts() -> None:
    view = shown("a_neuron_that_counts", seed=0)[0]
    assert "orrelation" not in str(drawn.stage(view).rows)
    adding = Config(task="adding")
    assert "no brackets here" in facts(View(Experiment(adding).frame(), adding))["counting"]


def test_numbers_of_any_size_are_short() -> None:
    assert [spelled(value) for value in (0.0, 0.02345, 46.64, 1234.4, 3.2e26, 1.2e-9)] == [
        "0", "0.0234", "46.6", "1,234", "3·10²⁶", "10⁻⁹",
    ]  # fmt: skip
    assert [share(value) for value in (25.7, 1.2, 0.476, 0.0031, 1e-12, math.nan)] == [
        "25.7 times as much", f"120{PERCENT}", f"48{PERCENT}", "3·10⁻³", "under 10⁻⁸", "no number",
    ]  # fmt: skip
