"""The race of optimisers: its surfaces, its predictions, its lessons, and the contract of a lab."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine.contract.knobs import ConfigError
from engine.labs.gradient_descent import SURFACES, Config, Experiment, Frame
from engine.labs.gradient_descent.curvature import contraction, curvature
from engine.labs.gradient_descent.surfaces import diabetes_data, quadratic
from engine.nets import optim

ANYWHERE = tuple(name for name in optim.NAMES if name != "muon")


def after(steps: int, **knobs: Any) -> Experiment:
    experiment = Experiment(Config(**knobs))
    for _ in engine.train(experiment, steps):
        pass
    return experiment


def assert_same(a: Any, b: Any) -> None:
    """Equal to the last bit: frames, or nested states."""
    if isinstance(a, Frame):
        a, b = dataclasses.asdict(a), dataclasses.asdict(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, (torch.Tensor, np.ndarray)):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    else:
        assert a == b


# Surfaces


@pytest.mark.parametrize(
    ("name", "xy", "value"),
    [
        ("quadratic", (3.0, 1.0), 9.5),  # (9 + 10) / 2
        ("rosenbrock", (-1.2, 1.0), 24.2),
        ("himmelblau", (0.0, 0.0), 170.0),
        ("beale", (0.0, 0.0), 1.5**2 + 2.25**2 + 2.625**2),
        ("monkey_saddle", (2.0, 1.0), 2.0),
        ("rastrigin", (0.5, 0.0), 20.25),
        ("diabetes", (0.0, 0.0), 1.0),  # the targets are standardised
    ],
)
def test_a_surface_has_its_known_value(name, xy, value):
    points = torch.tensor(xy, dtype=torch.float64).expand(2, 3, 2)
    torch.testing.assert_close(SURFACES[name](points), torch.full((2, 3), value, dtype=torch.float64))


@pytest.mark.parametrize("name", [name for name, surface in SURFACES.items() if surface.bounded])
def test_the_ends_are_minima(name):
    _, gradient, hessian = curvature(SURFACES[name], torch.tensor(SURFACES[name].ends, dtype=torch.float64))
    assert gradient.abs().max() < 1e-6
    assert torch.linalg.eigvalsh(hessian).min() > 0


@pytest.mark.parametrize(("name", "kind"), [("himmelblau", "saddles"), ("himmelblau", "maxima"), ("beale", "saddles")])
def test_other_stationary_points_are_what_they_are_called(name, kind):
    points = torch.tensor(getattr(SURFACES[name], kind), dtype=torch.float64)
    _, gradient, hessian = curvature(SURFACES[name], points)
    assert gradient.abs().max() < 1e-5
    smallest, largest = torch.linalg.eigvalsh(hessian).T
    assert (smallest < 0).all() and ((largest > 0) == (kind == "saddles")).all()


def test_the_monkey_saddle_is_flat_in_the_middle_and_falls_on_three_sides():
    surface = SURFACES["monkey_saddle"]
    [middle] = surface.saddles
    _, gradient, _ = curvature(surface, torch.tensor([middle], dtype=torch.float64))
    assert gradient.abs().max() == 0
    around = torch.linspace(0, 2 * torch.pi, 721, dtype=torch.float64)[:-1] + 1e-3
    signs = surface(torch.stack([around.cos(), around.sin()], -1)).sign()
    assert int((signs != signs.roll(1)).sum()) == 6  # three valleys between three ridges


def test_the_regression_is_least_squares_on_real_data():
    features, targets = diabetes_data(torch.float64, "cpu")
    assert features.shape == (442, 2)
    solution = torch.linalg.lstsq(features, targets).solution
    torch.testing.assert_close(torch.tensor(SURFACES["diabetes"].ends[0]).double(), solution, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", SURFACES)
def test_curvature_is_the_hessian(name):
    points = torch.tensor([[-1.5, 2.0], [0.3, -0.7]], dtype=torch.float64)
    value, gradient, hessian = curvature(SURFACES[name], points)
    torch.testing.assert_close(value, SURFACES[name](points))
    for i, point in enumerate(points):
        torch.testing.assert_close(gradient[i], torch.autograd.functional.jacobian(SURFACES[name], point))
        torch.testing.assert_close(hessian[i], torch.autograd.functional.hessian(SURFACES[name], point))


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
def test_turning_the_quadratic_keeps_its_eigenvalues(angle):
    _, _, hessian = curvature(quadratic(50.0, angle), torch.tensor([[0.3, 0.4]], dtype=torch.float64))
    np.testing.assert_allclose(torch.linalg.eigvalsh(hessian)[0], [1.0, 50.0], rtol=1e-12)


# What the curvature foretells


@pytest.mark.parametrize("angle", [0.0, 40.0])
@pytest.mark.parametrize("lr", [0.005, 0.019])
def test_the_predicted_rate_of_gradient_descent_is_measured(lr, angle):
    frame = after(200, condition=100.0, angle=angle, optimisers=("gradient_descent",), lr_gradient_descent=lr).frame()
    assert frame.predicted_rate[0] == pytest.approx(max(abs(1 - lr), abs(1 - 100 * lr)))
    assert frame.measured_rate[0] == pytest.approx(frame.predicted_rate[0], rel=1e-6)
    assert frame.edge[0] == pytest.approx(0.02)
    assert frame.condition[0] == pytest.approx(100)


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
@pytest.mark.parametrize(("beta", "lr"), [(0.0, 0.02), (0.5, 0.01), (0.9, 0.005)])
def test_contraction_is_the_long_run_rate_with_momentum(name, beta, lr):
    curvatures = torch.tensor([1.0, 30.0], dtype=torch.float64)
    x = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimiser = optim.make(name, [x], lr)
    optimiser.param_groups[0]["momentum"] = beta
    sizes = []
    for _ in range(2000):
        x.grad = curvatures * x.detach()
        optimiser.step()
        sizes.append(x.detach().norm().item())
    predicted = contraction(curvatures.numpy(), lr=lr, momentum=beta, nesterov=name == "nesterov")
    # A least-squares slope, because with complex eigenvalues the distance swings about the line.
    slope = np.polyfit(np.arange(100, 2000), np.log(sizes[100:]), 1)[0]
    assert math.exp(slope) == pytest.approx(predicted, rel=2e-4)


# Lessons


@pytest.mark.parametrize(("condition", "angle"), [(4.0, 0.0), (30.0, 60.0)])
def test_lesson_the_edge(condition, angle):
    def descend(share: float) -> Experiment:
        return after(
            300, condition=condition, angle=angle,
            optimisers=("gradient_descent",), lr_gradient_descent=share * 2 / condition,
        )  # fmt: skip

    assert descend(0.95).frame().losses[0] < 1e-3
    over = descend(1.05)
    assert over.frame().diverged[0]
    assert over.step() == {"loss.gradient_descent": math.inf}


@pytest.mark.parametrize("surface", ["quadratic", "rosenbrock", "himmelblau", "beale", "rastrigin"])
def test_lesson_adams_first_step(surface):
    frame = after(1, surface=surface, optimisers=("adam",), start_x=-1.4, lr_adam=0.1).frame()
    np.testing.assert_allclose(np.abs(frame.last_steps), 0.1, rtol=1e-6)


# The race


def test_basins_are_coloured_by_where_descent_ends():
    frame = after(400, surface="himmelblau", basins=True, starts=12, lr_gradient_descent=0.005).frame()
    assert set(np.unique(frame.basin_ends)) == {0, 1, 2, 3}
    close = np.linalg.norm(frame.basin_points - frame.ends[frame.basin_ends], axis=-1)
    assert close.max() < 1e-3
    assert frame.basin_ends[-1, -1] == 0 and frame.basin_ends[-1, 0] == 1  # top right: (3, 2); top left: (-2.8, 3.1)
    assert frame.basin_ends[0, 0] == 2 and frame.basin_ends[0, -1] == 3


def test_a_large_grid_has_sixteen_times_the_starts_and_finds_the_same_basins():
    knobs = {"surface": "himmelblau", "basins": True, "starts": 5, "noise": 0.01, "lr_gradient_descent": 0.005}
    large = Experiment(Config(size="large", **knobs))
    first = large.frame()
    assert first.basin_ends.shape == (20, 20)
    assert first.basin_points.shape == (5, 5, 2)  # of every fourth row and column
    across = np.linspace(-5, 5, 20)
    np.testing.assert_allclose(first.basin_points[3, 1], (across[4], across[12]))
    metrics = list(engine.train(large, 200))
    ends = large.frame().basin_ends
    assert set(np.unique(ends)) == {0, 1, 2, 3}
    assert ends[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [2, 3, 1, 0]  # the corners
    again = after(170, size="large", **knobs)
    restored = Experiment(again.config)
    restored.load_state_dict(pickle.loads(pickle.dumps(again.state_dict())))
    assert list(engine.train(restored, 30)) == metrics[170:]
    assert_same(restored.frame(), large.frame())


@pytest.mark.parametrize(("surface", "most"), [("himmelblau", 128), ("rastrigin", 46), ("diabetes", 17)])
def test_a_grid_that_would_hold_up_everybody_is_refused_and_the_sentence_says_what_fits(surface, most):
    knobs = {"surface": surface, "optimisers": ("adam",), "size": "large", "basins": True}
    with pytest.raises(ConfigError, match=f"Lower starts to {most}, or take the standard size") as caught:
        Config(starts=most + 1, **knobs)
    assert caught.value.knob == "size"
    assert Config(starts=most, **knobs).side == 4 * most
    Config(starts=most + 1, **knobs | {"basins": False})  # nothing is run there
    if 4 * most < 255:  # then so many are too many in the standard size too
        with pytest.raises(ConfigError, match=r"Lower starts to \d+\.$") as caught:
            Config(**knobs | {"size": "standard"}, starts=256)
        assert caught.value.knob == "starts"


def test_valleys_of_the_monkey_saddle_are_basins():
    frame = after(300, surface="monkey_saddle", basins=True, starts=12).frame()
    assert set(np.unique(frame.basin_ends)) >= {0, 1, 2}


def test_one_that_diverges_stops_and_the_others_go_on():
    experiment = Experiment(Config(surface="rosenbrock", optimisers=("gradient_descent", "adam")))
    metrics = list(engine.train(experiment, 50))[-1]
    frame = experiment.frame()
    assert frame.diverged.tolist() == [True, False]
    assert set(metrics) == {"loss.adam", "distance.adam"}
    assert np.isfinite(frame.points).all() and np.isfinite(frame.losses).all()
    assert not experiment.done


def test_paths_are_thinned_and_keep_both_ends():
    experiment = after(1000, optimisers=("gradient_descent", "lion"))
    frame = experiment.frame()
    assert frame.paths.shape == (2, 400, 2)
    assert frame.path_steps[:150].tolist() == list(range(150))
    assert frame.path_steps[-150:].tolist() == list(range(851, 1001))
    assert (np.diff(frame.path_steps) > 0).all()
    np.testing.assert_array_equal(frame.paths[:, 0], [[-1.5, 2.0]] * 2)
    np.testing.assert_array_equal(frame.paths[:, -1], frame.points)
    np.testing.assert_array_equal(frame.points, experiment.model.stacked().detach())


def test_a_batch_of_one_patient_has_that_patients_gradient():
    experiment = after(1, surface="diabetes", batch="one sample", optimisers=("gradient_descent",), start_x=1.0,
                       lr_gradient_descent=0.05)  # fmt: skip
    start = np.array([1.0, 2.0])
    features, targets = (data.numpy() for data in diabetes_data(torch.float64, "cpu"))
    gradients = 2 * (features @ start - targets)[:, None] * features
    steps = start - 0.05 * gradients
    assert np.abs(steps - experiment.frame().points[0]).max(1).min() < 1e-12


def test_noise_has_the_standard_deviation_it_says():
    knobs = {"optimisers": ("gradient_descent",), "condition": 10.0, "angle": 0.0, "lr_gradient_descent": 0.05}
    steps = [after(1, noise=2.0, seed=seed, **knobs).frame() for seed in range(300)]
    noise = np.array([f.last_steps[0] / -0.05 - [-1.5, 20.0] for f in steps])
    assert noise.std() == pytest.approx(2.0, rel=0.1)
    assert abs(noise.mean()) < 0.3


def test_muon_runs_where_the_weights_are_a_matrix_and_nowhere_else():
    experiment = after(200, surface="diabetes", optimisers=("muon",), lr_muon=0.02)
    assert experiment.model.points["muon"].shape == (1, 2)
    assert experiment.frame().losses[0] < 0.96
    with pytest.raises(ConfigError, match="Muon is for matrices only"):
        Config(optimisers=("adam", "muon"))


def test_racers_stand_in_the_order_that_was_asked_for():
    names = ("sam", "adam", "gradient_descent")
    experiment = after(3, optimisers=names)
    metrics = experiment.step()
    assert [key for key in metrics if key.startswith("loss.")] == [f"loss.{name}" for name in names]
    np.testing.assert_allclose(experiment.frame().losses, [metrics[f"loss.{name}"] for name in names], rtol=1e-12)


# The contract

BUSY = [
    {"surface": "himmelblau", "optimisers": ANYWHERE, "noise": 1.0, "basins": True, "starts": 6, "basins_by": "adam"},
    {"surface": "diabetes", "optimisers": optim.NAMES, "batch": "mini-batch", "basins": True, "starts": 6},
    {"surface": "rosenbrock", "optimisers": ("gradient_descent", "adam")},  # the first diverges
]


@pytest.mark.parametrize("knobs", BUSY)
def test_restored_it_goes_on_to_the_same_bits(knobs):
    experiment = after(20, **knobs)
    state = pickle.dumps(experiment.state_dict())
    kept = experiment.state_dict()
    rest = list(engine.train(experiment, 20))
    for saved in (pickle.loads(state), kept):
        other = Experiment(Config(**knobs))
        other.load_state_dict(saved)
        assert list(engine.train(other, 20)) == rest
        assert_same(other.frame(), experiment.frame())


@pytest.mark.parametrize("knobs", BUSY)
def test_looking_changes_nothing(knobs):
    quiet, watched = Experiment(Config(**knobs)), Experiment(Config(**knobs))
    for _ in range(20):
        watched.frame()
        assert_same(watched.frame(), watched.frame())
        assert quiet.step() == watched.step()
    assert_same(quiet.state_dict(), watched.state_dict())


def test_live_knobs_act_from_the_next_step_on():
    experiment = after(5, optimisers=("gradient_descent", "nesterov", "sam", "lion"))
    config = dataclasses.replace(
        experiment.config, lr_gradient_descent=0.0123, momentum=0.0, lr_nesterov=0.0123, rho=0.0, lr_sam=0.0123
    )
    experiment.update(config)
    before = experiment.frame()
    experiment.step()
    moved = experiment.frame().last_steps
    np.testing.assert_allclose(moved[0], -0.0123 * before.gradients[0], rtol=1e-9)
    np.testing.assert_allclose(moved[1], -0.0123 * before.gradients[1], rtol=1e-9)
    np.testing.assert_allclose(moved[2], -0.0123 * before.gradients[2], rtol=1e-9)
    with pytest.raises(ConfigError, match="surface"):
        experiment.update(dataclasses.replace(config, surface="beale"))


@pytest.mark.parametrize("name", [name for name in Config.knobs() if name not in ("seed", "optimisers")])
def test_every_knob_survives_its_bounds(name):
    spec = Config.knobs()[name]
    values = {"bool": (False, True), "choice": spec.choices}.get(spec.kind, (spec.low, spec.high))
    for value in values:
        knobs: dict[str, Any] = {
            "surface": "diabetes",
            "optimisers": optim.NAMES,
            "basins": name in ("starts", "basins_by"),
        }
        if name in ("condition", "angle", "surface"):
            knobs |= {"surface": "quadratic", "optimisers": ANYWHERE}
        if name == "starts":
            knobs["surface"], knobs["optimisers"] = "himmelblau", ("adam",)
        experiment = after(3, **(knobs | {name: value}))
        frame = experiment.frame()
        assert np.isfinite(frame.points).all() and np.isfinite(frame.paths).all()


def test_it_ends():
    experiment = after(10_000, optimisers=("gradient_descent",))
    assert experiment.done and experiment.step_count == 5_000
    assert experiment.frame().paths.shape == (1, 400, 2)
    experiment.step()
    assert experiment.step_count == 5_000


def test_curvature_at_the_flat_point_of_the_saddle_has_no_edge():
    frame = Experiment(Config(surface="monkey_saddle", start_x=0.0, start_y=0.0)).frame()
    assert np.isnan(frame.condition).all() and np.isinf(frame.edge).all()


def test_who_has_diverged_comes_back_when_its_learning_rate_is_turned_down():
    experiment = after(60, lr_gradient_descent=0.13)
    assert experiment.diverged == {"gradient_descent"}
    out = experiment.frame().points[0].copy()
    experiment.update(dataclasses.replace(experiment.config, lr_momentum=0.01))
    experiment.step()
    assert experiment.diverged == {"gradient_descent"} and (experiment.frame().points[0] == out).all()
    experiment.update(dataclasses.replace(experiment.config, lr_gradient_descent=0.09))
    distances = [experiment.step()["distance.gradient_descent"] for _ in range(120)]
    assert max(distances) < np.hypot(*out) and distances[-1] < 0.01 and not experiment.frame().diverged.any()
