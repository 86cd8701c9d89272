"""The network lab: its gradients, its stack of seeds, its initial weights, and what its presets show."""

from __future__ import annotations

import copy
import dataclasses
import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import engine
from engine.contract.knobs import ConfigError
from engine.contract.view import View
from engine.data import plane
from engine.labs.neural_network import Config, Experiment, Frame, backprop, forward, view
from engine.nets import optim, stacked

TORCH_LOSSES = {"squared": F.mse_loss, "huber": F.huber_loss}


def torch_loss(loss: str, outputs: Tensor, y: Tensor) -> Tensor:
    """The same loss in torch's own words."""
    if loss == "cross_entropy":
        if outputs.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(outputs[:, 0], y.to(outputs.dtype))
        return F.cross_entropy(outputs, y)
    wanted = F.one_hot(y, outputs.shape[1]) if outputs.shape[1] > 1 else y[:, None]
    return TORCH_LOSSES[loss](outputs, 2 * wanted.to(outputs.dtype) - 1)


def points(experiment: Experiment, n: int = 40) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(experiment.xy[:n]).double(), torch.from_numpy(experiment.labels[:n])


CASES = [
    dict(),
    dict(hidden=()),
    *(dict(hidden=(5, 4, 3), activation=name, features=("x", "y", "x2", "sinx")) for name in stacked.ACTIVATIONS),
    *(dict(data=name, loss=loss) for name in ("circle", "three_spirals") for loss in stacked.LOSSES),
    *(dict(hidden=(6, 5), norm=norm, data="three_spirals") for norm in ("batch", "layer")),
]


