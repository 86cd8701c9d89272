"""What is said of one network: a sentence, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View

NEW = "new: (a, b) and (b, a) unseen"  # cells that are new in both orders, in a legend
BY_HEART = 0.99  # of the cells shown are right
HALF = 0.5  # of the new cells are right
SURE = 0.95  # of a parity's cells are right, where guessing gets half of them


def reached(view: View, metric: str, level: float, *, ever: bool = False) -> int:
    """The first step at which `metric` was at `level`; 0: not up to the moment on screen, or not `ever`."""
    steps, values = (np.asarray(row) for row in view.curves.get(metric, ((), ())))
    high = values >= level
    step = int(steps[np.argmax(high)]) if high.any() else 0
    return step if ever or step <= view.step else 0


def at(view: View, metric: str, step: float) -> float:
    """What `metric` was at `step`, or at the first one after it; 0 where it was not measured."""
    steps, values = (np.asarray(row) for row in view.curves.get(metric, ((), ())))
    later = values[(steps >= step) & np.isfinite(values)] if len(steps) else values
    return float(later[0]) if len(later) else 0.0


def landmarks(view: View) -> dict[str, float]:
    """Steps that the chart of accuracies marks, each with the words beside it; not a number if they never came."""
    if view.config.operation == "parity":
        wanted = {"95 % shown": ("train_accuracy", SURE), "95 % others": ("test_accuracy", SURE)}
    else:
        wanted = {"99 % shown": ("train_accuracy", BY_HEART), "half new": ("new_accuracy", HALF)}
    steps = {words: reached(view, metric, level, ever=True) for words, (metric, level) in wanted.items()}
    return {f"{words}: {step}": float(step) if step else math.nan for words, step in steps.items()}


def right(view: View) -> str:
    """The title of the chart of accuracies."""
    seeds, scores = view.config.seeds, view.frame.scores
    if not view.curves:
        return "Share right, step by step: drawn from Play on"
    if seeds > 1:
        return f"Share right, mean of {seeds} networks"
    return f"Share right: {scores['train_accuracy']:.0%} of those shown, {scores['new_accuracy']:.0%} of the new"


def measures(view: View) -> str:
    """The title of the chart of three measures."""
    scores = view.frame.scores
    if view.config.seeds > 1 or "key_accuracy" not in scores:
        return "Three measures on new cells"
    three = (scores[f"{name}_accuracy"] for name in ("new", "key", "customary"))
    return f"Three measures on new cells: {', '.join(f'{value:.0%}' for value in three)}"


def norm(view: View) -> str:
    """The title of the chart of the norm."""
    first, now = at(view, "norm", 1), at(view, "norm", view.step)
    return f"Size of the weights: {first:.0f} at first, now {now:.0f}" if view.step and first else "Size of the weights"


def diverged(view: View) -> bool:
    return not np.isfinite(view.frame.chance).all()


def say(view: View) -> str:
    """One sentence: what to look at now."""
    scores, config = view.frame.scores, view.config
    train, new, keys = scores["train_accuracy"], scores["new_accuracy"], scores.get("key_accuracy", 0.0)
    if diverged(view):
        return "This network has diverged: a smaller learning rate, or less decay, keeps its weights finite."
    if view.step == 0:
        cells = f"{view.frame.train.sum():,} of {view.frame.train.size:,} cells"
        return f"On Play it learns {cells}; see whether it gets the others right, which it is never shown."
    if train < 0.95:
        if config.model == "sum" and config.operation in ("a-b", "permutations"):
            return "Summed embeddings give (a, b) and (b, a) one answer, but here they have two."
        return f"It learns the cells that it is shown: {train:.0%} of them are right."
    if new > 0.9:
        return f"It knows: {new:.0%} of the cells are right that it has seen in neither order."
    if keys > new + 0.2:
        return f"Of the new cells its key frequencies alone would get {keys:.0%} right; the network gets {new:.0%}."
    if new > 0.1 and config.operation != "parity":
        return f"The table fills: {new:.0%} of the new cells are right."
    return f"It knows what it was shown by heart, and {new:.0%} of the new cells, unseen as (a, b) and as (b, a)."


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name: the scores of the network shown, when it reached what, and its circle.

    A step of 0 is none so far.  With several networks the steps are those of their mean.
    """
    frame, config = view.frame, view.config
    heart, half = reached(view, "train_accuracy", BY_HEART), reached(view, "new_accuracy", HALF)
    shown, others = (reached(view, f"{part}_accuracy", SURE) for part in ("train", "test"))
    frequencies = len(frame.shares)
    bits = len(frame.keys)
    strongest = set((np.argsort(frame.shares)[::-1][:bits] + 1).tolist())
    new, keys = frame.scores["new_accuracy"], frame.scores.get("key_accuracy", 0.0)
    told: dict[str, float | str] = {
        **{name: value if math.isfinite(value) else 0.0 for name, value in frame.scores.items()},
        "step": view.step, "operation": config.operation, "seeds": config.seeds, "unordered": int(config.unordered),
        "train_share": config.train_share, "weight_decay": config.weight_decay, "last": len(frame.right) - 1,
        "keys": ", ".join(map(str, sorted(frame.keys.tolist()))), "frequency": frame.frequency,
        "frequencies": frequencies, "fair": min(5, frequencies) / max(1, frequencies),
        "heart_at": heart, "half_at": half, "wait": half / heart - 1 if heart and half else 0.0,
        "tenth_at": reached(view, "new_accuracy", 0.1), "new_then": at(view, "new_accuracy", heart) if heart else 0.0,
        "test_then": at(view, "test_accuracy", heart) if heart else 0.0, "key_times": keys / max(new, 1e-3),
        "norm_first": at(view, "norm", 1), "key_share_first": at(view, "key_share", 1),
        "shown_at": shown, "others_at": others, "apart": abs(others - shown) if shown and others else view.step,
        "test_halfway": at(view, "test_accuracy", others // 2) if others else 1.0,
        "bits": config.bits, "bits_found": int(config.operation == "parity" and strongest == set(frame.keys.tolist())),
        "neurons_edge": float(np.median(np.hypot(*frame.neurons.T))) if len(frame.neurons) else 0.0,
        **circle(frame),
    }  # fmt: skip
    return {"key_accuracy": 0.0, "customary_accuracy": 0.0, "key_share": 0.0} | told


def circle(frame: Any) -> dict[str, float]:
    """How round the circle shown is, and how well the residues keep their angles on it, up to 1 each."""
    if not len(frame.circle):
        return {"round": 0.0, "in_order": 0.0}
    radius, place = np.hypot(*frame.circle.T), np.arctan2(frame.circle[:, 1], frame.circle[:, 0])
    turn = 2 * np.pi * frame.circle_order / len(frame.names)
    ordered = max(abs(np.exp(1j * (place - way * turn)).mean()) for way in (1, -1))
    return {"round": float(1 - radius.std() / max(radius.mean(), 1e-9)), "in_order": float(ordered)}
