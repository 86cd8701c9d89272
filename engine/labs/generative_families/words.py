"""What is said of the four families: one sentence for now, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.generative_families.config import NAMES
from engine.measures.clipped import on_border

SHORT = {"vae": "VAE", "gan": "GAN", "flow": "Flow", "diffusion": "Diffusion"}
NONE = (np.zeros(0), np.zeros(0))  # the curve of what was not measured
RECENT = 40  # updates within which a new leader is news
MEASURED = {"modes": NAMES, "strays": NAMES, "energy": NAMES, "log_likelihood": ("vae", "flow"), "kl": ("vae",)}


def mean(frame: Any, measure: str, name: str) -> float:
    """Of a measure over the seeds of a family; NaN where there is none."""
    found = frame.measured.get(measure, {}).get(name, ())
    return float(np.mean(found)) if len(found) else math.nan


def away(frame: Any) -> float:
    """How far diffusion's samples are from the centre, on average; NaN without diffusion."""
    if "diffusion" not in frame.samples:
        return math.nan
    return float(np.linalg.norm(frame.samples["diffusion"], axis=1).mean())


def border(frame: Any) -> float:
    """The share of diffusion's samples that are clipped to the border; NaN without diffusion."""
    if "diffusion" not in frame.samples:
        return math.nan
    samples = frame.samples["diffusion"]
    return on_border(samples, frame.clip)[0] / len(samples)


def facts(view: View) -> dict[str, float | str]:
    """Of every family the measures (means over the seeds) and its work; NaN where it does not learn or they are not.

    Shares are from 0 to 1, likelihoods and KL in nats a point, work in multiplications, distances as on the plane.
    """
    frame = view.frame
    found: dict[str, float | str] = {
        f"{name}_{measure}": mean(frame, measure, name) for measure, names in MEASURED.items() for name in names
    }
    for name in NAMES:
        found[f"{name}_passes"] = frame.passes.get(name, math.nan)
        found[f"{name}_work"] = frame.sample_work.get(name, math.nan)
        found[f"{name}_update"] = frame.update_work.get(name, math.nan)
    _, values = view.curves.get("flow_log_likelihood", NONE)
    found["flow_gained"] = mean(frame, "log_likelihood", "flow") - float(values[0]) if len(values) else 0.0
    return found | {
        "told": _told(view), "total": len(frame.centres), "seeds": view.config.seeds, "floor": frame.floor,
        "ceiling": frame.ceiling, "diffusion_away": away(frame), "diffusion_border": border(frame), "blur": frame.blur,
        "objective": view.config.objective,
    }  # fmt: skip


def _told(view: View) -> str:
    """What each family that learns has come to, in half a sentence."""
    return "; ".join(f"{SHORT[name]} {_of(view.frame, name)}" for name in view.frame.samples)


def _of(frame: Any, name: str) -> str:
    energy = mean(frame, "energy", name)
    if not math.isfinite(energy):
        return "has grown without bound"
    if "modes" not in frame.measured:
        return f"is at an energy distance of {energy:.4f}"
    modes, strays = mean(frame, "modes", name), mean(frame, "strays", name)
    return f"covers {modes:.2g} of {len(frame.centres)} modes with {strays:.1%} strays"


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame = view.frame
    if lost := [name for name in frame.samples if not math.isfinite(mean(frame, "energy", name))]:
        return f"{SHORT[lost[0]]} has grown without bound: go back on the timeline, and lower its learning rate."
    if not view.step:
        return "Grey points are real, coloured ones are made by networks: on Play see whose come to lie on grey."
    if border(frame) > 0.5:
        return f"{border(frame):.0%} of diffusion's samples are clipped: they lie on the border of a square."
    if len(frame.samples) == 1:
        return f"{_alone(view)}."
    return f"{_race(view)}."


def _alone(view: View) -> str:
    [name] = view.frame.samples
    said, energy = f"{SHORT[name]} {_of(view.frame, name)}", mean(view.frame, "energy", name)
    if "modes" not in view.frame.measured:
        return f"{said}, where real to real is {view.frame.floor:.4f}"
    return f"{said}, at {energy / view.frame.floor:.0f} times the energy distance of real to real"


def _race(view: View) -> str:
    """Who is in front, by strays where there are modes, else by energy distance; and whether that is new."""
    measure = "strays" if "strays" in view.frame.measured else "energy"
    now = {name: mean(view.frame, measure, name) for name in view.frame.samples}
    first, *_, last = sorted(now, key=lambda name: now[name])
    told = {name: f"{value:.1%}" if measure == "strays" else f"{value:.4f}" for name, value in now.items()}
    what = "fewest strays" if measure == "strays" else "smallest energy distance"
    before = _leader(view, measure, view.step - RECENT)
    if before is not None and before != first:
        now_and_then = f"{told[first]} against {told[before]} of {SHORT[before]}"
        return f"{SHORT[first]} has just taken the lead with the {what}, {now_and_then}"
    return f"{SHORT[first]} has the {what}, {told[first]}; {SHORT[last]} comes last with {told[last]}"


def _leader(view: View, measure: str, step: int) -> str | None:
    """Who was in front at `step`; None if nothing is known of it."""
    then = {}
    for name in view.frame.samples:
        steps, values = (np.asarray(row) for row in view.curves.get(f"{name}_{measure}", NONE))
        place = int(np.searchsorted(steps, step, side="right")) - 1
        if place < 0 or not math.isfinite(values[place]):
            return None
        then[name] = float(values[place])
    return min(then, key=lambda name: then[name]) if then else None
