"""What is said of a run: a sentence, the titles of its pictures, and the numbers that lessons name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.efficient_attention.accounting import cache_bytes
from engine.labs.efficient_attention.config import OFF
from engine.labs.efficient_attention.kinds import KINDS, NUMBERS
from engine.labs.efficient_attention.vocabulary import LABELS, VALUES

CHANCE = 1 / VALUES
MIXED = ("what heads take of each other's scores", "and of each other's weights")
WHOSE = {"full": "full attention", "window": "window attention", "blocks": "attention by blocks",
         "linear": "linear attention", "nsa": "NSA"}  # fmt: skip


def now(view: View, metric: str) -> float:
    """A metric at the moment on screen; 0 before the first step."""
    steps, values = (np.asarray(row) for row in view.curves.get(metric, ((), ())))
    past = values[steps <= view.step] if len(steps) else values
    return float(past[-1]) if len(past) else 0.0


def seen(view: View, kind: str) -> Any:
    """What the frame has of a kind, or None."""
    return next((each for each in view.frame.seen if each.kind == kind), None)


def recall(view: View, kind: str, pairs: int) -> float:
    """The share right lately with so many pairs; 0 where there was no such batch."""
    found = seen(view, kind) if view.config.task == "pairs" else None
    return float(found.recall.get(pairs, 0.0)) if found else 0.0


def back(view: View, kind: str, *, near: bool) -> float:
    """The share right lately of needles within the window, or of those beyond it; 0 where there was none."""
    found = seen(view, kind) if view.config.task == "needle" else None
    parts = [share for far, share in found.recall.items() if (far <= view.config.window) == near] if found else []
    return sum(parts) / len(parts) if parts else 0.0


def right(frame: Any, each: Any) -> tuple[int, int]:
    """Of the sequence on screen: how many answers of a kind are right, and how many are asked for."""
    asked = frame.wanted >= 0
    return int((each.said == frame.wanted)[asked].sum()), int(asked.sum())


def diverged(view: View) -> bool:
    return not all(np.isfinite(each.weights).all() for each in view.frame.seen)


def named(kind: str, config: Any) -> str:
    """A kind with the number that it goes by, in few letters."""
    return {"full": "full", "window": f"window of {config.window}", "blocks": f"blocks, {config.top} more",
            "linear": f"linear, {config.key_width} wide", "nsa": f"NSA, {config.top} chosen"}[kind]  # fmt: skip


def stood(frame: Any) -> int:
    """Where the value stood that the question traced asks for: right behind the key, of two the later."""
    pair = frame.tokens[frame.question], frame.wanted[frame.question]
    return 1 + max(t for t in range(frame.question - 1) if (frame.tokens[t], frame.tokens[t + 1]) == pair)


def traced(frame: Any) -> tuple[str, str]:
    """The key that the question traced asks for, and the value that is right."""
    return frame.labels[frame.question], LABELS[frame.wanted[frame.question]]


def squares_title(view: View) -> str:
    """The task, and what to look for."""
    key, value = traced(view.frame)
    return f"{key}{value} was read. Now {key} comes again: who can look back at its {value}?"


def squares_note(view: View) -> str:
    """What colour, hatching and percent mean."""
    whole = "100%: full, without talking" if view.config.talking else "full is 100%"
    return f"Colour: compared, stronger where it looks more. Hatched: never compared. Work: multiply-adds, {whole}."


def recall_title(view: View) -> str:
    """How the kinds do."""
    needle = view.config.task == "needle"
    return "Answers right, by how far back the needle lies" if needle else "Answers right, by pairs to remember"


def _mean(shares: Mapping[int, float]) -> float:
    return sum(shares.values()) / len(shares)


def tiling_title(view: View) -> str:
    """How far the tiled computation has come."""
    tiling = view.frame.tiling
    return f"Flash attention, tile {tiling.done} of {tiling.count}: exact, and the square is never kept"


def times_title(view: View) -> str:
    """What was measured, and by whom."""
    times = view.frame.times
    more = f" ({times.left} to come: press Step)" if times.left else ""
    return f"Milliseconds, measured here{more}"


def machine_note(times: Any) -> str:
    """Whose times they are, of what, and what is not there."""
    flash = "" if times.left or "flash" in times.milliseconds else " torch has no flash kernel for it."
    where = " and ".join(f"{length:,}" for length in times.no_room)
    room = f" Too little memory is free for full attention's square at {where} places." if where else ""
    return f"{times.machine}; 4 heads of 32, forward, the best of some tries.{flash}{room} No part of the run."


def memory_note(times: Any) -> str:
    """What is counted."""
    return "Beside q, k and v." + (" Of torch's kernel: what it gives back." if "flash" in times.bytes else "")


def gradients_title(view: View) -> str:
    """What becomes of small gradients."""
    frame, config = view.frame, view.config
    if not frame.sizes.any():
        return "How large are gradients, and which would be zero in few bits?"
    if config.gradients == "float32":
        return f"Gradients in float32; in {NUMBERS['e4m3']} {frame.would_be_lost['e4m3']:.0%} of them would be zero"
    how = "with a scale for each tensor" if config.scaled else "without a scale"
    return f"Gradients in {NUMBERS[config.gradients]}, {how}: {frame.lost:.1%} become zero"


def gradients_note(view: View) -> str:
    """Whose gradients they are, and what fp16 would lose of them."""
    if not view.frame.sizes.any():
        return f"Of {WHOSE[view.frame.seen[0].kind]}."
    lost = view.frame.would_be_lost["fp16"]
    return f"Of {WHOSE[view.frame.seen[0].kind]}. In fp16, without a scale, {lost:.1%} would become zero."


def no_gradients(view: View) -> str:
    """Why no gradient is drawn; nothing where there is one."""
    if view.frame.sizes.any():
        return ""
    if not view.step:
        return "Press Play: the first step has a gradient"
    if not np.isfinite(view.frame.seen[0].weights).all():
        return "No gradient is a number any more: it has diverged"
    return "Of this step no gradient was kept: the next one has it"


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, config = view.frame, view.config
    if diverged(view):
        return "The weights are no numbers any more: it has diverged, and a smaller learning rate keeps them finite."
    if frame.ignored and config.tokens:
        return f"Left out, as it is no token here: {_plain(frame.ignored)}"
    if config.tokens.strip() and not frame.own:
        return "No capital has a small letter right behind it in what was typed, so a sequence drawn by lot is shown."
    if not view.step:
        count = len(frame.seen)
        many = f"{('two', 'three', 'four', 'five')[count - 2]} networks" if count > 1 else "a network"
        key, value = traced(frame)
        there = f"One pair, {key}{value}, stands" if config.task == "needle" else f"Pairs such as {key}{value} stand"
        return f"{there} among dots: Play trains {many} to say {value} when {key} comes again."
    full = seen(view, "full")
    first = f"full attention gets {_mean(full.recall):.0%} right, " if full else ""
    told = ", ".join(
        f"{KINDS[each.kind]} {_mean(each.recall):.0%} for {each.share:.0%}"
        for each in frame.seen
        if each.kind != "full"
    )
    if told:
        told += " of its work" if full else " of full attention's work"
    said = f"{first}{told}" if told else first.rstrip(", ")
    return f"{said[0].upper()}{said[1:]}."


def _plain(characters: str) -> str:
    """Characters as they can be printed in a sentence: those that turn or hide others by their number."""
    shown = [c if c.isprintable() and ord(c) < 0x590 else f"U+{ord(c):04X}" for c in characters[:6]]
    return " ".join(shown) + (" and others." if len(characters) > 6 else ".")


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name."""
    frame, config = view.frame, view.config
    tiling = frame.tiling
    last = tiling.met[-1]
    told: dict[str, float | str] = {
        "step": view.step, "chance": CHANCE, "task": config.task, "pairs": config.pairs,
        "window": config.window, "block": config.block,
        "top": config.top, "key_width": config.key_width, "sharing": config.sharing, "heads": config.heads,
        "places": len(frame.tokens), "rank": config.rank, "groups": config.groups, "length": config.length,
        "tiles": tiling.count, "tile": tiling.done, "tile_size": tiling.size, "scale": config.scale,
        "highest": _finite(last.maximum), "total": _finite(last.total),
        "overflows": float(not math.isfinite(last.naive_total)),
        "off_by": _finite(float(np.abs(last.out - tiling.exact).max())),
        "lost": frame.lost, "fp16_lost": frame.would_be_lost["fp16"], "e4m3_lost": frame.would_be_lost["e4m3"],
        "gradients": config.gradients, "scaled": float(config.scaled), "format": config.format,
        "weights": config.weights, "learning_rate": config.learning_rate,
        "crept": float(frame.crept["nearest"][-1]), "crept_by_lot": float(frame.crept["lot"][-1]),
        "quantum": float(frame.one.quantum),
        "measured": 0 if config.measured == OFF else int(config.measured),
        "cache": cache_bytes(config.sharing, config.heads, config.groups, config.head_width, config.rank),
        "cache_full": cache_bytes("multi_head", config.heads, config.heads, config.head_width),
    }  # fmt: skip
    told |= _times(frame.times)
    for kind in KINDS:
        found = seen(view, kind)
        answers, asked = right(frame, found) if found else (0, 0)
        told |= {
            f"{kind}_recall": _finite(now(view, f"{kind}_recall")), f"{kind}_loss": _finite(now(view, f"{kind}_loss")),
            f"{kind}_one": recall(view, kind, 1), f"{kind}_two": recall(view, kind, 2),
            f"{kind}_eight": recall(view, kind, 8), f"{kind}_most": recall(view, kind, config.pairs),
            f"{kind}_near": back(view, kind, near=True), f"{kind}_far": back(view, kind, near=False),
            f"{kind}_share": found.share if found else 0.0, f"{kind}_right": answers, f"{kind}_asked": asked,
        }  # fmt: skip
    one = told["blocks_one"]
    assert isinstance(one, float)
    told["recall_more"] = _finite(now(view, "full_recall")) + 0.03
    told["loss_more"] = 1.5 * _finite(now(view, "full_loss"))
    told["blocks_drop"] = back(view, "blocks", near=True) - back(view, "blocks", near=False)
    told |= {"needle_lead": one - recall(view, "blocks", config.pairs), "blocks_ahead": one - recall(view, "window", 1)}
    return told


def _times(times: Any) -> dict[str, float | str]:
    """Milliseconds and megabytes at the longest length at which all of the kinds were taken that a lesson compares."""
    spent: Mapping[str, Mapping[int, float]] = times.milliseconds if times else {}
    compared = ("full", "tiled", "window", "linear")
    length = max(set.intersection(*({*spent.get(name, ())} for name in compared)), default=0)
    told: dict[str, float | str] = {"machine": times.machine if times else "no machine yet", "timed": length}
    told["tiled_part"] = times.bytes["tiled"][length] / times.bytes["full"][length] if length else 1.0
    for name in compared:
        told[f"{name}_ms"] = spent[name][length] if length else 0.0
        told[f"{name}_mb"] = times.bytes[name][length] / 1e6 if length else 0.0
    return told


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
