"""What is said of a run: a sentence, the titles of its pictures, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.state_space.config import CLASSES, LAYERS, SELECTS
from engine.labs.state_space.vocabulary import KEYS, LETTERS, commonest

SHORT = {"scalar": "selective", "s6": "S6", "s4d": "S4D", "gru": "GRU", "attention": "attention"}
ROW = {"scalar": "head", "s6": "channel", "s4d": "channel", "gru": "unit", "attention": "head"}
OPENS = {"scalar": "step size Δ", "s6": "step size Δ", "s4d": "step size Δ", "gru": "share written, 1 − z",
         "attention": "most that an answer looks there"}  # fmt: skip
WIDE = 4.0  # times further than elsewhere: from here on a head is said to open
KNOWN = 0.95
HALF = 0.5
SURE = 0.5  # a network that gives its answer less than this is said to guess


def now(view: View, metric: str) -> float:
    """A metric at the moment on screen; 0 before the first step, or where it is not measured."""
    steps, values = (np.asarray(row) for row in view.curves.get(metric, ((), ())))
    past = values[steps <= view.step] if len(steps) else values
    return float(past[-1]) if len(past) else 0.0


def reached(view: View, metric: str, level: float) -> int:
    """The first step up to the moment on screen at which `metric` was at `level`; 0: none."""
    steps, values = (np.asarray(row) for row in view.curves.get(metric, ((), ())))
    there = steps[(values >= level) & (steps <= view.step)] if len(steps) else steps
    return int(there[0]) if len(there) else 0


def chance(config: Any) -> float:
    """The share that is right by lot; in a text, that of its commonest sign."""
    return commonest() if config.task == "text" else 1 / {"digits": CLASSES, "recall": KEYS}.get(config.task, LETTERS)


def guess(config: Any) -> str:
    """What is right so often without anything learned."""
    return "always a space" if config.task == "text" else "by lot"


def places_told(config: Any) -> tuple[str, str]:
    """The places between which a step size is compared."""
    return ("at ends of words", "at other signs") if config.task == "text" else ("at what must be kept", "at the rest")


def at_length(view: View) -> str:
    """The metric of unseen sequences as long as those trained on; of a text, not of the windows that it trains on."""
    return "test_accuracy" if view.config.task == "text" and "test_accuracy" in view.curves else "accuracy"


def times(view: View) -> float:
    """How many times further the most selective head of the first layer opens at what must be kept; 0: unknown."""
    rest = now(view, "dt_rest")
    return now(view, "dt_kept") / rest if rest else 0.0


def row_times(frame: Any, row: int) -> float:
    """The same of one row on the sequence on screen; 1 where there is nothing to compare."""
    rest = ~frame.telling & ((frame.wanted < 0) | (frame.wanted >= 0).all())
    if not frame.telling.any() or not rest.any():
        return 1.0
    logs = np.log(np.maximum(frame.seen[0].opening[row], 1e-9))
    return float(np.exp(logs[frame.telling].mean() - logs[rest].mean()))


def right(frame: Any, number: int = 0) -> tuple[int, int]:
    """Of the sequence on screen: how many answers of a network are right, and how many are asked for."""
    asked = frame.wanted >= 0
    return int((frame.seen[number].said == frame.wanted)[asked].sum()), int(asked.sum())


def diverged(view: View) -> bool:
    return not all(np.isfinite(seen.opening).all() for seen in view.frame.seen)


def steps_title(view: View) -> str:
    """What the hero shows."""
    frame, config = view.frame, view.config
    if config.task == "digits":
        return "Pixel by pixel: " + ("which ones are written?" if config.layer != "s4d" else "every step is the same")
    if config.layer in SELECTS:
        found = row_times(frame, frame.head)
        if view.step and found >= WIDE:
            where = "ends of words" if config.task == "text" else "the letters"
            return f"{ROW[config.layer].title()} {frame.head + 1} opens {found:.0f} times further at {where}"
        if config.task == "text":
            return "What of a text will it write down?"
        return "Will it write letters down, and skip the dots?"
    if config.layer == "s4d":
        return "Its steps are the same at each place: it cannot choose"
    if config.layer == "gru":
        return "How much of each unit is overwritten, place by place"
    return "Which places the answers look at"


def framed(view: View) -> str:
    """Which row has the frame."""
    config, row = view.config, ROW[view.config.layer]
    chosen = config.head or config.layer not in SELECTS or config.task == "digits"
    return f"{row} shown in other pictures" if chosen else f"{row} to watch"


def read_on(view: View) -> str:
    """What the places are."""
    if view.beside:
        return "place"
    layers, on = view.config.layers, "read from left to right"
    layer = f"layer {min(view.config.shown, layers)} of {layers}" if layers > 1 else ""
    if view.config.layer in (*SELECTS, "s4d"):
        return f"{on}; rows: memory of {layer}" if layer else f"{on}; rows: its memory"
    return f"{on}; {layer}" if layer else on


def who_says(view: View, seen: Any) -> str:
    """Who answers, and how sure it is of it; where half of the room is left, not how sure."""
    asked = view.frame.wanted >= 0
    sure = float(np.nan_to_num(seen.sure[asked]).mean()) if asked.any() else 0.0
    verb = "says" if sure >= SURE else "guesses"
    return f"{SHORT[seen.kind]} {verb}" + ("" if view.beside else f", {sure:.0%} sure")


def hidden_title(view: View) -> str:
    """What the matrix shows."""
    kind, head = view.config.layer, view.frame.head + 1
    if kind == "attention":
        return f"Softmax attention of head {head}: row looks at column"
    return f"Hidden attention of {ROW[kind]} {head}"


def rival_title(view: View) -> str:
    """What the matrix of the control shows."""
    kind = view.frame.seen[1].kind
    return {
        "s4d": "The control, S4D: the same at every distance",
        "attention": "The control: softmax attention",
        "gru": "The control, GRU: what is left of what",
    }.get(kind, f"The control: {LAYERS[kind]}")


def kernels_title(view: View, seen: Any) -> str:
    """What a pulse leaves, or would leave with a pole elsewhere."""
    if not len(seen.moved):
        return "Kernels: what a pulse leaves"
    channel, number, real, imaginary = view.config.moved_pole
    return f"Kernels: pole {number} of channel {channel} at {real:.2f} {imaginary:+.2f} i".replace("-", "−")


def learning_title(view: View) -> str:
    """How many answers are right, of both networks."""
    if not view.step:
        return "Answers right, as it learns"
    told = f"Answers right: {now(view, 'accuracy'):.0%}"
    return told + (f", control {now(view, 'control_accuracy'):.0%}" if view.config.control != "none" else "")


def longer_title(view: View) -> str:
    """How both do at the length that they were trained at, and on four times as many places."""
    if not view.step:
        return "Trained at one length, tried at others"
    length = view.config.length
    told = [f"{now(view, who + at_length(view)):.0%}, {now(view, f'{who}long_4'):.0%}" for who in ("", "control_")]
    beside = f"; control {told[1]}" if view.config.control != "none" else ""
    return f"At {length} and {4 * length} places: {told[0]}{beside}"


def times_title(view: View) -> str:
    """What was measured, or what could be."""
    times = view.frame.times
    if times is None:
        return "What does length cost? Take the time"
    return f"Milliseconds, {times.left} to come: Step" if times.left else "Milliseconds, measured here"


def times_note(view: View) -> str:
    """Whose times they are, and of what."""
    times = view.frame.times
    if times is None:
        return "The machine that trains takes its own time: choose up to which length."
    return f"{times.machine}; 64 channels of 16 numbers, one sequence forward, the best of some tries."


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, config = view.frame, view.config
    if diverged(view):
        return "The steps are no numbers any more: it has diverged, and a smaller learning rate keeps them finite."
    if not all(np.isfinite(seen.kernels).all() for seen in frame.seen):
        return "S4D's kernel grows beyond all numbers: smaller first steps, or another discretisation, keep it finite."
    if frame.ignored and config.tokens:
        return f"Left out, as it is no token here: {_plain(frame.ignored)}"
    if config.tokens.strip() and not frame.own and config.task != "digits":
        return "There is nothing to remember in what was typed, so a sequence drawn by lot is shown."
    if config.task == "digits":
        if not view.step:
            return "A digit is read as 64 pixels, one after another; which one it was is told from what was carried."
        return f"{now(view, 'test_accuracy'):.0%} of digits it was never shown are right; by lot {chance(config):.0%}."
    if config.task == "text" and not view.step:
        return "It reads a text, and says at each place which sign comes next; now it guesses, in grey: press Play."
    if config.task == "text":
        metric = at_length(view)
        where = " in text kept from training" if metric == "test_accuracy" else ""
        rival = f", the control {now(view, f'control_{metric}'):.0%}" if config.control != "none" else ""
        told = f"{now(view, metric):.0%} of the next signs are right{where}{rival}"
        return f"{told}; {guess(config)} would be {chance(config):.0%}."
    if not view.step and config.task == "recall":
        return "A3 says that A is 3, and at the end capitals are asked for theirs; now it guesses, in grey: press Play."
    if not view.step:
        watch = ", and watch the framed row" if len(frame.seen[0].opening) > 1 else ""
        return f"At each ? it must repeat a letter that it has read; now it guesses, in grey: press Play{watch}."
    share, found = now(view, "accuracy"), times(view)
    rival = f", the control {now(view, 'control_accuracy'):.0%}" if config.control != "none" else ""
    if config.layer in SELECTS and found >= WIDE and share < KNOWN:
        return f"A head of layer 1 opens {found:.0f} times further at letters than at noise: {share:.0%} right{rival}."
    if share >= KNOWN:
        return f"It knows: {share:.0%} right{rival}; four times as long, {now(view, 'long_4'):.0%}."
    return f"{share:.0%} of the answers are right{rival}; by lot it would be {chance(config):.0%}."


def _plain(characters: str) -> str:
    """Characters as they can be printed in a sentence: those that turn or hide others by their number."""
    shown = [c if c.isprintable() and ord(c) < 0x590 else f"U+{ord(c):04X}" for c in characters[:6]]
    return " ".join(shown) + (" and others." if len(characters) > 6 else ".")


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name."""
    frame, config = view.frame, view.config
    metrics = ("loss", "accuracy", "long_2", "long_4", "test_accuracy", "dt_kept", "dt_rest")
    every = [f"{prefix}{name}" for prefix in ("", "control_") for name in metrics]
    measured = {name: _finite(now(view, name)) for name in every}
    got, asked = right(frame)
    told: dict[str, float | str] = {
        "step": view.step, "task": config.task, "layer": config.layer, "control": config.control,
        "computed": config.computed, "poles": config.pole_kind, "length": config.length, "kept": config.kept,
        "longest": 4 * config.length, "chance": chance(config), "right": got, "asked": asked,
        "times": _finite(times(view)), "first_times": _first_times(view), "head": frame.head + 1,
        "well_below": measured["test_accuracy"] - 0.15,
        "loss_low": 0.98 * measured["loss"], "loss_high": 1.02 * measured["loss"],  # between them a loss is the same
        "known_at": reached(view, "accuracy", KNOWN), "half_at": reached(view, "accuracy", HALF),
        "control_known_at": reached(view, "control_accuracy", KNOWN),
        "ahead": now(view, "accuracy") - now(view, "control_accuracy"),
        "memory": config.memory, "error": frame.memory.error if frame.memory else 0.0,
        "least": frame.memory.least if frame.memory else 0.0,
        "samples": len(frame.memory.curve) if frame.memory else 0,
        "worse": frame.memory.error / max(frame.memory.least, 1e-12) - 1 if frame.memory else 1.0,
    }  # fmt: skip
    return told | measured


def _first_times(view: View) -> float:
    kept, rest = (np.asarray(view.curves.get(name, ((), ()))[1]) for name in ("dt_kept", "dt_rest"))
    return float(kept[0] / rest[0]) if len(kept) and rest[0] else 0.0


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
