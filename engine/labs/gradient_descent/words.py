"""What is said of a race: a sentence, the numbers that lessons name, and a table of where each racer stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.gradient_descent.surfaces import SURFACES
from engine.nets.optimiser_names import NAMES, title

TITLES = {name: title(name)[0].upper() + title(name)[1:] for name in NAMES}
NAMED = {"gradient_descent": "gd", "momentum": "momentum", "rmsprop": "rmsprop", "adam": "adam"}  # by the lessons
OF_EACH = ("lr", "loss", "growth", "arrived", "stopped", "away", "right", "up", "rates_right", "rates_up", "keeps")
CLOSE = 0.01  # a racer this close to a minimum has arrived
FLOOR = 1e-12  # below this a loss is rounding
MIDDLE = 2.5  # within it lie the five by five pits in the middle of Rastrigin's function
LAST = 5_000  # the step at which a race ends


def number(value: float) -> str:
    """Three digits, or all of the whole ones: "0.0293", "424,483", "1e+09"."""
    return (f"{value:,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.3g}").replace("-", "−")


def pair(vector: Any) -> str:
    """Two numbers of a vector (2,): "(−1.5, 2)"."""
    return "(" + ",\u00a0".join(number(0.0 if abs(value) < FLOOR else value) for value in vector) + ")"


def listed(words: Sequence[str]) -> str:
    """Words as in a sentence: "Momentum, RMSProp and Adam"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def past(view: View, metric: str) -> tuple[Any, Any]:
    """Steps and values of `metric` up to the moment on screen; empty if it was never measured."""
    steps, values = (np.asarray(row) for row in view.curves.get(metric, ((), ())))
    seen = (steps <= view.step) & np.isfinite(values) if len(steps) else slice(0)
    return steps[seen], values[seen]


def growth(view: View, name: str) -> float:
    """The factor by which the last step of a racer changed its loss; 0 where there is none to tell."""
    steps, losses = past(view, f"loss.{name}")
    if len(steps) < 2 or steps[-1] != view.step or min(losses[-2:]) < FLOOR:
        return 0.0
    return float((losses[-1] / losses[-2]) ** (1 / (steps[-1] - steps[-2])))


def arrived(view: View, name: str) -> int:
    """The step at which a racer first came within `CLOSE` of a minimum; 0 if it has not."""
    steps, distances = past(view, f"distance.{name}")
    close = distances < CLOSE
    return int(steps[np.argmax(close)]) if close.any() else 0


def stopped(view: View, place: int) -> int:
    """The step at which the racer at `place` left the map or diverged; 0 if it goes on."""
    frame = view.frame
    if not (frame.left[place] or frame.diverged[place]):
        return 0
    steps, _ = past(view, f"loss.{frame.names[place]}")  # told up to the step before
    return int(steps[-1]) + 1 if len(steps) else 1


def in_middle(frame: Any) -> int:
    """How many of the starts that are shown stand in the middle pits now."""
    return int((np.abs(frame.basin_points) < MIDDLE).all(axis=-1).sum())


