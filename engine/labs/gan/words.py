"""What is said of a GAN: one sentence for now, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.gan.config import START

KINDS = {False: "modes", True: "classes"}  # what is counted: of digits, or not
BEFORE = 60  # rounds over which modes count as newly found or lost
STAGES = {  # what the last stage in slow motion has done, by its title
    "Draw real points": "real points have been drawn: the blue rings",
    "Forge fakes": "the generator has made fakes of new noise: the orange rings",
    "Train the discriminator": "the discriminator has learned to tell the rings apart: see its colours change",
    "Forge again": "the generator has made new fakes, on which it will learn: the orange rings",
    "Train the generator": "the generator has moved its fakes along the push of the discriminator",
    "Train both at once": "both have learned, each from the other one as it was before",
}


def pairs(frame: Any) -> int:
    """How many pairs of networks are trained."""
    return len(frame.of_pairs["energy"])


def players(frame: Any) -> tuple[float, float]:
    """Of the Dirac-GAN: theta, where the fake is, and psi, the slope; where these are no numbers, 0."""
    theta, slope = frame.trail[-1] if len(frame.trail) else (START, 0.0)
    return (float(theta), float(slope)) if math.isfinite(theta) and math.isfinite(slope) else (0.0, 0.0)


def distance(frame: Any) -> float:
    """Of the Dirac-GAN: how far both players are from their equilibrium, NaN if that is no number."""
    return float(np.hypot(*frame.trail[-1].astype(float))) if len(frame.trail) else START


def facts(view: View) -> dict[str, float | str]:
    """Of the moment on screen: means over the pairs, the smallest and the largest, and what they are compared with.

    Conditions cannot multiply, so that multiples stand beside some; ``differ`` counts the choices of modes that there
    are among the pairs, and ``off_factor`` says how far `factor` is from 1 + η².  What the data do not have is 0.
    """
    frame = view.frame
    of = {name: float(np.mean(values)) for name, values in frame.of_pairs.items()}
    modes, energy, push = of.get("modes", 0.0), of["energy"], of["gradient"]
    each = frame.of_pairs.get("modes", (0.0,))
    away, floor, dirac = distance(frame), frame.floors["energy"], view.config.data == "dirac"
    factor = (away / START) ** (2 / max(1, frame.rounds)) if dirac else 1.0  # of θ² + ψ², in each round
    return {
        "told": _told(view), "data": view.config.data, "rounds": frame.rounds, "pairs": pairs(frame),
        "total": frame.modes_total, "modes": modes, "modes_low": min(each), "modes_high": max(each),
        "modes_thrice": 3 * modes, "differ": _choices(frame),
        "energy": energy, "energy_tenfold": 10 * energy,
        "floor": floor, "floor_twofold": 2 * floor, "floor_fivefold": 5 * floor,
        "push": push, "push_thrice": 3 * push, "unpushed": of["unpushed"],
        "distance": away if dirac else 0.0, "factor": factor,
        "off_factor": abs(factor - 1 - view.config.generator_rate * view.config.discriminator_rate),
    }  # fmt: skip


def _choices(frame: Any) -> int:
    return len({tuple(row) for row in frame.seed_covered.tolist()})


def _told(view: View) -> str:
    """The state of a run of any kind in half a sentence."""
    frame = view.frame
    if not _fine(view):
        return "the numbers have grown without bound"
    if view.config.data == "dirac":
        return f"both players are {distance(frame):.2f} from the middle and began at {START:.2f}"
    far = f"an energy distance of {np.mean(frame.of_pairs['energy']):.3f}"
    who = "the generator" if pairs(frame) == 1 else f"each of {pairs(frame)} pairs"
    if frame.modes < 0:
        return f"the fakes are at {far}"
    mean = "" if pairs(frame) == 1 else " on average"
    return f"{who} covers {_counted(frame)} {KINDS[frame.digits]}{mean}, at {far}"


def _counted(frame: Any) -> str:
    return f"{np.mean(frame.of_pairs['modes']):.2g} of {frame.modes_total}"


def _fine(view: View) -> bool:
    frame = view.frame
    return bool(np.isfinite(frame.of_pairs["energy"]).all()) and math.isfinite(distance(frame))


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, config = view.frame, view.config
    if not _fine(view):
        return "The numbers have grown without bound: go back on the timeline, and lower a rate before you play on."
    if config.data == "dirac":
        return _of_players(view)
    if not view.step:
        if frame.digits:
            return "The generator's first digits are grey noise: watch whether they come to look like the real ones."
        return "Fakes are orange, real points blue: press Play, and watch whether orange comes to lie on blue."
    if config.slow_motion and frame.stage >= 0:
        said = STAGES[frame.stages[frame.stage]]
        return f"{said[0].upper()}{said[1:]}."
    if config.train != "both":
        other = {"discriminator": "generator", "generator": "discriminator"}[config.train]
        return f"Only the {config.train} learns and the {other} stands still: there is no game any more."
    return f"{_progress(view)}."


def _of_players(view: View) -> str:
    away = distance(view.frame)
    if not view.step:
        return f"The fake begins at {START} with a flat discriminator: watch the two circle round the middle."
    if away < 0.05:
        return f"Both have come to rest in the middle: fake and real coincide, {away:.2f} apart."
    way = "about as far as"
    if not 0.98 * START <= away <= 1.02 * START:
        way = "further out than" if away > START else "further in than"
    return f"Both are {away:.2f} from the middle, {way} at the start ({START})."


def times(energy: float, floor: float) -> str:
    """How far fakes are off, against how far real points are from each other."""
    if not math.isfinite(energy):
        return "no number any more"
    return (
        f"{energy / floor:,.0f} times that of real to real" if energy >= 2 * floor else "hardly more than real to real"
    )


def explained(frame: Any) -> str:
    """What the energy distance says, with the numbers of this moment."""
    energy, floor = (of["energy"] for of in (frame.measures, frame.floors))
    what = "digits" if frame.digits else "points"
    return (
        f"Energy distance: how far two crowds of {what} are from each other, 0 if they are the same crowd. Two crowds "
        f"of real {what} are {floor:.3f} apart, and no forger need do better; these fakes are {energy:.3f} from the "
        f"real ones, {times(energy, floor)}."
    )


def _progress(view: View) -> str:
    """Of points or digits that both learn."""
    frame = view.frame
    energy, floor = float(np.mean(frame.of_pairs["energy"])), frame.floors["energy"]
    far = f"energy distance {energy:.3f}, {times(energy, floor)}"
    if frame.modes < 0:
        return far[0].upper() + far[1:]
    kinds, count = KINDS[frame.digits], f"{_counted(frame)} {KINDS[frame.digits]}"
    if pairs(frame) > 1:
        low, high = min(frame.of_pairs["modes"]), max(frame.of_pairs["modes"])
        return f"The pairs cover {low:.0f} to {high:.0f} of {frame.modes_total} {kinds}; {far}"
    modes, was = frame.modes, _before(view)
    if was is not None and modes < was:
        return f"Only {count}, and {was:.0f} a little earlier: the fakes have left some for others"
    if modes <= frame.modes_total / 4 and view.step > BEFORE:
        return f"All fakes crowd on {count}: where none of them is, nothing pulls"
    return f"{count} covered; {far}"


def _before(view: View) -> float | None:
    """The most modes that were covered at a time in the last `BEFORE` rounds; None if nothing was measured."""
    steps, values = view.curves.get("modes", (np.zeros(0), np.zeros(0)))
    steps, values = np.asarray(steps), np.asarray(values)
    recent = values[(steps > view.step - BEFORE) & (steps <= view.step)]
    return float(recent.max()) if recent.size and np.isfinite(recent).all() else None
