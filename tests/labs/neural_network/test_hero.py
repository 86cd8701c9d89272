"""What stands in front on the page: the network with its layers and its data to turn, the plane, the activation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from moments import moment
from playwright.sync_api import Browser, expect
from visitor import visit

from engine.contract.view import View
from engine.data import plane
from engine.labs import neural_network as lab
from engine.labs.neural_network import thumbnails, view
from engine.labs.neural_network.resolution import INPUT_EDGES
from engine.labs.neural_network.slopes import CURVES
from engine.nets import stacked


def panels(moment: View) -> dict[str, dict[str, Any]]:
    return {panel["key"]: panel for row in view.stage(moment).rows for panel in row}


def seen(steps: int = 1, **knobs: Any) -> View:
    return moment(lab.Experiment(lab.Config(**({"samples": 40} | knobs))), steps)


def test_the_network_and_its_plane_stand_in_front_and_are_equally_large() -> None:
    first, *others = view.stage(seen(seeds=2, gradients=True)).rows
    assert [panel["key"] for panel in first] == ["network", "output"]
    assert first[0]["weight"] == first[1]["weight"]
    assert [[panel["key"] for panel in row] for row in others] == [["seeds"], ["gradients"], ["activation"]]


def test_the_layers_on_the_stage_are_those_of_the_knob() -> None:
    for hidden in ((), (3,), (5, 4, 8)):
        network = panels(seen(hidden=hidden))["network"]
        assert network["steppers"] == {"knob": "hidden", "sizes": list(hidden), "low": 1, "high": 64, "most": 8,
                                       "first": 8}  # fmt: skip


def test_beside_another_run_nothing_turns_one_of_the_two_alone() -> None:
    beside = panels(View(**{**vars(seen()), "beside": True}))
    assert "steppers" not in beside["network"] and "buttons" not in beside["network"]


def test_each_thumbnail_shows_points_of_the_data_that_it_chooses() -> None:
    config = lab.Config(data="moons")
    [group] = panels(seen(data="moons"))["network"]["buttons"]
    assert [choice["text"] for choice in group["choices"]] == ["Circle", "XOR", "Gaussians", "Spiral", "Moons",
                                                              "Checkerboard"]  # fmt: skip
    assert group["choices"][group["chosen"]]["knobs"] == {"data": "moons"}
    for choice in group["choices"]:
        name = choice["knobs"]["data"]
        assert config.parsed({"data": name}) == {"data": name}
        data, cells = plane.plane(name, thumbnails.POINTS), thumbnails.thumbnail(name)
        places = np.round((data.xy / thumbnails.SHOWN + 1) / 2 * thumbnails.SIDE).astype(int)
        inside = np.abs(data.xy).max(axis=1) < 0.95 * thumbnails.SHOWN
        there = [cells[thumbnails.SIDE - 1 - np.clip(y, 1, 30)][np.clip(x, 1, 30)] for x, y in places[inside]]
        labels = data.labels[inside] + 1
        assert np.mean(np.array(there) == labels) > 0.8  # where clouds meet, one class lies over the other


def test_no_thumbnail_is_pressed_while_other_data_are_learned() -> None:
    [group] = panels(seen(data="rings"))["network"]["buttons"]
    assert group["chosen"] == -1


@pytest.mark.parametrize("name", stacked.ACTIVATIONS)
def test_the_drawn_activation_and_its_slope_are_those_that_train(name: str) -> None:
    z = torch.linspace(-5, 5, 400, dtype=torch.float64)
    of = stacked.ACTIVATIONS[name]
    value, slope = CURVES[name]
    np.testing.assert_allclose(value(z.numpy()), of.function(z), atol=1e-12)
    np.testing.assert_allclose(slope(z.numpy()), of.derivative(z, of.function(z)), atol=1e-12)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_the_spread_is_that_of_what_reaches_the_hidden_activations(norm: str) -> None:
    experiment = lab.Experiment(lab.Config(samples=60, hidden=(6, 5), norm=norm))
    for _ in range(3):
        experiment.step()
    reached: list[np.ndarray] = []
    for module in experiment.model:
        if isinstance(module, torch.nn.Tanh):
            module.register_forward_pre_hook(lambda _, given: reached.append(given[0].detach().numpy()))
    experiment.model(torch.from_numpy(experiment.xy[: experiment.n_train]))
    values = np.concatenate([each.ravel() for each in reached])
    frame = experiment.frame()
    counts, _ = np.histogram(values, INPUT_EDGES)
    np.testing.assert_allclose(frame.input_histogram, counts / len(values), atol=2 / len(values))
    assert frame.flat == pytest.approx(np.mean(1 - np.tanh(values) ** 2 < 0.1), abs=1e-3)


def test_the_activation_says_which_it_is_and_how_much_is_flat() -> None:
    drawn = seen(3, activation="relu")
    panel = panels(drawn)["activation"]
    [group] = panel["buttons"]
    assert group["choices"][group["chosen"]] == {"text": "ReLU", "knobs": {"activation": "relu"}}
    assert f"{drawn.frame.flat:.0%} of the places" in panel["note"] and 0.2 < drawn.frame.flat < 0.8
    assert "note" not in panels(seen(hidden=()))["activation"]  # nobody applies it


def test_test_points_are_paler_than_those_it_trains_on() -> None:
    layers = {layer["name"]: layer for layer in panels(seen())["output"]["layers"]}
    assert layers["Test"]["faint"] and "faint" not in layers["Train"]


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_neurons_layers_and_data_are_turned_on_the_stage(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("neural_network", seed="1")
        stage = visitor.page.locator(".panel").filter(has_text="What neurons see")
        for name, hidden in (("One neuron more in layer 2", "8,9,8"), ("One neuron less in layer 1", "7,9,8"),
                             ("One hidden layer less", "7,9"), ("One hidden layer more", "7,9,9")):  # fmt: skip
            stage.get_by_role("button", name=name).click()
            visitor.until(lambda hidden=hidden: visitor.link.get("hidden") == hidden, f"the layers {hidden}")
        visitor.until(lambda: "(" + f"{7 * 3 + 9 * 8 + 9 * 10 + 10} parameters)" in stage.inner_text(), "the network")
        first = stage.get_by_role("button", name="One neuron less in layer 1")
        first.focus()
        visitor.page.keyboard.press("ArrowRight")  # one stop of the Tab key for all layers, and no number on the way
        expect(stage.get_by_role("button", name="One neuron more in layer 1")).to_be_focused()
        stage.get_by_role("button", name="Moons").click()
        visitor.until(lambda: visitor.link.get("data") == "moons", "the data")