@pytest.mark.parametrize("knobs", CASES, ids=str)
def test_backprop_equals_autograd_and_finite_differences(knobs: dict[str, Any]) -> None:
    experiment = Experiment(Config(samples=100, **knobs))
    for _ in range(3):
        experiment.step()
    model, loss = copy.deepcopy(experiment.model).double(), experiment.config.loss
    x, y = points(experiment)
    layers = backprop(model, x, y, loss)
    value = torch_loss(loss, model(x), y)
    linears = [m for m in model if isinstance(m, nn.Linear)]
    zs: dict[nn.Module, Tensor] = {}
    hooks = [m.register_forward_hook(lambda m, _, z: zs.__setitem__(m, z)) for m in linears]
    value = torch_loss(loss, model(x), y)
    for hook in hooks:
        hook.remove()
    assert len(layers) == len(linears)
    for layer, linear in zip(layers, linears, strict=True):
        of_weight, of_bias, of_z = torch.autograd.grad(
            value, [linear.weight, linear.bias, zs[linear]], retain_graph=True
        )
        for ours, theirs in ((layer.dW, of_weight), (layer.db, of_bias), (layer.delta, of_z), (layer.z, zs[linear])):
            assert ours.shape == theirs.shape
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
        weight = linear.weight.detach()
        for at in [(0, 0), (weight.shape[0] - 1, weight.shape[1] - 1)]:
            before, step, found = weight[at].item(), 1e-5, []
            for sign in (1, -1):
                weight[at] = before + sign * step
                found.append(torch_loss(loss, model(x), y).item())
            weight[at] = before
            assert layer.dW[at].item() == pytest.approx((found[0] - found[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_backprop_takes_any_sequential_of_known_modules_and_names_what_it_does_not_know() -> None:
    torch_model = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 2, bias=False)).double()
    x, y = torch.randn(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), torch.arange(7) % 2
    layers = backprop(torch_model, x, y, "cross_entropy")
    expected = torch.autograd.grad(F.cross_entropy(torch_model(x), y), torch_model[0].weight)[0]
    torch.testing.assert_close(layers[0].dW, expected, rtol=1e-6, atol=1e-9)
    with pytest.raises(TypeError, match="Softplus"):
        backprop(nn.Sequential(nn.Linear(2, 3), nn.Softplus(), nn.Linear(3, 1)), x, y, "squared")


@pytest.mark.parametrize("activation", stacked.ACTIVATIONS)
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_training_follows_the_gradient_that_autograd_finds(activation: str, norm: str) -> None:
    """One full batch of gradient descent on two stacked networks, against torch's own modules in training mode."""
    config = Config(
        data="rings", samples=60, hidden=(5, 4), activation=activation, norm=norm, optimiser="gradient_descent",
        learning_rate=0.1, batch_size=1000, seeds=2, initialisation="he", l2=0.01, l1=0.003,
    )  # fmt: skip
    experiment = Experiment(config)
    models = [copy.deepcopy(stacked.network(experiment.layers, i, config.features)).train() for i in range(2)]
    experiment.step()
    n = experiment.n_train
    x, y = torch.from_numpy(experiment.xy[:n]), torch.from_numpy(experiment.labels[:n]).float()
    for i, model in enumerate(models):
        weights = [m.weight for m in model if isinstance(m, nn.Linear)]
        penalty = sum(0.01 * w.square().sum() / 2 + 0.003 * w.abs().sum() for w in weights)
        loss = F.binary_cross_entropy_with_logits(model(x)[:, 0], y) + penalty
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
        trained = stacked.network(experiment.layers, i, config.features).state_dict()
        for name, expected in model.state_dict().items():
            if "num_batches" not in name:
                torch.testing.assert_close(trained[name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "knobs",
    [
        dict(hidden=(4, 2), optimiser="gradient_descent", learning_rate=0.03),
        dict(dropout=0.3),
        dict(norm="batch"),
        dict(norm="layer", optimiser="momentum"),
        dict(data="three_spirals", optimiser="nadam", l1=1e-3),
        dict(data="regression_gaussians", batch_size=7, loss="huber"),
    ],
    ids=str,
)
def test_16_stacked_seeds_equal_16_single_runs(knobs: dict[str, Any]) -> None:
    config = Config(**(dict(samples=80, hidden=(6, 4), seed=5) | knobs))
    together = Experiment(dataclasses.replace(config, seeds=16))
    for _ in range(3):
        mean = together.step()
    scores = []
    for i in range(16):
        alone = Experiment(dataclasses.replace(config, seed=5 + i))
        for _ in range(3):
            scores.append(alone.step()) if alone.step_count == 2 else alone.step()
        together.update(dataclasses.replace(together.config, shown=i))
        for ours, theirs in zip(together.model.parameters(), alone.model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        x = torch.from_numpy(together.xy)
        torch.testing.assert_close(together.model(x), alone.model(x), rtol=1e-4, atol=1e-5)
    for name in ("train_loss", "test_loss", "train_error", "test_error"):
        assert mean[name] == pytest.approx(np.mean([s[name] for s in scores]), abs=1e-5)
        assert mean[f"{name}_low"] <= mean[name] <= mean[f"{name}_high"]


@pytest.mark.parametrize("optimiser", optim.ELEMENTWISE)
def test_every_optimiser_trains_a_stack_as_it_trains_one(optimiser: str) -> None:
    config = Config(samples=60, hidden=(4,), optimiser=optimiser)
    together, alone = (
        Experiment(dataclasses.replace(config, seeds=3, shown=2)),
        Experiment(dataclasses.replace(config, seed=2)),
    )
    for _ in range(2):
        together.step(), alone.step()
    for ours, theirs in zip(together.model.parameters(), alone.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("initialisation, factor", [("he", 1.0), ("xavier", 0.5), ("lecun", 0.5), ("normal", 128.0)])
def test_second_moment_of_activations_through_20_relu_layers(initialisation: str, factor: float) -> None:
    """He et al. 2015: with variance v a relu layer of n inputs multiplies the second moment by n v / 2."""
    layers = stacked.build([256] * 22, activation="relu", initialisation=initialisation, seeds=range(16))
    x = torch.randn(16, 64, 256, generator=torch.Generator().manual_seed(0))  # second moment 1
    moments = [t.a.double().square().mean().item() for t in forward(layers, x)[:-1]]
    assert len(moments) == 20
    assert moments[-1] ** (1 / 20) == pytest.approx(factor, rel=0.03)  # 16 random networks: it spreads by 0.8 %


def test_zero_initialisation_makes_twins_that_never_part() -> None:
    experiment = Experiment(Config(hidden=(4, 4), initialisation="zero"))
    for _ in range(5):
        experiment.step()
    for layer in experiment.layers:
        assert (layer.weight == layer.weight[:, :, :1]).all()


def test_linear_layers_collapse_to_one() -> None:
    model = Experiment(Config(activation="linear", hidden=(6, 5, 4))).model.double()
    x = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a, b = x[:25], x[25:]
    torch.testing.assert_close(model(0.3 * a + 0.7 * b), 0.3 * model(a) + 0.7 * model(b), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("knob", "known"),
    [("features", stacked.FEATURES), ("activation", stacked.ACTIVATIONS), ("initialisation", stacked.INITIALISATIONS),
     ("loss", stacked.LOSSES)],
)  # fmt: skip
def test_a_knob_offers_all_that_stacked_networks_know(knob: str, known: dict[str, Any]) -> None:
    assert Config.knobs()[knob].choices == tuple(known)


@pytest.mark.parametrize("name", ["x2", "y2", "xy", "x", "y", "sinx", "siny"])
def test_features_are_what_their_names_say(name: str) -> None:
    x, y = 1.5, -2.5
    expected = {"x": x, "y": y, "x2": x * x / 6, "y2": y * y / 6, "xy": x * y / 6, "sinx": np.sin(x), "siny": np.sin(y)}
    assert stacked.Features([name])(torch.tensor([[x, y]])).item() == pytest.approx(expected[name], rel=1e-6)


# ---------------------------------------------------------------- the contract


def drawn(labels: list[int]) -> str:
    return plane.encode_points(np.random.default_rng(0).uniform(-5, 5, (len(labels), 2)), labels)


def assert_same(one: Any, two: Any) -> None:
    assert type(one) is type(two)
    if isinstance(one, np.ndarray):
        assert one.dtype == two.dtype and np.array_equal(one, two, equal_nan=True)
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(two, field.name))
    elif isinstance(one, (tuple, list)):
        for a, b in zip(one, two, strict=True):
            assert_same(a, b)
    elif isinstance(one, dict):
        assert list(one) == list(two)
        for key in one:
            assert_same(one[key], two[key])
    else:
        assert one == two


def arrays(value: Any) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    if dataclasses.is_dataclass(value):
        return [a for field in dataclasses.fields(value) for a in arrays(getattr(value, field.name))]
    if isinstance(value, (tuple, list)):
        return [a for item in value for a in arrays(item)]
    return [a for item in value.values() for a in arrays(item)] if isinstance(value, dict) else []


# What the contract's check of bounds does not try: points of a visitor's own, the narrowest of deep networks, all
# features at once; and two of its bounds, at which every number must stay finite.
@pytest.mark.parametrize("knobs", [
    dict(data="drawn", points=drawn([0, 1] * 9)), dict(data="csv", points=drawn([0, 2, 2, 0, 1, 1])),
    dict(hidden=(1,) * 8), dict(features=Config.knobs()["features"].choices), dict(learning_rate=10.0), dict(noise=2.0),
], ids=lambda knobs: ",".join(knobs))  # fmt: skip
def test_what_is_unusual_trains_and_can_be_seen(knobs: dict[str, Any]) -> None:
    experiment = Experiment(Config(**knobs))
    before = experiment.frame()
    metrics = experiment.step()
    frame = experiment.frame()
    assert all(np.isfinite(a).all() for a in arrays(before))
    assert set(metrics) >= {"train_loss", "test_loss", "train_error", "test_error"}
    assert all(np.isfinite(list(metrics.values())))
    assert all(np.isfinite(a).all() for a in arrays(frame))
    assert pickle.loads(pickle.dumps(frame)).step == 1


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("optimiser", ["gradient_descent", "adam", "lion"])
def test_a_restored_run_goes_on_exactly_and_looking_changes_nothing(optimiser: str, norm: str) -> None:
    config = Config(samples=60, hidden=(5,), dropout=0.2, norm=norm, optimiser=optimiser, seeds=2)
    watched, alone, restored = Experiment(config), Experiment(config), Experiment(config)
    for _ in range(3):
        global_state = torch.random.get_rng_state()
        watched.frame()
        assert watched.step() == alone.step()
        assert torch.equal(global_state, torch.random.get_rng_state())
    stream = io.BytesIO(pickle.dumps(watched.state_dict()))
    frame = watched.frame()
    expected = [watched.step() for _ in range(3)]
    restored.load_state_dict(pickle.load(stream))
    assert restored.step_count == 3
    assert_same(restored.frame(), frame)
    assert [restored.step() for _ in range(3)] == expected
    assert_same(restored.frame(), watched.frame())


def test_a_frame_does_not_change_after_it_was_made() -> None:
    experiment = Experiment(Config(samples=60))
    frame = experiment.frame()
    kept = copy.deepcopy(frame)
    for _ in range(3):
        experiment.step()
    assert_same(frame, kept)


def test_the_frame_tells_the_truth_about_the_model() -> None:
    experiment = Experiment(Config(data="three_spirals", hidden=(6, 5), norm="batch", follow=7))
    for _ in range(20):
        metrics = experiment.step()
    frame: Frame = experiment.frame()
    side = frame.output_map.shape[0]
    row, column = 10, side - 6  # a thumbnail has every second of these pixels
    at = torch.tensor([[-6 + 12 * (column + 0.5) / side, 6 - 12 * (row + 0.5) / side]])
    outputs = experiment.model(at)[0]
    assert frame.output_map[row, column] == outputs.argmax()
    assert frame.confidence[row, column] == pytest.approx(outputs.softmax(0).max().item(), abs=1e-5)
    hidden = experiment.model[:-1](at)[0].detach()
    np.testing.assert_allclose(frame.neuron_maps[-1][:, row // 2, column // 2], hidden, atol=1e-5)
    wrong = 1 - np.trace(frame.confusion) / frame.confusion.sum()
    assert wrong == pytest.approx(metrics["test_error"], abs=1e-6) == frame.scores["test_error"]
    assert frame.confusion.sum(axis=1).tolist() == np.bincount(frame.test_labels).tolist()
    np.testing.assert_allclose(frame.gradient_histograms.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(frame.activation_histograms.sum(axis=1), 1, rtol=1e-5)
    followed = frame.followed
    assert np.array_equal(followed.xy, frame.train_xy[7]) and followed.label == frame.train_labels[7]
    last = followed.layers[-1]
    loss = F.cross_entropy(torch.from_numpy(followed.outputs), torch.tensor(int(followed.label)))
    assert followed.loss == pytest.approx(loss.item(), abs=1e-6)
    np.testing.assert_allclose(last["dW"], np.outer(last["delta"], followed.layers[-2]["a"]), atol=1e-6)


def test_discretise_changes_the_picture_and_nothing_in_the_run() -> None:
    smooth, discrete = (Experiment(Config(samples=60, discretise=discretise)) for discretise in (False, True))
    assert smooth.step() == discrete.step()
    assert_same(smooth.frame(), discrete.frame())
    pictures = [view.stage(View(one.frame(), one.config)).to_bytes() for one in (smooth, discrete)]
    assert pictures[0] != pictures[1]
    smooth.update(discrete.config)
    assert view.stage(View(smooth.frame(), smooth.config)).to_bytes() == pictures[1]


def test_two_hidden_neurons_are_shown_as_they_are_and_more_by_their_principal_plane() -> None:
    frame = Experiment(Config(hidden=(4, 2))).frame()
    model = Experiment(Config(hidden=(4, 2))).model
    xy = torch.from_numpy(np.concatenate([frame.train_xy, frame.test_xy]))
    np.testing.assert_allclose(frame.hidden_points, model[:-1](xy).detach(), atol=1e-6)
    assert frame.hidden_variance == 1.0
    wide = Experiment(Config(hidden=(4, 9)))
    frame, hidden = wide.frame(), wide.model[:-1](xy).detach().numpy()
    centred = hidden - hidden.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(frame.hidden_points), np.abs(centred @ axes[:2].T), atol=1e-4)
    assert frame.hidden_variance == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), rel=1e-4)


def parameters(experiment: Experiment) -> int:
    return sum(p.numel() for p in experiment.model.parameters())


def test_a_large_network_has_four_times_the_neurons_and_learns() -> None:
    assert parameters(Experiment(Config())) == 8 * 3 + 2 * 8 * 9 + 9
    one, again = (Experiment(Config(size="large", data="circle", dropout=0.1)) for _ in range(2))
    assert parameters(one) == 32 * 3 + 2 * 32 * 33 + 33
    metrics = [one.step() for _ in range(20)]
    assert metrics[-1]["test_loss"] < 0.1 < 0.5 < metrics[0]["test_loss"]
    for _ in range(10):
        again.step()
    restored = Experiment(again.config)
    restored.load_state_dict(pickle.loads(pickle.dumps(again.state_dict())))
    assert [restored.step() for _ in range(10)] == metrics[10:]


def test_of_a_large_network_the_first_quarter_of_each_layer_is_drawn_and_can_be_edited() -> None:
    experiment = Experiment(Config(size="large", hidden=(3, 20), norm="batch"))
    experiment.step()
    experiment.edit({"layer": 1, "source": 2, "target": 19, "value": 1.5})
    experiment.edit({"layer": 1, "source": 11, "target": 79, "value": 2.5})  # not drawn, but there
    frame = experiment.frame()
    assert [len(maps) for maps in frame.neuron_maps] == [len(b) for b in frame.biases[:-1]] == [3, 20]
    assert [w.shape for w in frame.weights] == [(3, 2), (20, 3), (1, 20)]
    assert frame.weights[1][19, 2] == 1.5 and experiment.model[4].weight[79, 11] == 2.5
    np.testing.assert_array_equal(frame.weights[1], experiment.model[4].weight[:20, :3].detach())
    assert [len(layer["z"]) for layer in frame.followed.layers] == [12, 80, 1]
    assert [layer["dW"].shape for layer in frame.followed.layers] == [(12, 2), (64, 12), (1, 64)]


@pytest.mark.parametrize(
    "knobs",
    [
        dict(hidden=(64,) * 8),
        dict(seeds=64),
        dict(hidden=(16, 16), batch_size=1, samples=2000, train_share=0.5),
        dict(hidden=(64, 64), seeds=8),
    ],
)
def test_a_large_network_that_would_hold_up_everybody_is_refused_in_a_sentence(knobs: dict[str, Any]) -> None:
    Config(**knobs)
    with pytest.raises(ConfigError, match="60 are allowed") as caught:
        Config(size="large", **knobs)
    assert caught.value.knob == "size"


def test_sixty_four_of_the_largest_networks_are_refused_too() -> None:
    with pytest.raises(ConfigError, match="350 are allowed") as caught:
        Config(hidden=(64,) * 8, seeds=64)
    assert caught.value.knob == "hidden"
    assert Config(hidden=(64,) * 8, seeds=8).widths == Config(hidden=(64,) * 8).hidden


def test_a_weight_set_by_hand_is_the_one_that_the_shown_network_uses() -> None:
    experiment = Experiment(Config(seeds=3, shown=1))
    experiment.edit({"layer": 1, "source": 3, "target": 2, "value": 1.5})
    experiment.edit({"layer": 0, "source": -1, "target": 4, "value": -2})
    frame = experiment.frame()
    assert frame.weights[1][2, 3] == 1.5 and frame.biases[0][4] == -2
    assert experiment.model[3].weight[2, 3] == 1.5
    experiment.update(dataclasses.replace(experiment.config, shown=0))
    assert experiment.frame().weights[1][2, 3] != 1.5


@pytest.mark.parametrize(
    "change",
    [
        {}, {"layer": 3}, {"layer": 0, "source": 2}, {"layer": 0, "source": -2},
        {"layer": 0, "source": 0, "target": 8},
        {"layer": True, "source": 0, "target": 0, "value": 1.0}, {"layer": "0", "source": 0, "target": 0, "value": 1.0},
        {"layer": 0, "source": 0, "target": 0, "value": float("nan")},
        {"layer": 0, "source": 0, "target": 0, "value": 101}, {"layer": 0, "source": 0, "target": 0},
    ],
)  # fmt: skip
def test_a_bad_edit_is_refused_in_a_sentence(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="give a"):
        Experiment(Config()).edit(change)


@pytest.mark.parametrize(
    "knobs, sentence",
    [
        (dict(data="drawn"), "no points yet"),
        (dict(data="drawn", points=drawn([1, 1, 1])), "one class"),
        (dict(data="csv", points="A"), "damaged"),
        (dict(features=()), "at least one"),
    ],
)
def test_a_config_that_cannot_be_trained_is_refused_in_a_sentence(knobs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Config(**knobs)


def test_only_live_knobs_change_during_a_run() -> None:
    experiment = Experiment(Config(samples=60))
    experiment.step()
    experiment.update(dataclasses.replace(experiment.config, learning_rate=0.5, l2=0.1, dropout=0.5, follow=3))
    experiment.step()
    assert experiment.optimiser.param_groups[0]["lr"] == 0.5
    with pytest.raises(ConfigError, match="cannot change during a run"):
        experiment.update(dataclasses.replace(experiment.config, activation="relu"))


# ---------------------------------------------------------------- how a run goes


@pytest.mark.slow
def test_the_default_network_learns_the_spiral() -> None:
    """Below 5 % test error within 400 epochs, about 2 to 3 seconds: all of 8 networks."""
    experiment, best = Experiment(Config(seeds=8)), np.ones(8)
    for _ in engine.train(experiment, 400):
        best = np.minimum(best, experiment.scores(experiment._outputs())[3])
    assert (best < 0.05).all()


def test_a_run_that_diverges_says_so_by_its_metrics_and_can_still_be_seen() -> None:
    experiment = Experiment(
        Config(
            data="regression_plane",
            hidden=(16,) * 4,
            activation="relu",
            optimiser="gradient_descent",
            learning_rate=10.0,
        )
    )
    for _ in range(20):
        experiment.frame()
        if not np.isfinite(list(experiment.step().values())).all():
            break
    else:
        pytest.fail("a learning rate of 10 did not diverge")
    experiment.frame()
