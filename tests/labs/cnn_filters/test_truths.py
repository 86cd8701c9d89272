"""The truths of cnn_filters: sizes, receptive fields, the sum that slides, parts of a batch, and what is learned."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from lesson_runs import first
from torch import nn

import engine
from engine.contract import weights as network_file
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.contract.view import View
from engine.data import images, shelf
from engine.labs import cnn_filters
from engine.labs.cnn_filters import Config, Experiment, view
from engine.labs.cnn_filters.accuracy import shifted
from engine.measures import attribution
from engine.nets import convnet
from engine.nets.convnet import Architecture, ArchitectureError, ConvNet, Window

SEEDS = first(2, range(5))
windows = st.builds(
    Window, kernel=st.integers(1, 7), stride=st.integers(1, 3), padding=st.integers(0, 4), dilation=st.integers(1, 3)
)


def small(**knobs: Any) -> Config:
    """Digits of 8 x 8 and random weights, which is quick; the page opens with larger ones and a trained network."""
    return Config(**({"data": "digits", "start": "scratch", "channels": (16, 32)} | knobs))


def trained(steps: int, **knobs: Any) -> tuple[Experiment, list[dict[str, float]]]:
    experiment = Experiment(small(**knobs))
    return experiment, list(engine.train(experiment, steps))


# ------------------------------------------------------------------ sizes


@given(n=st.integers(1, 40), window=windows)
def test_output_size_is_torchs(n: int, window: Window) -> None:
    size = cnn_filters.output_size(n, *window)
    layer = nn.Conv1d(1, 1, *window)
    if size < 1:
        with pytest.raises(RuntimeError):
            layer(torch.zeros(1, 1, n))
    else:
        assert layer(torch.zeros(1, 1, n)).shape[-1] == size


@given(layers=st.lists(windows, min_size=1, max_size=4))
def test_the_receptive_field_is_the_support_of_the_gradient(layers: list[Window]) -> None:
    """With all weights positive, the gradient of one unit is not zero exactly where it can see, or skips over."""
    size, stride = cnn_filters.receptive_field(layers)
    assume(size <= 120)
    side = size + 4 * stride + 2 * sum(layer.padding for layer in layers)
    modules = [nn.Conv1d(1, 1, w.kernel, w.stride, 0, w.dilation, bias=False, dtype=torch.float64) for w in layers]
    network = nn.Sequential(*modules)
    for module in modules:
        nn.init.ones_(module.weight)

    def seen(unit: int) -> np.ndarray:
        x = torch.ones(1, 1, side, requires_grad=True, dtype=torch.float64)
        network(x)[0, 0, unit].backward()
        assert x.grad is not None
        return np.flatnonzero(x.grad[0, 0])

    first, second = seen(0), seen(1)
    assert first[-1] - first[0] + 1 == size
    assert second[0] - first[0] == stride
    assert cnn_filters.receptive_field(modules) == (size, stride)


@pytest.mark.parametrize("side", [2, 5, 8])
def test_maxima_without_a_gradient_are_those_of_torchs_pooling(side: int) -> None:
    model = ConvNet(Architecture(side=8, classes=3, channels=(4,)), torch.Generator().manual_seed(0))
    a = torch.randn(3, 4, side, side + 1, generator=torch.Generator().manual_seed(1))
    assert torch.equal(model.pool(a), torch.nn.functional.max_pool2d(a, 2))
    assert torch.equal(model.pool(a.clone().requires_grad_()), model.pool(a))


def test_pooling_counts_as_a_layer() -> None:
    assert cnn_filters.receptive_field([(3, 1, 1), nn.MaxPool2d(2), (3,)]) == (8, 2)
    assert cnn_filters.receptive_field([]) == (1, 1)


ARCHITECTURES = [
    Architecture(side=8, classes=10),
    Architecture(side=28, classes=10, channels=(3, 5, 4), depth=8, kernel=5, stride=1, padding=2, norm="batch"),
    Architecture(side=28, classes=10, channels=(2, 4), depth=7, kernel=4, padding=3, dilation=2, residual=True),
    Architecture(side=20, classes=3, channels=(4, 4), depth=5, stride=2, pooling="none", norm="group", residual=True),
    Architecture(side=16, classes=3, channels=(6,), depth=2, kernel=7, padding=0, pooling="average", norm="layer"),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_rows_are_what_the_network_does(architecture: Architecture) -> None:
    model = ConvNet(architecture, generator(0, "weights")).eval()
    x = torch.rand(2, 1, architecture.side, architecture.side)
    assert model(x).shape == (2, architecture.classes)
    for row, seen, layer in zip(architecture.rows, model.trace(x), model.parts, strict=True):
        assert seen.x.shape[1:] == (row.inputs, row.side_in, row.side_in)
        assert seen.z.shape[1:] == (row.outputs, row.side_conv, row.side_conv)
        assert seen.out.shape[1:] == (row.outputs, row.side_out, row.side_out)
        assert torch.allclose(seen.z, layer.conv(seen.x))
    weights = sum(layer.conv.weight.numel() * row.side_conv**2 for row, layer in
                  zip(architecture.rows, model.parts, strict=True))  # fmt: skip
    assert architecture.multiplications == weights + model.head.weight.numel()
    assert len(architecture.rows) == architecture.depth


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_frame_in_the_picture_is_where_the_gradient_is(architecture: Architecture) -> None:
    """For every layer, at several units: what lies in the picture between `start + jump * unit` and `+ sees`."""
    linear = dataclasses.replace(architecture, norm="none", residual=False)
    model = ConvNet(linear, generator(0, "weights")).double()
    for layer in model.parts:
        nn.init.ones_(layer.conv.weight)
    side = linear.side
    for place, row in enumerate(linear.rows):
        for unit in sorted({0, row.side_conv // 2, row.side_conv - 1}):
            x = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
            traces = model.trace(x + torch.arange(side) * 1e-9)  # so that max pooling takes the rightmost
            traces[place].z[0, 0, unit, unit].backward()
            assert x.grad is not None
            columns = np.flatnonzero(x.grad[0, 0].sum(0))
            low = max(0, row.start + row.jump * unit)
            high = min(side, row.start + row.jump * unit + row.sees) - 1
            if len(columns):
                assert low <= columns[0] and columns[-1] <= high
            if linear.pooling == "none" and linear.dilation == 1 and linear.kernel >= linear.stride and low <= high:
                assert (columns[0], columns[-1]) == (low, high)


def test_a_geometry_that_shrinks_to_nothing_says_where() -> None:
    for knobs, said in (
        ({"kernel": 7}, "At layer 2 the kernel of 7 × 7 does not fit into a map of 2 × 2 with padding 1"),
        (
            {"dilation": 3, "padding": 0, "kernel": 5},
            "At layer 1 the kernel of 5 × 5, stretched to 13 × 13 by dilation",
        ),
        ({"channels": (4, 4, 4, 4)}, "Behind layer 4 the map is 1 × 1, too small to pool"),
        ({"norm": "group", "channels": (4, 4, 4, 4), "stride": 2, "pooling": "none"}, "groups of a single number"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            small(**knobs)
        assert caught.value.knob == "channels"


def test_an_architecture_comes_back_from_its_text_and_nothing_else_does() -> None:
    for architecture in ARCHITECTURES:
        assert Architecture.from_json(architecture.to_json()) == architecture
    good = ARCHITECTURES[0].to_json()
    for text in ("", "[]", "{}", "null", "[" * 100_000, good.replace("16", "1000000"), good.replace('"max"', '"min"'),
                 good.replace('"side"', '"edge"'), good.replace("8", "8.5"), good.replace("false", "3")):  # fmt: skip
        with pytest.raises(ArchitectureError, match=r"\.$"):
            Architecture.from_json(text)


# ------------------------------------------------------------------ the number that is followed


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_sliding_sum_is_torchs_convolution(layer: int, norm: str) -> None:
    """Product by product as the page slides, with stride, padding and dilation."""
    knobs = {"channels": (5, 6), "depth": 3, "stride": 2, "padding": 2, "dilation": 2, "pooling": "none", "norm": norm}
    experiment, _ = trained(3, layer=layer, channel=3, source=2, **knobs)
    frame = experiment.frame()
    _, s, p, d = (window := frame.rows[layer - 1].window)
    k = window.kernel
    padded = np.pad(frame.inputs, ((0, 0), (p, p), (p, p)))
    for r in range(len(frame.sums)):
        for c in range(len(frame.sums)):
            patch = padded[:, r * s : r * s + d * (k - 1) + 1 : d, c * s : c * s + d * (k - 1) + 1 : d]
            assert (patch * frame.kernel).sum() + frame.bias == pytest.approx(frame.sums[r, c], abs=1e-5)
    x, w = torch.from_numpy(frame.inputs)[None], torch.from_numpy(frame.kernel)[None]
    expected = F.conv2d(x, w, torch.tensor([frame.bias]), stride=s, padding=p, dilation=d)[0, 0]
    assert np.allclose(frame.sums, expected, atol=1e-5)
    assert np.array_equal(frame.active, np.maximum(frame.normed, 0))
    if norm == "none":
        assert np.array_equal(frame.normed, frame.sums)


def test_the_last_step_of_the_way_is_the_weight_of_the_class() -> None:
    experiment, _ = trained(20, layer=2, channel=7)
    frame = experiment.frame()
    weight = experiment.model.head.weight[frame.answer].reshape(32, 2, 2)[7].detach()
    assert frame.last and np.allclose(frame.towards, weight, atol=1e-6)
    assert frame.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(frame.pooled, frame.active.reshape(2, 2, 2, 2).max(axis=(1, 3)))


def test_the_picture_is_the_one_that_was_asked_for() -> None:
    data = images.load("digits")
    experiment = Experiment(small(example=7, shift_x=2, shift_y=-1))
    frame = experiment.frame()
    assert frame.label == data.test_y[7]
    assert np.array_equal(frame.picture[:-1, 2:], data.test_x[7, 0, 1:, :-2])
    assert not frame.picture[-1].any() and not frame.picture[:, :2].any()
    drawn = np.zeros((8, 8), np.float32)
    drawn[1:7, 4] = 1
    experiment.update(small(picture=images.pack(drawn)))
    assert np.array_equal(experiment.frame().picture, drawn) and experiment.frame().label == -1
    with pytest.raises(ConfigError, match="picture"):
        small(picture=images.pack(np.zeros((28, 28), np.float32)))


def test_every_attribution_stands_under_its_own_name() -> None:
    assert tuple(view.METHODS) == attribution.METHODS


@given(right=st.integers(-4, 4), down=st.integers(-4, 4))
def test_shifting_moves_and_lets_nothing_in(right: int, down: int) -> None:
    x = torch.arange(1.0, 65).reshape(1, 1, 8, 8)
    moved = shifted(x, right, down)[0, 0]
    for r in range(8):
        for c in range(8):
            inside = 0 <= r - down < 8 and 0 <= c - right < 8
            assert moved[r, c] == (x[0, 0, r - down, c - right] if inside else 0)


# ------------------------------------------------------------------ training in parts


def test_the_parts_of_a_batch_add_up_to_its_gradient() -> None:
    knobs = {"channels": (16, 16), "depth": 30, "batch_size": 128, "norm": "group"}
    experiment = Experiment(small(**knobs))
    assert experiment.plan.shares > 1 and experiment.plan.steps_per_update == experiment.plan.shares + 1
    whole = ConvNet(experiment.architecture, generator(0, "weights"))
    places = experiment._batch(0).numpy()
    data = experiment.images
    loss = F.cross_entropy(whole(torch.from_numpy(data.train_x[places])), torch.from_numpy(data.train_y[places]))
    loss.backward()
    for _ in range(experiment.plan.shares - 1):
        experiment.step()
    places = experiment._batch(0).tensor_split(experiment.plan.shares)[-1]
    experiment._train(places)
    for mine, other in zip(experiment.parameters, whole.parameters(), strict=True):
        assert mine.grad is not None and other.grad is not None
        assert torch.allclose(mine.grad, other.grad, atol=1e-5)


def test_a_run_is_restored_in_the_middle_of_an_update() -> None:
    config = small(channels=(16, 16), depth=30, batch_size=128)
    experiment = Experiment(config)
    list(engine.train(experiment, experiment.plan.steps_per_update + 2))
    state = pickle.loads(pickle.dumps(experiment.state_dict()))
    other = Experiment(config)
    other.load_state_dict(state)
    steps = experiment.plan.steps_per_update
    assert list(engine.train(other, steps)) == list(engine.train(experiment, steps))


def test_every_training_picture_comes_once_in_an_epoch() -> None:
    experiment = Experiment(small(batch_size=64))
    per_epoch = len(experiment.images.train_x) // 64
    for epoch in (0, 1):
        seen = torch.cat([experiment._batch(epoch * per_epoch + i) for i in range(per_epoch)])
        assert len(seen.unique()) == len(seen)
    assert not torch.equal(experiment._batch(0), experiment._batch(per_epoch))


def test_what_would_hold_up_everybody_is_refused_with_a_reason() -> None:
    with pytest.raises(ConfigError, match="one step of this network would take about"):
        small(channels=(32,) * 3, depth=50, kernel=7, padding=4)
    assert Experiment(small(depth=50)).plan.steps_per_update > 1
    with pytest.raises(ConfigError, match="attribution"):
        small(depth=50, attribution=True)
    with pytest.raises(ConfigError, match=r"size = 'large' .* Take the standard size, fewer layers"):
        small(size="large", depth=50)


@given(
    channels=st.lists(st.integers(1, 32), min_size=1, max_size=3).map(tuple), depth=st.integers(1, 50),
    batch_size=st.integers(4, 256), norm=st.sampled_from(convnet.NORMS), kernel=st.sampled_from([1, 3, 5]),
    size=st.sampled_from(["standard", "large"]),
)  # fmt: skip
def test_no_step_is_planned_to_take_longer_than_a_slice(
    channels: tuple[int, ...], depth: int, batch_size: int, norm: str, kernel: int, size: str
) -> None:
    knobs = {"channels": channels, "depth": depth, "batch_size": batch_size, "norm": norm, "kernel": kernel}
    try:
        config = small(**knobs, padding=2, size=size)  # type: ignore[arg-type]
    except ConfigError:
        return
    plan = cnn_filters.plan(config.architecture(), batch_size)
    largest = -(-batch_size // plan.shares)
    fixed = cnn_filters.milliseconds(config.architecture(), 0)
    evaluating = fixed / 3 + cnn_filters.milliseconds(config.architecture(), plan.evaluated) - fixed
    training = cnn_filters.milliseconds(config.architecture(), largest)
    assert max(training, evaluating) <= 20 if plan.steps_per_update > 1 else training + evaluating <= 20


# ------------------------------------------------------------------ the large size


def test_large_has_four_times_the_channels_and_learns() -> None:
    large, metrics = trained(12, size="large", seed=4)
    assert [layer.conv.out_channels for layer in large.model.parts] == [64, 128]
    weights = [sum(p.numel() for p in run.parameters) for run in (Experiment(small()), large)]
    assert weights[1] > 10 * weights[0]
    assert metrics[-1]["train_loss"] < metrics[0]["train_loss"] / 2
    assert trained(12, size="large", seed=4)[1] == metrics
    every = Experiment(small(size="large", channels=(4, 32), augmentation="warp", norm="batch"))
    assert [layer.conv.out_channels for layer in every.model.parts] == [16, 128]


@pytest.mark.parametrize(("channel", "first"), [(0, 0), (63, 0), (64, 64), (127, 64)])
def test_of_many_kernels_those_beside_the_chosen_one_are_seen(channel: int, first: int) -> None:
    experiment = Experiment(small(size="large", layer=2, channel=channel, source=63))
    frame, conv = experiment.frame(), experiment.model.parts[1].conv
    assert (frame.first, frame.channel, len(frame.maps)) == (first, channel, 64)
    assert np.array_equal(frame.filters, conv.weight[first : first + 64, 63].detach())
    assert np.array_equal(frame.maps[channel - first], frame.active)
    assert np.array_equal(frame.kernel, conv.weight[channel].detach())


# ------------------------------------------------------------------ what is learned


@pytest.mark.parametrize("seed", SEEDS)
def test_the_digits_are_read(seed: int) -> None:
    """At .97 by step 300, which takes about a second of one core; on all 500 test pictures at once."""
    experiment, metrics = trained(300, seed=seed)
    x, y = (torch.from_numpy(a) for a in (experiment.images.test_x, experiment.images.test_y))
    with torch.no_grad():
        accuracy = float((experiment.model(x).argmax(1) == y).float().mean())
    assert accuracy >= 0.97
    assert metrics[-1]["test_accuracy"] == pytest.approx(accuracy, abs=0.015)
    frame = experiment.frame()
    assert frame.confusion.sum() == frame.evaluated == 500
    assert frame.confusion.trace() / 500 == metrics[-1]["test_accuracy"]
    place, truth, answer = frame.mistaken.T
    assert np.all(experiment.images.test_y[place] == truth) and np.all(answer != truth)


# ------------------------------------------------------------------ networks that come and go


@pytest.mark.parametrize("knobs", [{"channels": (4, 6), "norm": "batch"}, {"size": "large"}])
def test_a_network_from_the_shelf_goes_on(
    knobs: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    experiment, metrics = trained(100, **knobs)
    about = {"lab": "cnn_filters", "config": "{}", **experiment.about()}
    key = shelf.keep(network_file.write(experiment.model, about))
    taken = Experiment(small(network=key))
    assert taken.architecture == experiment.architecture
    x = torch.from_numpy(experiment.images.test_x)
    assert torch.equal(taken.model(x), experiment.model(x))
    assert taken.step()["train_loss"] < metrics[0]["train_loss"] / 2
    assert Architecture.from_json(about["architecture"]) == experiment.architecture
    for wrong in ("0" * 20, "nonsense"):
        with pytest.raises(ConfigError, match="network"):
            small(network=wrong)
    tiny = ConvNet(Architecture(side=12, classes=10), generator(0, "weights"))
    other = shelf.keep(network_file.write(tiny, {**about, "architecture": tiny.architecture.to_json()}))
    with pytest.raises(ConfigError, match="12 × 12"):
        small(network=other)


# ------------------------------------------------------------------ what the page opens with


def test_the_stored_network_reads_what_it_never_saw_and_goes_on_learning() -> None:
    experiment = Experiment(Config())
    test = experiment.frame().test
    x, y = torch.from_numpy(experiment.images.test_x), torch.from_numpy(experiment.images.test_y)
    with torch.no_grad():
        right = float((experiment.model(x).argmax(1) == y).float().mean())
    assert test["test_accuracy"] == pytest.approx(right, abs=0.003) and 0.95 < right < 0.98
    assert experiment.step()["train_loss"] < 0.4
    assert Experiment(Config(start="scratch")).frame().test == {}


def test_who_changes_the_stored_network_begins_at_random_and_comes_back_to_it() -> None:
    assert Config().stored and not Config(channels=(4,)).stored and Config(seed=4, learning_rate=0.1).stored
    turned = Config().turned(kernel=5)
    assert (turned.start, turned.stored) == ("scratch", False)
    again = turned.turned(start="trained")
    assert again == Config()
    assert Config().turned(layer=2).stored


def test_what_is_drawn_on_the_strip_is_looked_at_and_a_map_is_entered() -> None:
    experiment = Experiment(Config())
    moment = View(experiment.frame(), experiment.config)
    stroke = {"panel": "network", "kind": "draw", "points": [], "strokes": [[[0.5, 0.9], [0.5, 0.1]]]}
    turned = view.answer(moment, stroke)
    assert turned is not None
    drawn = Experiment(dataclasses.replace(experiment.config, **turned.knobs)).frame()
    assert drawn.drawn and drawn.label == -1 and drawn.classes[drawn.answer] == "1"
    for nothing in ([], [["x"]], None):
        assert view.answer(moment, {**stroke, "strokes": nothing}) is None
    entered = view.answer(moment, {"panel": "network", "kind": "node", "layer": 1, "index": 6})
    assert entered is not None
    inside = dataclasses.replace(experiment.config, **entered.knobs)
    frame = Experiment(inside).frame()
    assert (frame.layer, frame.channel) == (1, 6)
    assert view.stage(View(frame, inside)).rows[0][0]["kind"] == "slide"
