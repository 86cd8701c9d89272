"""What is said of the samples: a sentence, the numbers that lessons name, and the table in which they stand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.data.cloud_shapes import CLASSES
from engine.labs.diffusion.config import UPDATES
from engine.measures.clipped import MANY, on_border

NONE = "no number yet"
PERCENT = "\N{NO-BREAK SPACE}%"
CLIPPED = 0.75  # share of numbers at the bounds from which on a distance says nothing of the network
EASY = 0.95  # of the samples are recognised: then it is their variety that counts


def facts(view: View) -> dict[str, float | str]:
    """Numbers that texts may name: of the samples that are ready, drawn at update `drawn_at` (-1: none yet).

    For comparisons, 0 where there is none: `energy` distance and its `floor`, `modes` covered of `places`, `within`
    3 sigma of one, mean distance from the `middle` and that of `real_middle` points, `straightness`, `recognised`,
    `variety`, `bounded` (the share of samples at the bound to which guesses are clipped), and of one call alone
    `one_call`, the share of its numbers there.  In words, as the table on stage has them: `said_` and the name.
    """
    frame = view.frame
    score = {name: float(frame.scores.get(name, math.nan)) for name in
             ("energy_distance", "modes", "within", "straightness", "recognised", "variety")}  # fmt: skip
    plane = frame.data.shape[1] == 2
    ready = frame.path[-1] if frame.drawn_at >= 0 else frame.path[:0].reshape(0, frame.data.shape[1])
    bounded = on_border(ready, frame.clip)[0] / len(ready) if plane and len(ready) else 0.0
    places = CLASSES[view.config.data] if "modes" in frame.scores else 0
    found: dict[str, float] = {
        "drawn_at": frame.drawn_at, "calls": view.config.sampling_steps, "places": places,
        "energy": score.pop("energy_distance"), "floor": frame.floor, **score, "bounded": bounded,
        "middle": _middle(ready) if plane else math.nan, "real_middle": _middle(frame.data) if plane else math.nan,
        "one_call": float(frame.clipped[0, 0]) if frame.quality[0, 0] >= 0 else math.nan,
    }  # fmt: skip
    words = {name: f"{value:.2f}" for name in ("straightness", "variety", "middle")
             if math.isfinite(value := found[name])}  # fmt: skip
    words |= {name: f"{value:.0%}".replace("%", PERCENT) for name in ("within", "recognised")
              if math.isfinite(value := found[name])}  # fmt: skip
    if math.isfinite(energy := found["energy"]):
        words["energy"] = f"{energy:.2g}"
    if places and math.isfinite(modes := found["modes"]):
        words["modes"] = f"{modes:.0f} of {places}".replace(" ", "\N{NO-BREAK SPACE}")
    told = ("energy", "modes", "within", "middle", "straightness", "recognised", "variety")
    numbers = {name: value if math.isfinite(value) else 0.0 for name, value in found.items()}
    return numbers | {f"said_{name}": words.get(name, NONE) for name in told}


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, config, found = view.frame, view.config, facts(view)
    if not view.step and frame.drawn_at < 0:
        return "Drag the bar to see the data drown in noise: Play trains a network that learns the way back."
    if not np.isfinite(frame.path[-1]).all():
        return "The numbers have left all bounds: a smaller learning rate keeps them finite."
    if frame.drawn_at < 0:
        return f"The first samples are under way, step {frame.flying_step} of {frame.flying_steps}."
    if float(found["bounded"]) >= MANY:
        share = f"{found['bounded']:.0%}".replace("%", PERCENT)
        return f"{share} of the samples lie at a bound, to which their guess is clipped: see below why."
    if "recognised" in frame.scores:
        if float(found["recognised"]) < EASY:
            return f"{found['said_recognised']} of the samples have the class that was asked for."
        kept = found["said_variety"]
        if not view.step:
            return "The film shows how a trained network removes noise; to see one learn, press Untrained, then Play."
        return f"{found['said_recognised']} are of the class asked for, and keep {kept} of the real variance."
    if not found["places"]:
        return f"Energy distance to the real points: {found['said_energy']}; two halves of these: {frame.floor:.2g}."
    if config.sampling_steps == 1 and float(found["middle"]) < float(found["real_middle"]) / 2:
        real = f"{found['real_middle']:.2f}"
        return f"One step leads near the middle: samples lie {found['said_middle']} from it, real points {real}."
    if float(found["modes"]) < float(found["places"]):
        return f"Samples are at {found['said_modes']} places so far; move the slider of time to see how they got there."
    return f"All {found['places']} places are found; {found['said_within']} of the samples are within 3 σ of one."


def _by_whom(view: View) -> str:
    """By which network the newest samples were drawn; a stored one has `UPDATES` behind it already."""
    if not view.config.trained:
        return f"at update {view.frame.drawn_at:,}"
    if not view.frame.drawn_at:
        return f"by the stored network, which had {UPDATES:,} updates"
    return f"at update {view.frame.drawn_at:,}, beyond the {UPDATES:,} of the stored network"


def table(view: View) -> list[list[str]]:
    """Rows of the table of the samples that are ready, the first one when these were drawn."""
    frame, found = view.frame, facts(view)
    if frame.drawn_at < 0:
        return [["No samples are ready yet", ""]]
    rows: dict[str, str] = {}
    if "recognised" in frame.scores:
        rows |= {
            "recognised": "of the class that was asked for",
            "variety": "variance kept, as a share of the real one",
        }
    if "modes" in frame.scores:
        rows |= {"modes": "places with at least 1 % of the samples", "within": "samples within 3 σ of a place"}
    if frame.data.shape[1] == 2:
        rows["middle"] = f"mean distance from the middle (real points: {found['real_middle']:.2f})"
    rows |= {
        "energy": f"energy distance to real points (two halves of these: {frame.floor:.2g})",
        "straightness": "straightness: distance over length of the way",
    }
    head = [f"Samples drawn {_by_whom(view)}", ""]
    return [head, *([words, str(found[f"said_{name}"])] for name, words in rows.items())]


def _middle(points: Any) -> float:
    return float(np.linalg.norm(points, axis=1).mean()) if len(points) else math.nan
