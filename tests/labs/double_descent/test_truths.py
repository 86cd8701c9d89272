"""Double descent: the fits are the smallest there are, the peak stands where the rank says, theory and fits agree."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from lesson_runs import first
from scipy.special import eval_legendre
from sklearn.linear_model import Ridge

import engine
from engine.contract.knobs import ConfigError
from engine.contract.view import View
from engine.labs import double_descent
from engine.labs.double_descent import Config, Experiment, min_norm_fit, risk_curve, risk_theory, spectrum, two_speeds
from engine.labs.double_descent import view as drawn
from engine.labs.double_descent.feature_maps import Legendre, Problem
from engine.labs.double_descent.trained_widths import AcrossTraining, TrainedWidth, network_threshold

CPU = torch.device("cpu")
SHAPES = [(20, 8), (20, 20), (20, 60)]  # narrower than samples, as wide, wider


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def finish(config: Config) -> double_descent.Frame:
    experiment = Experiment(config)
    while not experiment.done:
        experiment.step()
    return experiment.frame()


def middle(values: np.ndarray) -> np.ndarray:
    return np.median(values, axis=1)


# ---------------------------------------------------------------- the solution


@pytest.mark.parametrize("shape", SHAPES)
def test_without_ridge_it_is_the_pseudoinverse(shape: tuple[int, int]) -> None:
    phi, y = normal(*shape), normal(shape[0], 3, seed=1)
    weights = min_norm_fit(phi, y)
    torch.testing.assert_close(weights, torch.linalg.pinv(phi) @ y, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(min_norm_fit(phi, y[:, 0]), weights[:, 0])


def test_without_full_rank_it_is_the_pseudoinverse_too() -> None:
    phi = normal(20, 5) @ normal(5, 30, seed=1)
    y = normal(20, 2, seed=2)
    torch.testing.assert_close(min_norm_fit(phi, y), torch.linalg.pinv(phi, rtol=1e-10) @ y, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ridge", [1e-3, 0.5, 20.0])
def test_with_ridge_it_is_that_of_scikit_learn(shape: tuple[int, int], ridge: float) -> None:
    phi, y = normal(*shape), normal(shape[0], 3, seed=1)
    peer = Ridge(alpha=ridge, fit_intercept=False, solver="cholesky").fit(phi.numpy(), y.numpy())
    np.testing.assert_allclose(min_norm_fit(phi, y, ridge).numpy(), peer.coef_.T, rtol=1e-6, atol=1e-9)


def test_gradient_descent_from_zero_ends_at_the_smallest_solution() -> None:
    phi, y = normal(10, 30), normal(10, seed=1)
    weights, rate = torch.zeros(30, dtype=torch.float64), 1 / torch.linalg.matrix_norm(phi, 2) ** 2
    for _ in range(20_000):
        weights -= rate * phi.mT @ (phi @ weights - y)
    torch.testing.assert_close(weights, min_norm_fit(phi, y), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("by_kernel", [False, True])
def test_a_spectrum_knows_errors_norm_and_answers(shape: tuple[int, int], ridge: float, by_kernel: bool) -> None:
    if by_kernel and shape[1] <= shape[0]:
        shape = (20, 45)
    phi, y, look = normal(*shape), normal(shape[0], 3, seed=1), normal(7, shape[1], seed=2)
    made = (phi @ phi.mT, y, look @ phi.mT) if by_kernel else (phi, y, look)
    found = (spectrum.from_kernel if by_kernel else spectrum.from_features)(*made)
    weights = min_norm_fit(phi, y, ridge)
    assert found.rank == torch.linalg.matrix_rank(phi)
    assert found.norm(ridge) == pytest.approx(float(weights.norm()), rel=1e-6)
    train_error = float((phi @ weights - y).square().sum()) / shape[0]
    assert found.train_error(ridge) == pytest.approx(train_error, rel=1e-6, abs=1e-12)
    torch.testing.assert_close(found.answers(ridge).double(), look @ weights, rtol=1e-4, atol=1e-4)
    target = normal(7, 3, seed=3)
    tried = [(look @ min_norm_fit(phi, y, r) - target).square().sum(1).mean() for r in spectrum.GOOD_RIDGES]
    np.testing.assert_allclose(found.good_errors(target).numpy(), torch.stack(tried).numpy(), rtol=1e-3)


@pytest.mark.parametrize(
    "knobs",
    [
        {"model": "fourier", "data": "digits"}, {"model": "relu", "data": "digits"},
        {"model": "legendre", "data": "curve", "noise": 0.2}, {"model": "fourier", "data": "curve", "noise": 0.2},
        {"model": "gaussian_subset", "data": "gaussian", "noise": 0.3},
    ],
    ids=lambda knobs: "-".join(str(v) for v in knobs.values()),
)  # fmt: skip
def test_the_curve_is_that_of_fits_made_one_by_one(knobs: dict[str, object]) -> None:
    config = Config(samples=16, widths=9, seeds=2, ridge=0.01, widest=6.0, **knobs)  # type: ignore[arg-type]
    table = risk_curve(config)
    assert list(table.columns) == ["width", "seed", "train_error", "test_error", "norm"]
    widest = int(table.width.max())
    for row in table.itertuples():
        problem = Problem(config.data, config.model, samples=16, widest=widest, noise=config.noise, seed=row.seed,
                          device=CPU)  # fmt: skip
        phi = problem.features(problem.x, 0, row.width) * problem.scale(row.width)
        weights = min_norm_fit(phi, problem.y, config.ridge)
        assert row.train_error == pytest.approx(float((phi @ weights - problem.y).square().sum()) / 16, rel=1e-3)
        assert row.norm == pytest.approx(float(weights.norm()), rel=1e-3)
        if config.data == "gaussian":
            learned = torch.zeros(widest, 1, dtype=torch.float64)
            learned[: row.width] = weights
            expected = float((problem.y_test - learned).square().mean()) + config.noise**2
        else:
            said = problem.features(problem.x_test, 0, row.width) * problem.scale(row.width) @ weights
            expected = float((problem.y_test - said).square().sum(1).mean())
        assert row.test_error == pytest.approx(expected, rel=1e-3)


def test_the_expected_error_of_gaussian_inputs_is_that_on_fresh_ones() -> None:
    problem = Problem("gaussian", "gaussian_subset", samples=50, widest=100, noise=0.5, seed=1, device=CPU)
    weights = min_norm_fit(problem.x[:, :30], problem.y)
    x = normal(200_000, 100, seed=5) / 10  # variance 1 / D
    y = x @ problem.y_test + 0.5 * normal(200_000, 1, seed=6)
    measured = (y - x[:, :30] @ weights).square()
    learned = torch.zeros(100, 1, dtype=torch.float64)
    learned[:30] = weights
    expected = float((problem.y_test - learned).square().mean()) + problem.floor
    assert float(measured.mean()) == pytest.approx(expected, abs=4 * float(measured.std()) / 200_000**0.5)


def test_the_fit_under_the_slider_is_kept_and_a_new_ridge_gives_what_a_new_run_would() -> None:
    config = Config(samples=30, widths=10, seeds=3)
    experiment = Experiment(config)
    list(engine.train(experiment, 7))
    turned = dataclasses.replace(config, ridge=0.1)
    experiment.update(turned)
    fresh = Experiment(turned)
    list(engine.train(fresh, 7))
    for name in ("train_error", "test_error", "norm", "answers", "wrong"):
        np.testing.assert_array_equal(getattr(experiment.frame(), name), getattr(fresh.frame(), name))
    assert experiment.step() == fresh.step()


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"model": "network", "data": "curve", "narrowest": 0.9, "widest": 1.2},
        {"across": "epochs"},
        {"model": "gaussian_subset", "data": "gaussian"},
    ],
    ids=["widths", "network", "epochs", "gaussian"],
)
def test_it_goes_on_from_a_state_far_along_as_it_would_have(knobs: dict[str, object]) -> None:
    config = Config(samples=20, widths=6, seeds=2, **knobs)  # type: ignore[arg-type]
    experiment, other = Experiment(config), Experiment(config)
    while experiment.step_count < len(experiment.plan) - 3:
        experiment.step()
    other.load_state_dict(experiment.state_dict())
    for _ in range(3):
        assert other.step() == experiment.step()
    assert other.done
    for one, two in zip(dataclasses.astuple(experiment.frame()), dataclasses.astuple(other.frame()), strict=True):
        np.testing.assert_array_equal(one, two)


# ---------------------------------------------------------------- where the peak stands


def around(samples: int, **knobs: object) -> Config:
    """Widths close to the threshold, nearly one by one."""
    return Config(samples=samples, narrowest=0.9, widest=1.3, widths=36, seeds=5, **knobs)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["fourier", "relu"])
def test_the_peak_stands_where_the_rank_reaches_the_number_of_samples(model: str) -> None:
    frame = finish(around(60, model=model))
    off = []
    for rank, test_error, train_error in zip(frame.rank.T, frame.test_error.T, frame.train_error.T, strict=True):
        full = frame.stops[(rank >= 60).argmax()]
        off.append(frame.stops[test_error.argmax()] / full - 1)
        assert full == 60 if model == "fourier" else full > 60  # relu features are not all independent
        assert train_error[frame.stops >= full].max() < 1e-9
        assert train_error[frame.stops < 0.95 * full].min() > 1e-4
    assert abs(np.median(off)) <= 0.02


@pytest.mark.parametrize("seed", first(2, [0, 10, 20, 30, 40]))
def test_clean_digits_peak_and_descend_below_half_of_the_classical_minimum(seed: int) -> None:
    frame = finish(Config(seed=seed))
    error, stops = middle(frame.test_error), frame.stops
    at = list(stops).index(100)
    classical = error[:at].min()
    assert stops[error.argmax()] == frame.full_rank == frame.threshold == 100
    assert error[at] > 20 * classical
    assert error[-1] < 0.5 * classical
    assert middle(frame.train_error)[at] < 1e-9 < middle(frame.train_error)[at - 1]
    assert middle(frame.norm)[at] == middle(frame.norm).max()
    good = middle(frame.good_ridge_error)
    assert np.all(np.diff(good) < 0.01), "with a good ridge a wider model is never worse"
    assert np.all(good <= error + 1e-6)


# ---------------------------------------------------------------- theory

SHARES = [(20, "under"), (35, "under"), (90, "over"), (150, "over"), (240, "over")]


@pytest.mark.parametrize(("p", "_side"), SHARES)
@pytest.mark.parametrize("noise", [0.0, 0.6])
def test_theory_and_least_squares_agree_within_the_standard_error(p: int, _side: str, noise: float) -> None:
    n, inputs = 60, 240
    risks = []
    for seed in range(150):
        problem = Problem("gaussian", "gaussian_subset", samples=n, widest=inputs, noise=noise, seed=seed, device=CPU)
        learned = torch.zeros(inputs, 1, dtype=torch.float64)
        learned[:p] = min_norm_fit(problem.x[:, :p], problem.y)
        risks.append(float((problem.y_test - learned).square().mean()) + noise**2)
    expected = risk_theory.subset_risk(p, samples=n, inputs=inputs, noise=noise)
    assert abs(np.mean(risks) - expected) < 3 * np.std(risks) / len(risks) ** 0.5 + 1e-9


@pytest.mark.parametrize("p", [60, 200, 320])
@pytest.mark.parametrize("ridge", [0.05, 1.0])
def test_ridge_theory_is_met_in_high_dimension(p: int, ridge: float) -> None:
    n, inputs, noise = 200, 400, 0.5
    risks = []
    for seed in range(12):
        problem = Problem("gaussian", "gaussian_subset", samples=n, widest=inputs, noise=noise, seed=seed, device=CPU)
        learned = torch.zeros(inputs, 1, dtype=torch.float64)
        learned[:p] = min_norm_fit(problem.x[:, :p], problem.y, ridge)
        risks.append(float((problem.y_test - learned).square().mean()) + noise**2)
    expected = risk_theory.ridge_risk(p, samples=n, inputs=inputs, noise=noise, ridge=ridge)
    assert (
        abs(np.mean(risks) - expected) < 4 * np.std(risks) / len(risks) ** 0.5 + 3 / n * expected
    )  # a limit for large n


@pytest.mark.parametrize("p", [10, 58, 70, 240])
def test_ridge_theory_goes_over_into_that_without(p: int) -> None:
    known = {"samples": 6_000_000, "inputs": 24_000_000, "noise": 0.3}
    small = risk_theory.ridge_risk(100_000 * p, ridge=1e-9, **known)  # type: ignore[arg-type]
    assert small == pytest.approx(risk_theory.subset_risk(100_000 * p, **known), rel=1e-4)  # type: ignore[arg-type]


def test_theory_has_no_value_at_the_threshold() -> None:
    known = {"samples": 60, "inputs": 240, "noise": 0.0}
    risks = [risk_theory.subset_risk(p, **known) for p in range(57, 64)]  # type: ignore[arg-type]
    assert [np.isinf(risk) for risk in risks] == [False, False, True, True, True, False, False]


# ---------------------------------------------------------------- features, epochs, networks


def test_legendre_polynomials_are_those_of_scipy() -> None:
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    made = Legendre(x)
    made(5)  # they grow
    expected = [np.sqrt(2 * j + 1) / (j + 1) * eval_legendre(j, x.numpy()) for j in range(40)]
    np.testing.assert_allclose(made(40).numpy(), np.column_stack(expected), rtol=1e-9, atol=1e-10)


def test_features_of_a_wider_model_begin_with_those_of_a_narrower_one() -> None:
    for data, model in (
        ("digits", "fourier"),
        ("digits", "relu"),
        ("curve", "legendre"),
        ("gaussian", "gaussian_subset"),
    ):
        problem = Problem(data, model, samples=12, widest=40, noise=0.0, seed=0, device=CPU)
        whole = problem.features(problem.x, 0, 40)
        assert whole.shape == (12, 40)
        torch.testing.assert_close(problem.features(problem.x, 7, 30), whole[:, 7:30])


def test_noise_replaces_the_share_of_labels_that_was_asked_for() -> None:
    clean, noisy = (Problem("digits", "fourier", samples=200, widest=5, noise=noise, seed=3, device=CPU)
                    for noise in (0.0, 0.25))  # fmt: skip
    torch.testing.assert_close(clean.x, noisy.x)
    changed = (clean.y.argmax(1) != noisy.y.argmax(1)).double().mean()
    assert 0.15 < changed < 0.35
    assert torch.equal(noisy.y.sum(1), torch.ones(200, dtype=torch.float64))


@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_epochs_are_those_of_gradient_descent_walked_step_by_step(ridge: float) -> None:
    problem = two_speeds.TwoSpeeds(samples=30, noise=0.4, seed=2, device=CPU)
    beta = torch.zeros(len(problem.beta), dtype=torch.float64)
    for epoch in range(1, 301):
        gradient = (problem.x.mT @ (problem.x @ beta - problem.y) + ridge * beta) / 30
        beta = beta - two_speeds.LEARNING_RATE * gradient
        if epoch in (1, 17, 300):
            torch.testing.assert_close(problem.coefficients(epoch, ridge), beta, rtol=1e-8, atol=1e-10)


def test_fast_and_slow_errors_add_up_to_the_error_on_fresh_data() -> None:
    problem = two_speeds.TwoSpeeds(samples=100, noise=0.3, seed=0, device=CPU)
    beta = problem.coefficients(50)
    x = normal(200_000, len(beta), seed=4) * problem.scales
    wrong = (x @ (problem.beta - beta) + 0.3 * normal(200_000, seed=5)).square()
    assert float(wrong.mean()) == pytest.approx(sum(problem.parts(beta)) + 0.09, abs=4 * float(wrong.std()) / 447)


def test_a_trained_network_meets_its_targets_and_seeds_do_not_touch_each_other() -> None:
    problems = [Problem("curve", "network", samples=12, widest=0, noise=0.0, seed=s, device=CPU) for s in (4, 5)]
    both = TrainedWidth(problems, 30, seeds=[4, 5])
    alone = TrainedWidth(problems[1:], 30, seeds=[5])
    before = both.train(1, 0.0)
    both.train(299, 0.0), alone.train(300, 0.0)
    assert both.train(1, 0.0) < before / 100
    alone.train(1, 0.0)
    torch.testing.assert_close(both.answers(both.x)[1], alone.answers(alone.x)[0], rtol=1e-3, atol=1e-4)


def test_the_threshold_of_a_network_is_where_its_parameters_are_as_many_as_the_numbers_to_fit() -> None:
    problem = Problem("digits", "network", samples=100, widest=0, noise=0.0, seed=0, device=CPU)
    h = network_threshold(problem)
    assert (64 + 1) * h + (h + 1) * 10 == pytest.approx(100 * 10)


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"model": "network", "data": "curve", "narrowest": 0.9, "widest": 1.2},
        {"across": "epochs"},
        {"model": "legendre", "data": "curve"},
    ],
    ids=["fourier", "network", "epochs", "legendre"],
)
def test_the_model_says_what_the_picture_shows(knobs: dict[str, object]) -> None:
    experiment = Experiment(Config(samples=20, widths=5, seeds=2, **knobs))  # type: ignore[arg-type]
    shapes = {name: tensor.shape for name, tensor in experiment.model.state_dict().items()}
    while not experiment.done:
        experiment.step()
    model, sweep, frame = experiment.model, experiment.sweep, experiment.frame()
    assert {name: tensor.shape for name, tensor in model.state_dict().items()} == shapes
    problem = sweep.problems[0]  # type: ignore[attr-defined]
    if frame.kind == "coefficients":
        assert np.allclose(model.weight[0].detach() * problem.scales, frame.answers[-1], rtol=1e-5)
        return
    x = problem.x_test.float() if isinstance(sweep, AcrossTraining) else problem.x_test
    said = model(x).detach().numpy()
    seen = frame.answers[-1][0] if frame.kind == "curve" else frame.answers[-1]
    rows = (
        said[:, 0]
        if frame.kind == "curve"
        else said[[int((problem.y_test.argmax(1) == d).nonzero()[0]) for d in range(10)]]
    )
    np.testing.assert_allclose(rows, seen, rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------- the large size


def test_large_has_three_times_the_samples_and_a_peak_three_times_as_far() -> None:
    def run(size: str) -> tuple[Experiment, list[dict[str, float]]]:
        experiment = Experiment(Config(size=size, samples=20, widths=7, seeds=3))
        metrics = list(engine.train(experiment, len(experiment.plan)))
        return experiment, metrics

    (standard, _), (large, metrics) = run("standard"), run("large")
    assert run("large")[1] == metrics
    assert [len(run.sweep.problems[0].x) for run in (standard, large)] == [20, 60]  # type: ignore[attr-defined]
    weights = [sum(p.numel() for p in run.model.parameters()) for run in (standard, large)]
    assert weights[1] == 3 * weights[0]
    for experiment, n in ((standard, 20), (large, 60)):
        frame = experiment.frame()
        test_error, train_error = middle(frame.test_error), middle(frame.train_error)
        assert frame.stops[test_error.argmax()] == frame.full_rank == frame.threshold == n
        assert train_error[frame.stops >= n].max() < 1e-9 < train_error[frame.stops < n].min()
    assert middle(large.frame().test_error)[-1] < middle(standard.frame().test_error)[-1], "three times the data"


def test_a_large_network_learns() -> None:
    config = Config(size="large", model="network", data="curve", samples=20, narrowest=0.9, widths=5, seeds=2)
    experiment = Experiment(config)
    losses = [m["loss"] for m in engine.train(experiment, 12)]
    assert losses[-1] < losses[0] / 2 and experiment.sweep.threshold == pytest.approx(59 / 3)


def test_all_models_take_the_large_size_as_they_stand_or_say_why_not() -> None:
    for model, data in double_descent.GOES_WITH.items():
        for across in ("width", "epochs"):
            knobs = {"size": "large", "model": model, "data": data[0], "across": across}
            if (model, across) == ("legendre", "width"):
                with pytest.raises(ConfigError, match="so many polynomials"):
                    Config(**knobs)  # type: ignore[arg-type]
            else:
                assert Config(**knobs).n == 300  # type: ignore[arg-type]


# ---------------------------------------------------------------- knobs


def test_widths_hold_the_threshold_and_grow() -> None:
    for widths in (5, 24, 60):
        for narrowest, widest in ((0.01, 1.2), (0.9, 30.0), (0.05, 10.0)):
            config = Config(samples=50, widths=widths, narrowest=narrowest, widest=widest, seeds=1)
            found = double_descent.stops(config, 50)
            assert found == sorted(set(found)) and 50 in found and len(found) <= widths
            assert abs(found[0] - max(1, 50 * narrowest)) <= 0.5 and abs(found[-1] - 50 * widest) <= 0.5


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"model": "legendre"}, "Legendre polynomials goes with data: Curve"),
        ({"data": "gaussian"}, "Random Fourier features goes with data: Digits or Curve"),
        ({"samples": 200, "widths": 60, "seeds": 20}, "at most 15 points"),
        ({"samples": 200, "widest": 30.0}, "at most 10 times n"),
        ({"model": "network", "widest": 30.0, "samples": 200, "seeds": 10}, "thresholds"),
        ({"size": "large", "samples": 101}, "size = 'large' .* take at most 100, which makes 300"),
        ({"size": "large", "across": "epochs", "samples": 200}, "take at most 100, which makes 300"),
        ({"size": "large", "widest": 11.0}, "with 300 samples it is at most 10 times n"),
        ({"size": "large", "widths": 60}, "with 300 samples and 5 seeds at most 40 points"),
    ],
)
def test_what_does_not_go_together_gets_a_sentence(knobs: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Config(**knobs)  # type: ignore[arg-type]


def test_three_widths_stand_beside_each_other_as_the_slider_would_show_them() -> None:
    """The lowest before the peak, the peak and the newest: their panels draw what the fit does at these stops."""
    experiment = Experiment(Config(model="legendre", data="curve", samples=20, noise=0.2, seeds=1))
    titles = [title for _, title in drawn._three(View(experiment.frame(), experiment.config))]
    assert titles == ["Three widths: narrow", "The peak: still to come", "The last: still to come"]
    list(engine.train(experiment, 22))
    frame = experiment.frame()
    view = View(frame, experiment.config, {}, 22, 22)
    places = [stop for stop, _ in drawn._three(view)]
    test = frame.test_error[:, 0]
    assert places[1] == int(test.argmax()) and frame.stops[places[1]] == 20 and places[2] == len(frame.stops) - 1
    assert places[0] == int(test[: places[1]].argmin())
    scene = drawn.stage(view)
    panels = {panel["key"]: panel for row in scene.rows for panel in row}
    [slid] = [
        each for each in panels["fit"]["layers"] if each.get("stop") == places[1] and each["name"] == "First seed"
    ]
    [shown] = [each for each in panels["fit_2"]["layers"] if each["name"] == "First seed"]
    assert scene.arrays.chunks[slid["xy"]] == scene.arrays.chunks[shown["xy"]]
    assert panels["fit_2"]["title"] == "The peak: 20 polynomials"
