"""What is said of an autoencoder: its scores, a sentence under the counter, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.data import images
from engine.labs.vae.config import DEAD

EARLY = 200  # steps in which codes find their places
TORN = 0.5  # a share of holes that is worth a sentence
HALF = 4  # the picture in the middle of the walk


def say(view: View) -> str:
    """What to look at now."""
    found, pictures = facts(view), view.frame.row.size > 0
    if not view.frame.step:
        row = "picture" if pictures else "row"
        return f"A dot is a test {row} as {_numbers(view.config.latent)}, its code: on Play, like ones come together."
    if not np.isfinite(view.frame.codes).all():
        return "The codes are no numbers any more: this run has diverged, and wants a smaller learning rate."
    if found["dead"] == view.config.latent:
        same = "blot" if pictures else "point"
        return f"No dimension tells anything: all codes are the prior, and all decode to the same {same}."
    if view.frame.step < EARLY:
        return f"Reconstruction is at {found['rec_told']} nats; watch the classes gather: {_neighbours(found)}."
    if found["holes"] > TORN:  # type: ignore[operator]
        return f"{found['holes']:.0%} of what the prior draws lies in holes: its rings hold few codes, or none."
    if pictures and view.config.data in images.DATASETS:
        gaps = (told(float(found[name])) for name in ("walk_half", "mix_half", "test_gap"))
        halfway = f"Halfway from “{found['start']}” to “{found['end']}”"
        return "{} the walk is {} from training data, mixed it is {}; test pictures are {}.".format(halfway, *gaps)
    return f"Reconstruction is at {found['rec_told']} nats, and {_neighbours(found)}."


def _numbers(latent: int) -> str:
    return {1: "one number", 2: "two numbers"}.get(latent, f"{latent} numbers")


def plane_title(view: View) -> str:
    """What can be done with the plane; beside another run, where the scores are folded away, what they say."""
    found = facts(view)
    torn = "" if found["holes_told"] == "–" else f" ({found['holes_told']} holes)"
    if view.beside and view.frame.step:
        return f"Codes{torn}: spread {found['spread_told']}, reconstruction {found['rec_told']} nats"
    return (
        f"Plane of codes (latent){torn}: drag {'from one class to another' if view.frame.row.size else 'the red point'}"
    )


def scores(view: View) -> list[tuple[str, str]]:
    """What each measure of test data is called, and how it stands; those that a run of this kind has."""
    found, networks = facts(view), f", mean of {view.config.seeds}" if view.config.seeds > 1 else ""
    rows = [(f"Reconstruction, −log p(x|z){networks}", f"{found['rec_told']} nats")]
    if view.config.divergence == "kl":
        rows += [(f"KL of the codes from the prior{networks}", f"{found['kl_told']} nats"),
                 (f"ELBO, minus both{networks}", f"{found['elbo_told']} nats"),
                 ("Holes, share of the prior", f"{found['holes_told']}")]  # fmt: skip
    rows += [("Spread of the codes; the prior's is 1", f"{found['spread_told']}"),
             ("Samples from test data, energy distance", f"{found['distance_told']}")]  # fmt: skip
    return [(name, value.replace(" ", "\u00a0")) for name, value in rows]


def facts(view: View) -> dict[str, float | str]:
    """The scores as they were last taken, the spread of the codes, and how near the walk is to the data.

    A number that a run of this kind has not, or not yet, is -1, and told as a dash.
    """
    frame, config = view.frame, view.config
    cloudy, seen = config.divergence == "kl", frame.step > 0
    nll, kls = frame.by_seed.astype(float)
    kls = kls if cloudy and seen else np.full(len(kls), np.nan)
    rec = float(nll.mean()) if seen else math.nan
    spread = frame.scatter.astype(float)
    half, mixed = float(frame.walk_gaps[HALF]), float(frame.mixed_gaps[HALF])
    numbers = {
        "rec": rec, "kl": float(kls.mean()), "elbo": -rec - float(kls.mean()), "kl_low": float(kls.min()),
        "kl_high": float(kls.max()), "holes": _last(view, "holes"), "neighbours": _last(view, "neighbours"),
        "distance": _last(view, "sample_distance"),
    }  # fmt: skip
    found: dict[str, float | str] = numbers | {
        "step": frame.step, "seeds": config.seeds, "beta": config.beta, "divergence": config.divergence,
        "data": config.data, "latent": config.latent, "dead": int((frame.kl < DEAD).sum()) if cloudy else 0,
        "spread_low": float(spread.min()), "spread_high": float(spread.max()), "spread_told": _spread(spread),
        "cloud": float(frame.deviation.max()), "variety": variety(frame),
        "walk_half": half, "mix_half": mixed, "gain": mixed - half, "test_gap": frame.test_gap,
        "start": frame.classes[frame.ends[0]], "end": frame.classes[frame.ends[1]],
        **{f"{name}_told": small(numbers[name]) for name in ("kl", "kl_low", "kl_high", "distance")},
        "rec_told": told(rec), "elbo_told": told(numbers["elbo"]), "so_far": _so_far(frame.step, numbers),
        "holes_told": _share(numbers["holes"]), "neighbours_told": _share(numbers["neighbours"]),
    }  # fmt: skip
    return {name: fact if isinstance(fact, str) or math.isfinite(fact) else -1.0 for name, fact in found.items()}


def variety(frame: Any) -> float:
    """How much what is decoded differs from place to place of the plane: standard deviation, mean over the numbers."""
    return float(frame.grid.std(axis=(0, 1)).mean()) if frame.grid.size else math.nan


def told(value: float, digits: int = 1) -> str:
    """A number as a text writes it, with a minus; a dash if there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def small(value: float) -> str:
    """The same with two digits, or, where that would be 0.00, with three."""
    return told(value, 3 if value < 0.1 else 2)


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0%}"


def _so_far(step: int, numbers: dict[str, float]) -> str:
    if not step:
        return "This run has not begun."
    names = {"rec": "reconstruction", "kl": "KL", "elbo": "ELBO"}
    parts = [f"{name} {(small if key == 'kl' else told)(numbers[key])} nats" for key, name in names.items()
             if not math.isnan(numbers[key])]  # fmt: skip
    holes = [] if math.isnan(numbers["holes"]) else [f"{numbers['holes']:.0%} of the prior in holes"]
    return f"At step {step:,}: {', '.join(parts + holes) or 'no numbers any more'}."


def _spread(spread: Any) -> str:
    if len(spread) > 2:
        return f"{told(float(spread.min()))} to {told(float(spread.max()))}"
    return " and ".join(told(float(each)) for each in spread)


def _neighbours(facts: dict[str, float | str]) -> str:
    return f"{facts['neighbours_told']} of codes have their own class beside them"


def _last(view: View, name: str) -> float:
    """The metric as it stood at the moment on screen; NaN before the first."""
    steps, values = view.curves.get(name, ((), ()))
    place = int(np.searchsorted(steps, view.step, side="right")) - 1
    return float(values[place]) if place >= 0 else math.nan
