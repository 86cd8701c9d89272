"""What is said of a run: a sentence for now, titles with its numbers, and the facts that lessons name."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.contract.view import View

Floats = NDArray[np.float64]

PATIENCE = 20  # epochs in which a loss must move, or it is said that it does not
RISEN = 1.2  # times its lowest value, from which the test loss is said to have risen


def facts(view: View) -> dict[str, float | str]:
    """Numbers and words of the moment on screen; what lies after it, when the run was wound back, does not count.

    `lowest` is the lowest test loss so far, reached at epoch `lowest_at` and `risen` times as high now; with several
    networks the curves are their mean.  `best`, `middle` and `worst` are test errors of the networks.  `gap`: how many
    times larger the gradient is that reaches the last hidden layer than that which reaches the first.  `border` is the
    length of the border between two classes, in sides of the plane; `contrast` how far the answers on it lie apart.
    """
    frame, config, low = view.frame, view.config, lowest(view)
    best, middle, worst = spread(view)
    return {
        "epoch": view.step, "outcome": outcome(view), "networks": len(frame.seed_errors),
        "parameters": parameters(view),
        "data": config.data, "inputs": ",".join(config.features), "layers": len(config.hidden),
        "activation": config.activation, "norm": config.norm, "l2": config.l2, "dropout": config.dropout,
        "train_count": len(frame.train_xy), "test_count": len(frame.test_xy),
        "train_loss": now(view, "train_loss"), "test_loss": now(view, "test_loss"),
        "train_error": now(view, "train_error"), "test_error": now(view, "test_error"),
        "lowest": low.loss, "lowest_at": low.epoch, "risen": low.risen,
        "lowest_train": at(view, "train_loss", low.epoch), "best": best, "middle": middle, "worst": worst,
        "largest_weight": max(float(np.abs(w).max()) for w in frame.weights),
        "first_gradient": float(frame.delta_rms[0]), "gap": gap(frame), "border": border(frame),
        "contrast": float(np.ptp(frame.output_map)),
    }  # fmt: skip


def say(view: View) -> str:
    """What to look at now, in one sentence."""
    if not np.isfinite([now(view, "train_loss"), now(view, "test_loss")]).all():
        return (
            "It has diverged, its numbers are no longer finite: go back, or begin again with a smaller learning rate."
        )
    wrong = _wrong(view)
    if view.step == 0:
        return f"Untrained, {wrong}: Play colours the plane like the points."
    if len(view.frame.seed_errors) != 1:
        return f"{len(view.frame.seed_errors)} networks differ by chance alone, and {_spread(view)}."
    low = lowest(view)
    then, here = f"{low.loss:.2f}", f"{now(view, 'test_loss'):.2f}"
    if low.risen > RISEN and then != here and now(view, "train_loss") < at(view, "train_loss", low.epoch):
        return (f"Since epoch {low.epoch:,} the test loss has risen from {then} to {here}, while the training loss "
                "falls on.")  # fmt: skip
    if view.frame.classes and now(view, "test_error") == 0:
        return "No test point is on the wrong side; see how the neurons put the border together."
    _, losses = curve(view, "train_loss")
    if len(losses) > PATIENCE and abs(losses[-1 - PATIENCE] - losses[-1]) < 0.01 * abs(losses[-1]):
        return f"For {PATIENCE} epochs the training loss has hardly moved from {losses[-1]:.2f}, and {wrong}."
    epochs, errors = curve(view, "test_error")
    if len(errors) > 1 and errors[-1] < errors[0]:
        before = f"{errors[0]:.0%} were" if view.frame.classes else f"it was {errors[0]:.2f}"
        return f"It learns: at epoch {view.step:,}, {wrong}, {before} at epoch {int(epochs[0]):,}; watch the plane."
    return f"At epoch {view.step:,}, {wrong}; watch which lines between the neurons grow thick."


def network_title(view: View) -> str:
    """What the graph shows, and how many numbers the network learns."""
    drawn = sum(len(maps) for maps in view.frame.neuron_maps)
    large = drawn < sum(view.config.widths)
    seen = "What a quarter of the neurons see" if large else "What neurons see"
    return f"{seen} ({parameters(view):,} parameters)"


def output_title(view: View) -> str:
    """How well the shown network answers; with its loss, where no panel of its own has that."""
    scores = view.frame.scores
    if not np.isfinite(list(scores.values())).all():
        return "No answers: it has diverged"
    loss = f", loss {scores['test_loss']:.2f} (training {scores['train_loss']:.2f})" if view.beside else ""
    if not view.frame.classes:
        return f"Test points: RMSE {scores['test_error']:.2f}{loss}"
    return f"Test points: {scores['test_error']:.1%} wrong{loss}"


def gradients_title(view: View) -> str:
    """How the gradient that reaches the first layer compares with that at the last hidden one.

    Before the first epoch it is not told: a lesson asks for it.
    """
    sizes = view.frame.delta_rms
    if not view.step:
        return "Gradient at each layer, from epoch 1 on"
    if not np.isfinite(sizes).all():
        return "Gradient at each layer: not finite"
    if len(sizes) < 3:
        return "Gradient at each layer"
    if not sizes[0]:
        return "Gradient: nothing of it reaches layer 1"
    ratio = gap(view.frame)
    if ratio >= 1.5:
        told = f"{ratio:,.0f} times smaller than" if ratio >= 10 else f"{ratio:.1f} times smaller than"
    else:
        told = f"{1 / max(ratio, 1e-30):.1f} times larger than" if ratio * 1.5 <= 1 else "about as large as"
    return f"Gradient at layer 1: {told} at layer {len(sizes) - 1}"


def flat(view: View) -> str:
    """At how many of the places that training points reach the activation is flat."""
    if not len(view.frame.neuron_maps) or not np.isfinite(view.frame.scores["train_loss"]):
        return ""
    return f"Slope below 0.1 at {view.frame.flat:.0%} of the places: of the gradient, little passes there."


def seeds_title(view: View) -> str:
    """How far apart networks are that differ by chance alone."""
    form = error_form(view)
    best, middle, worst = (format(error, form) for error in spread(view))
    told = f"{best} to {worst} of the test points wrong" if view.frame.classes else f"RMSE {best} to {worst}"
    return f"{len(view.frame.seed_errors)} networks: {told}, middle {middle}. Click one to look inside"


def error_form(view: View) -> str:
    """How a test error is written: as a share, or as a number if there are no classes."""
    return ".1%" if view.frame.classes else ".2f"


def outcome(view: View) -> str:
    """How well the shown network does, as the end of a sentence that may begin with "here"."""
    loss = now(view, "test_loss")
    if not np.isfinite(loss):
        return "the network has diverged"
    return f"the test loss is {loss:.2f} and {_wrong(view)}"


class Lowest(NamedTuple):
    """The lowest test loss so far, when that was, and how many times as high it is now."""

    loss: float
    epoch: int
    risen: float


def lowest(view: View) -> Lowest:
    """Where the test loss was lowest; with several networks that of their mean."""
    epochs, losses = curve(view, "test_loss")
    here = now(view, "test_loss")
    if not np.isfinite(losses).any():
        return Lowest(here, view.step, here / max(here, 1e-12))
    place = int(np.nanargmin(losses))
    return Lowest(float(losses[place]), int(epochs[place]), here / max(float(losses[place]), 1e-12))


def spread(view: View) -> tuple[float, float, float]:
    """Test error of the best, the middle and the worst network."""
    errors = np.asarray(view.frame.seed_errors, np.float64)
    return float(errors.min()), float(np.median(errors)), float(errors.max())


def now(view: View, metric: str) -> float:
    """A metric at the moment on screen: of the shown network, or, if there are several, their mean as in the curves."""
    if len(view.frame.seed_errors) > 1 and len(values := curve(view, metric)[1]):
        return float(values[-1])
    return float(view.frame.scores[metric])


def at(view: View, metric: str, epoch: int) -> float:
    """A metric at an earlier `epoch`; now, if there is nothing of it."""
    epochs, values = curve(view, metric)
    found = np.flatnonzero(epochs == epoch)
    return float(values[found[0]]) if len(found) else now(view, metric)


def curve(view: View, metric: str) -> tuple[Floats, Floats]:
    """The epochs (T,) and values (T,) of a metric up to the moment on screen."""
    epochs, values = (np.asarray(row, np.float64) for row in view.curves.get(metric, ((), ())))
    seen = epochs <= view.step
    return epochs[seen], values[seen]


def parameters(view: View) -> int:
    """How many numbers the network learns: weights, biases, and two for each neuron with a norm."""
    config = view.config
    sizes = (len(config.features), *config.widths, len(view.frame.biases[-1]))
    of_norms = 2 * sum(config.widths) if config.norm != "none" else 0
    return int(sum(n * m + m for n, m in itertools.pairwise(sizes)) + of_norms)


def gap(frame: Any) -> float:
    """How many times larger the gradient at the last hidden layer is than at the first; 1 without two of them."""
    hidden = frame.delta_rms[:-1]
    if len(hidden) < 2 or not np.isfinite(hidden).all() or hidden[-1] == hidden[0]:
        return 1.0
    return float(hidden[-1]) / max(float(hidden[0]), 1e-30)


def border(frame: Any) -> float:
    """Length of the border between the two answers of `frame.output_map`, in sides of the plane; 0 with other answers.

    Pairs of neighbouring pixels with different answers are counted, so that a slanting line is a little too long.
    """
    if frame.classes != 2:
        return 0.0
    side = frame.output_map > 0.5
    steps = sum(np.count_nonzero(np.diff(side, axis=axis)) for axis in (0, 1))
    return float(steps) / len(side)


def _wrong(view: View) -> str:
    """The share of test points on the wrong side, or what stands for it, as a clause."""
    error = now(view, "test_error")
    if view.frame.classes:
        return f"{error:.0%} of the test points are on the wrong side"
    return f"the root mean squared error is {error:.2f}"


def _spread(view: View) -> str:
    best, _, worst = spread(view)
    if not view.frame.classes:
        return f"their root mean squared errors go from {best:.2f} to {worst:.2f}"
    return f"the best has {best:.1%} of the test points wrong, the worst {worst:.1%}"
