"""What is said of a sweep: a sentence under the counter, and the numbers that lessons name."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.double_descent.landmarks import FLOOR, Landmarks, landmarks, middle, spelt, unit

NEAR = (0.8, 1.25)  # times the threshold: there the error is a matter of luck


def say(view: View) -> str:
    """What to look at now."""
    frame, config = view.frame, view.config
    found, each = landmarks(frame), unit(config)
    if found is None:
        if frame.part:
            return f"The narrowest network, {frame.planned[0]:,} {each}, is being trained."
        if config.across == "epochs":
            return f"Play trains a model for {frame.planned[-1]:,} epochs, and draws its error on new data on the way."
        each += "" if config.model == "network" else " (parameters)"
        return (f"Play fits {len(frame.planned)} models of {frame.planned[0]:,} to {frame.planned[-1]:,} {each}, and "
                "draws the error of each on new data.")  # fmt: skip
    test, training = middle(frame.test_error), middle(frame.train_error)
    now = f"{_at(frame, found.last, each)}: test error {spelt(test[-1])}, training error {spelt(training[-1])}"
    if not math.isfinite(test[-1]):
        return f"{_at(frame, found.last, each)}: no numbers any more, this run has diverged."
    if len(frame.stops) == len(frame.planned):
        return _shape(frame, found, each)
    if found.peak is not None:
        return f"{now}; the peak was {spelt(test[found.peak])}, at {frame.stops[found.peak]:,}."
    if found.last == found.edge:
        return f"{now}; here there are as many parameters as {_fitted(config)}."
    if training[-1] < FLOOR:
        return f"{now}: it hits all that it was shown, so watch the test error."
    if test[-1] > 1.2 * test[found.low]:
        return f"{now}; it rises, since at {frame.stops[found.low]:,} the test error was {spelt(test[found.low])}."
    return f"{now}; so far the test error falls."


def facts(view: View) -> dict[str, float | str]:
    """Errors of the middle seed at the landmarks, `*_at` where those are and `*_told` as they are written beside them.

    A number that there is not, or not yet, is -1.
    """
    frame, config = view.frame, view.config
    found, each = landmarks(frame), unit(config)
    told: dict[str, float | str] = {
        "across": config.across, "model": config.model, "kind": frame.kind, "each": each, "ridge": config.ridge,
        "noise": config.noise, "samples": config.n, "seeds": config.seeds, "points": len(frame.stops),
        "planned": len(frame.planned), "full_rank": frame.full_rank, "so_far": so_far(frame, found, each),
        "peaks": int(found is not None and found.peak is not None),
    }  # fmt: skip
    test, training, wrong, rank = map(middle, (frame.test_error, frame.train_error, frame.wrong, frame.rank))
    fast, slow = frame.parts.T
    places: dict[str, int | None] = dict.fromkeys(("first", "low", "peak", "edge", "last", "best", "twice"))
    if found:
        best = int(np.where(np.isfinite(test), test, np.inf).argmin())
        places |= asdict(found) | {"first": 0, "best": best, "twice": twice(frame)}
    for name, place in places.items():
        here = {"": test, "_wrong": wrong, "_training": training, "_rank": rank, "_fast": fast, "_slow": slow}
        told |= {name + end: math.nan if place is None else float(values[place]) for end, values in here.items()}
        told |= {f"{name}_at": math.nan if place is None else int(frame.stops[place])}
        told |= {f"{name}_told": spelt(math.nan if place is None else float(test[place]))}
    low, high = theory_range(frame)
    told |= _courses(frame, found) | {"theory_low": low, "theory_high": high}
    return {name: fact if isinstance(fact, str) or math.isfinite(fact) else -1.0 for name, fact in told.items()}


def theory_range(frame: Any) -> tuple[float, float]:
    """The least and the largest ratio of measured to expected error away from the threshold; NaN where none is known.

    "Away" leaves out widths within `NEAR` times the threshold.
    """
    known = dict(zip(frame.theory_at.tolist(), frame.theory.tolist(), strict=True))
    pairs = zip(frame.stops.tolist(), middle(frame.test_error).tolist(), strict=True)
    low, high = NEAR[0] * frame.threshold, NEAR[1] * frame.threshold
    ratios = [error / known[at] for at, error in pairs if at in known and not low <= at <= high]
    ratios = [ratio for ratio in ratios if math.isfinite(ratio)]
    return (min(ratios), max(ratios)) if ratios else (math.nan, math.nan)


def so_far(frame: Any, found: Landmarks | None, each: str) -> str:
    """How far a run is, and what was seen of it, in a sentence that is true of all of them."""
    if found is None:
        return "This run has no point yet."
    points = f"After {len(frame.stops)} of {len(frame.planned)} points"
    return f"{points}: {_shape(frame, found, each)[:1].lower()}{_shape(frame, found, each)[1:]}"


def _shape(frame: Any, found: Landmarks, each: str) -> str:
    """Where the test error fell and rose."""
    test, stops = middle(frame.test_error), frame.stops
    last, low = f"{spelt(test[-1])} at {stops[-1]:,} {each}", f"{spelt(test[found.low])} at {stops[found.low]:,}"
    if not np.isfinite(test).all():
        return f"Some test errors are no numbers any more; the last is {last}."
    if found.peak is not None:
        return f"The test error was {low}, rose to {spelt(test[found.peak])} at {stops[found.peak]:,}, and is {last}."
    if found.low < found.last and test[-1] > 1.2 * max(test[found.low], FLOOR):
        return f"The test error fell to {low}, and rose: it is {last}."
    return f"The test error has no peak: from {spelt(test[0])} at {stops[0]:,} it went to {last}."


def _at(frame: Any, place: int, each: str) -> str:
    many = f"{frame.stops[place]:,} {each}"
    return many if frame.across == "width" else f"After {many}"


def _fitted(config: Any) -> str:
    return "numbers to fit" if config.model == "network" else "samples"


def twice(frame: Any) -> int | None:
    """The stop nearest to twice the threshold, where there is one not far from it."""
    if not np.isfinite(frame.threshold):
        return None
    away = np.abs(np.log(frame.stops / (2 * frame.threshold)))
    return int(away.argmin()) if away.min() < math.log(1.25) else None


def _courses(frame: Any, found: Landmarks | None) -> dict[str, float]:
    """Largest rise from one point to the next: of the test error, and past the peak of the norm; and the largest
    training error from there on.  A rise of 1 or less says that something falls all the way.
    """
    past = found.peak if found and found.peak is not None else len(frame.stops)
    norm, training = middle(frame.norm)[past:], middle(frame.train_error)[past:]
    return {
        "rise": _rise(middle(frame.test_error)), "norm_rise": _rise(norm),
        "training_past": float(training.max()) if len(training) else math.nan,
    }  # fmt: skip


def _rise(values: Any) -> float:
    if len(values) < 2 or not (np.isfinite(values).all() and (values > 0).all()):
        return math.nan
    return float((values[1:] / values[:-1]).max())