def readout(view: View) -> list[list[str]]:
    """A row for each racer: where it is, what drives it, and what its last step did; fewer columns beside another."""
    frame, bounded = view.frame, SURFACES[view.config.surface].bounded
    heads = ["", "position θ", "gradient", "last step", "loss", "loss × each step", f"within {CLOSE:g} at step"]
    rows = []
    for i, name in enumerate(frame.names):
        at, factor, since = stopped(view, i), growth(view, name), arrived(view, name)
        fate = f" ({'diverged' if frame.diverged[i] else 'left the map'} at step {at})" if at else ""
        rows.append([
            TITLES[name] + fate, pair(frame.points[i]), pair(frame.gradients[i]), pair(frame.last_steps[i]),
            number(frame.losses[i]), f"{factor:.3g}" if factor else "–", f"{since}" if since else "–",
        ])  # fmt: skip
    shown = [k for k in range(len(heads)) if (bounded or k < 5) and not (view.beside and k in (2, 3))]
    return [[row[k] for k in shown] for row in (heads, *rows)]


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name: of the whole race, and of each racer that is `NAMED`, after its short name."""
    frame, config = view.frame, view.config
    starts, close = int(np.prod(frame.basin_points.shape[:2])), int((frame.basin_ends >= 0).sum())
    known: dict[str, float | str] = {
        "step": view.step, "surface": config.surface, "noise": float(config.noise), "stand": standing(view),
        "moves": moves(frame), "counted": counted(frame), "starts": starts, "middle": in_middle(frame), "close": close,
        "middle_share": in_middle(frame) / max(1, starts), "close_share": close / max(1, frame.basin_ends.size),
        "hop": float(config.noise) * float(config.lr_gradient_descent),
    }  # fmt: skip
    for name, short in NAMED.items():
        known |= {f"{short}_{what}": value for what, value in _of(view, name).items()}
    slow, fast = known["gd_arrived"], known["momentum_arrived"]
    known["sooner"] = float(slow) / float(fast) if slow and fast else 0.0
    place = frame.names.index("gradient_descent") if "gradient_descent" in frame.names else 0
    (smallest, largest), edge = frame.eigenvalues[place].tolist(), float(frame.edge[place])
    known |= {"edge": edge if math.isfinite(edge) else 0.0, "condition": largest / smallest if smallest > 0 else 0.0}
    known["gd_factor"] = 1 - float(known["gd_lr"]) * largest
    known["gd_move"] = pair(np.abs(frame.last_steps[place]))
    return known


def _of(view: View, name: str) -> dict[str, float]:
    """Of one racer, or zeros: its learning rate and its loss; `growth`, `arrived` and `stopped`; how far it is from the
    middle of the map; its last step along θ₁ and θ₂ in learning rates, and along both in units of the map; and what it
    keeps of its distance, as curvature foretells.
    """
    frame = view.frame
    if name not in frame.names:
        return dict.fromkeys(OF_EACH, 0.0)
    i = frame.names.index(name)
    rate, keeps = float(frame.learning_rates[i]), float(frame.predicted_rate[i])
    right, up = np.abs(frame.last_steps[i]).tolist()
    told = (
        rate, float(frame.losses[i]), growth(view, name), arrived(view, name), stopped(view, i),
        math.hypot(*frame.points[i]), right, up, right / rate, up / rate, keeps if math.isfinite(keeps) else 0.0,
    )  # fmt: skip
    return dict(zip(OF_EACH, told, strict=True))


def moves(frame: Any) -> str:
    """How far each went in its last step, along θ₁ and θ₂."""
    going = [i for i in range(len(frame.names)) if not (frame.left[i] or frame.diverged[i])]
    told = [f"{title(frame.names[i])} moved by {pair(np.abs(frame.last_steps[i]))}" for i in going]
    return listed(told) if told else "nobody moved, for all are out of the race"


def standing(view: View) -> str:
    """Where each has come to, in a few words: that it is out, has arrived, or at which loss it stands."""
    told = []
    for i, name in enumerate(view.frame.names):
        out, since = stopped(view, i), arrived(view, name)
        if out:
            told.append(f"{title(name)} {'diverged' if view.frame.diverged[i] else 'left the map'} at step {out}")
        elif since:
            told.append(f"{title(name)} was first within {CLOSE:g} of a minimum at step {since}")
        else:
            told.append(f"{title(name)} stands at a loss of {number(view.frame.losses[i])}")
    return ", ".join(told)


def counted(frame: Any) -> str:
    """How many of the points that went down from a grid of starts are in the middle."""
    if not frame.basin_points.size:
        return "no grid of starts is switched on"
    starts = int(np.prod(frame.basin_points.shape[:2]))
    return f"{in_middle(frame):,} of {starts:,} points are within {MIDDLE:g} of both axes"


def say(view: View) -> str:
    """One sentence: what there is to see in the race now."""
    frame = view.frame
    names, losses = frame.names, frame.losses
    if view.step == 0:
        return _before(view)
    racing = np.flatnonzero(~(frame.left | frame.diverged))
    if frame.basin_ends.size:
        return _many(view)
    if not len(racing):
        return _all_out(view)
    best = int(racing[np.argmin(losses[racing])])
    worst = int(racing[np.argmax(losses[racing])])
    if view.step >= LAST:
        return f"The race is over: {title(names[best])} is lowest, at a loss of {number(losses[best])}."
    if out := [i for i in range(len(names)) if i not in racing]:
        last = max(out, key=lambda i: stopped(view, i))
        fate = "has diverged" if frame.diverged[last] else "has left the map"
        rest = f"{title(names[best])} is {'lowest of those left' if len(racing) > 1 else 'still there'}"
        return f"{TITLES[names[last]]} {fate}, at step {stopped(view, last)}; {rest}, at {number(losses[best])}."
    first = min((i for i in racing if arrived(view, names[i])), key=lambda i: arrived(view, names[i]), default=None)
    grows = growth(view, names[worst])
    over = names[worst] == "gradient_descent" and frame.learning_rates[worst] > frame.edge[worst]
    if over and grows > 1:
        rate, edge = f"{frame.learning_rates[worst]:g}", number(frame.edge[worst])
        return f"Gradient descent overshoots, its loss × {grows:.3g} each step: its rate {rate} is above 2/L = {edge}."
    if first is not None:
        others = [i for i in racing if not arrived(view, names[i])]
        rest = f"{len(others)} of {len(racing)} are still on their way" if others else "nobody was there before it"
        told = f"{TITLES[names[first]]} was within {CLOSE:g} of a minimum at step {arrived(view, names[first])}"
        return f"{told}{f'; {rest}' if len(racing) > 1 else ''}."
    if len(racing) == 1:
        pace = f"; the last step multiplied it by {grows:.3g}" if grows else ""
        return f"{TITLES[names[best]]} stands at a loss of {number(losses[best])}{pace}."
    lowest, highest = number(losses[best]), number(losses[worst])
    return (
        f"{TITLES[names[best]]} is lowest so far, at a loss of {lowest}; {title(names[worst])} highest, at {highest}."
    )


def _before(view: View) -> str:
    frame = view.frame
    if frame.basin_ends.size:
        return f"On Play a point goes down from each of {frame.basin_ends.size:,} starts, besides the race on the map."
    at = pair(frame.points[0])
    if len(frame.names) == 1:
        how = f"{TITLES[frame.names[0]]} starts at {at}: Play sends it downhill"
    else:
        who = "Both" if len(frame.names) == 2 else "All"
        how = f"{who} start at {at}, one dot upon the other: Play sends them downhill"
    return f"{how}, a click on the map moves the start."


def _many(view: View) -> str:
    frame = view.frame
    count = frame.basin_ends.size
    if not SURFACES[view.config.surface].bounded:
        return f"Of {count:,} points {(frame.basin_ends >= 0).sum():,} have left the map, each down one of the valleys."
    close = f"{(frame.basin_ends >= 0).sum():,} of {count:,} points are close to a minimum"
    if view.config.surface != "rastrigin":
        return f"{close}: each start has the colour of the one that its point is at."
    shown = int(np.prod(frame.basin_points.shape[:2]))
    return f"{close}; {in_middle(frame):,} of {shown:,} are in the five by five pits in the middle."


def _all_out(view: View) -> str:
    frame = view.frame
    if len(frame.names) == 1:
        fate = "has diverged" if frame.diverged[0] else "has left the map at the cross"
        rate = f"{frame.learning_rates[0]:g}"
        return f"{TITLES[frame.names[0]]} {fate}, at step {stopped(view, 0)}, with the learning rate {rate}."
    last = max(range(len(frame.names)), key=lambda i: stopped(view, i))
    left = "left the map, each where its path ends in a cross"
    how = "diverged" if frame.diverged.all() else left if frame.left.all() else "left the map or diverged"
    return f"All have {how}; {title(frame.names[last])} was the last, at step {stopped(view, last)}."
