"""What is drawn: who looks where for what share of the work, what is recalled; tiles, times and what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Table, Text
from engine.contract.view import Answer, Turn, View
from engine.labs.efficient_attention import words
from engine.labs.efficient_attention.accounting import cache_bytes, cells, work
from engine.labs.efficient_attention.config import OFF
from engine.labs.efficient_attention.kinds import KINDS, MODELS, SHARING, SIZES
from engine.labs.efficient_attention.view import few_bits, hero, talk
from engine.labs.efficient_attention.view.hero import COLOURS
from engine.labs.efficient_attention.vocabulary import LABELS
from engine.labs.efficient_attention.words import facts, say
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.rail import Rails
from engine.scene.scene import Scene
from engine.scene.text import Span, text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

FIRST, FURTHER, LOW = 460, 400, 300  # pixels: how tall the rows of the stage are
KERNELS = {"full": ("full, its square written", COLOURS["full"]), "tiled": ("full in tiles of 128", "class_4"),
           "flash": ("full, torch's flash kernel", "class_7"), "window": ("window of 128", COLOURS["window"]),
           "linear": ("linear, chunks of 64", COLOURS["linear"])}  # fmt: skip
NARROW = 0.65  # of a place: room for a wide letter
ROWS = 8  # of the tiles that a row has met, so many are told
COUNTED = tuple(2**power for power in range(6, 15))  # lengths for which work is counted


def stage(view: View) -> Scene:
    """Who looks where beside recall by pairs; tabs: the sequence, tiles, cost, what is kept, few bits, gradients."""
    frame = view.frame
    talks = any(each.mixing.size for each in frame.seen)
    scene = Scene(height=FIRST + (4 + talks) * LOW + 2 * FURTHER)
    hero.squares(scene, view)
    _recall(scene, view)
    scene.row(LOW / FIRST)
    _sequence(scene, view)
    scene.row(FURTHER / FIRST)
    _tiles(scene, view)
    if not view.beside:
        _row(scene, view)
    _row_in_numbers(scene, view)
    scene.row(FURTHER / FIRST)
    _work(scene, view)
    if frame.times is not None:
        _times(scene, view)
    scene.row(LOW / FIRST)
    _kept(scene, view)
    scene.row(LOW / FIRST)
    few_bits.line(scene, view)
    few_bits.creep(scene, view)
    scene.row(LOW / FIRST)
    few_bits.gradients(scene, view)
    if talks:
        scene.row(LOW / FIRST)
        talk.talk(scene, view)
    return scene


def curves(view: View) -> Scene:
    """Loss and recall of every kind."""
    scene = Scene(height=300)
    over = "the distances" if view.config.task == "needle" else "the numbers of pairs"
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    for metric, title, y_title in (
        ("loss", "Loss where an answer is asked for", "cross-entropy"),
        ("recall", f"Answers right, mean over {over}", "share right"),
    ):
        series = {f"{kind}_{metric}": (words.named(kind, view.config), COLOURS[kind]) for kind in view.config.kinds}
        curves_panel(scene, metric, title=title, y_title=y_title, log_y=metric == "loss", series=series, **common)
    return scene


def inside(view: View) -> list[Figure]:
    """What each kind computes for the sequence on screen, in numbers."""
    frame, config = view.frame, view.config
    rows = []
    for each in frame.seen:
        got, asked = words.right(frame, each)
        made = cells(each.kind, len(frame.tokens), window=config.window, block=config.block, top=config.top)
        told = f"{made:,}" if made else "none"
        rows.append([KINDS[each.kind], told, f"{each.share:.0%}", f"{got} of {asked}"])
    return [
        Table(["Attention", "Products of query and key", "Share of full attention's work", "Answers right here"], rows,
              title=f"The sequence on screen, {len(frame.tokens)} places, head {min(config.head, config.heads)}"),
        Text("Work is counted in multiply-adds. In training all kinds but linear are computed with a mask over the "
             "whole square: at this length that costs little, and the results are the same.", "note"),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A click on a question of the sequence, or on its row, traces it; one on a tile goes there."""
    if pick["kind"] != "plane":
        return None
    frame = view.frame
    if pick["panel"] in ("sequence", "squares"):
        place = pick["x"] if pick["panel"] == "sequence" else hero.row(pick["y"], len(frame.tokens))
        asked = np.flatnonzero(frame.wanted >= 0)
        return Turn({"question": int(np.abs(asked - place).argmin()) + 1})
    if pick["panel"] == "tiles":
        i, j = (int((pick[axis] + 0.5) // frame.tiling.size) for axis in "yx")
        if 0 <= j <= i and i * (i + 1) // 2 + j < frame.tiling.count:
            return Turn({"tile": i * (i + 1) // 2 + j + 1})
    return None


def _recall(scene: Scene, view: View) -> None:
    """The share right against the number of pairs, which are spaced evenly though they double, or against distance."""
    config, needle = view.config, view.config.task == "needle"
    counts = config.by
    last = len(counts) - 1
    panel = scene.panel(
        "recall", title=words.recall_title(view), x=(-0.25, max(last, 1) + 0.25), y=(-0.04, 1.06), equal=False,
        x_label="places back, at most" if needle else "pairs to remember", y_label="share right",
        x_names=[str(count) for count in counts], aspect=0.8,
    )  # fmt: skip
    panel.path([[-0.25, words.CHANCE], [last + 0.25, words.CHANCE]], colour="neutral", width=1.5, head=False,
               name="guessing")  # fmt: skip
    begun = any(each.recall for each in view.frame.seen)
    if begun and needle and "window" in config.kinds and config.window < config.length:
        x = float(np.interp(config.window, (0, *counts), np.arange(-1, len(counts))))
        panel.path([[x, -0.04], [x, 1.06]], colour="neutral", width=1, head=False, name=f"{config.window}, the window")
    if begun and not needle and "linear" in config.kinds and counts[0] <= config.key_width <= counts[-1] and last:
        x = float(np.interp(np.log(config.key_width), np.log(counts), np.arange(len(counts))))
        panel.path([[x, -0.04], [x, 1.06]], colour="neutral", width=1, head=False,
                   name=f"{config.key_width}, the width of linear's keys")  # fmt: skip
    if not begun:
        _untrained(panel, view)
    for each in view.frame.seen:
        if each.recall:
            places = np.array([[counts.index(pairs), share] for pairs, share in each.recall.items()])
            colour = COLOURS[each.kind]
            panel.path(places, colour=colour, width=2.5, head=False, name=words.named(each.kind, config))
            panel.points(places, size=5, colours=[colour])


def _untrained(panel: Panel, view: View) -> None:
    """Before anything is measured: what the untrained networks get right of the sequence that is seen."""
    frame, counts = view.frame, view.config.by
    asked = int((frame.wanted >= 0).sum())
    if view.config.task == "needle":
        x = float(np.searchsorted(counts, frame.question - words.stood(frame)))
    else:
        x = float(np.interp(np.log(asked), np.log(counts), np.arange(len(counts))))
    for number, each in enumerate(frame.seen):
        beside = x + 0.16 * (number - (len(frame.seen) - 1) / 2)  # or they would cover each other
        panel.points([[beside, words.right(frame, each)[0] / asked]], size=6, colours=[COLOURS[each.kind]],
                     name=words.named(each.kind, view.config))  # fmt: skip
    middle = max(len(counts) - 1, 1) / 2
    panel.text(middle, 0.6, "Dots: before training", centred=True)
    panel.text(middle, 0.48, "Play draws a line for each", centred=True)


def _sequence(scene: Scene, view: View) -> None:
    """The sequence; of each kind where the question traced looks, and what is answered."""
    frame = view.frame
    T, count = len(frame.tokens), len(frame.seen)
    names = ["reads"]
    for each in frame.seen:
        names += [f"{KINDS[each.kind]} looks", "and says"]
    panel = scene.panel(
        "sequence", title="One question: where it looks, and what is said (click another)",
        x=(-0.6, T - 0.4), y=(2 * count + 0.6, -0.6), y_names=names, x_label="place", equal=False, pick="plane",
        aspect=0.9,
    )  # fmt: skip
    _letters(panel, np.arange(T), 0, frame.labels)
    for number, each in enumerate(frame.seen):
        row = np.repeat(np.clip(np.nan_to_num(each.weights[frame.question]), 0, 1)[None], 2, axis=0)
        height = 2 * number + 1
        panel.heatmap(np.sqrt(row), extent=(0, T - 1, height - 0.25, height + 0.25), low=0, high=1,
                      palette="sequential", discrete=True, name="" if number else "weight (its root), 0 to 1"
        )  # fmt: skip
        _says(panel, frame, each, height + 1)
    x = frame.question
    panel.path([[x - 0.5, -0.5], [x + 0.5, -0.5], [x + 0.5, 2 * count + 0.5], [x - 0.5, 2 * count + 0.5],
                [x - 0.5, -0.5]], colour="mark", width=2, head=False, name="question traced")  # fmt: skip


def _says(panel: Panel, frame: Any, each: Any, height: int) -> None:
    """The answers where they are asked for: blue if right, orange if not."""
    asked = np.flatnonzero(frame.wanted >= 0)
    good = each.said[asked] == frame.wanted[asked]
    labels = np.array([LABELS[said] for said in each.said[asked]])
    for chosen, colour in ((good, "positive"), (~good, "negative")):
        if chosen.any():
            _letters(panel, asked[chosen], height, labels[chosen].tolist(), colour)


def _letters(panel: Panel, places: Any, height: int, letters: list[str], colour: str = "text") -> None:
    """Letters so small that an M beside a w has room: their size goes by the distance of the first two."""
    panel.letters(np.concatenate([[places[0] - NARROW], places]), height, ["", *letters], colour=colour)


def _tiles(scene: Scene, view: View) -> None:
    """The square of scores, as far as tiles have been computed."""
    tiling = view.frame.tiling
    T, size = len(tiling.scores), tiling.size
    done = np.zeros((T, T), bool)
    done[: tiling.i * size] = True
    done[tiling.i * size : (tiling.i + 1) * size, : (tiling.j + 1) * size] = True
    past = np.tril(np.ones((T, T))) > 0
    scores = np.nan_to_num(tiling.scores)
    far = max(float(np.abs(scores[past]).max()), 1e-6)
    panel = scene.panel("tiles", title=words.tiling_title(view), x=(-0.6, T - 0.4), y=(T - 0.4, -0.6), pick="plane",
                        x_label="key", y_label="query", aspect=0.9)  # fmt: skip
    panel.heatmap(np.where(done & past, scores, 0.0), extent=(0, T - 1, 0, T - 1), low=-far, high=far,
                  palette="diverging", discrete=True, name=f"score, to ±{far:.3g}")  # fmt: skip
    top, left = tiling.i * size - 0.5, tiling.j * size - 0.5
    low, right = min(top + size, T - 0.5), min(left + size, T - 0.5)
    panel.path([[left, top], [right, top], [right, low], [left, low], [left, top]], colour="mark", width=2.5,
               head=False, name="the tile at work")  # fmt: skip
    panel.path([[-0.5, tiling.row], [right, tiling.row]], colour="step", width=1.5, head=False, name="row in numbers")
    panel.rail("tile", tiling.done, low=1, high=max(2, tiling.count), label="Tile")
    panel.buttons([("scores × 1", {"scale": "1"}), ("× 10", {"scale": "10"}), ("× 100", {"scale": "100"})],
                  label="Scores times", chosen={1.0: 0, 10.0: 1, 100.0: 2}.get(view.config.scale))  # fmt: skip


def _row(scene: Scene, view: View) -> None:
    """What one row keeps after each tile, beside the tiles: the newest at the bottom."""
    tiling = view.frame.tiling
    met = tiling.met[-ROWS:]
    names = ["highest", "m", "factor", "l", "bare l"]
    panel = scene.panel(
        "row", title=f"What query {tiling.row + 1} keeps, tile by tile", x=(-0.5, len(names) - 0.5),
        y=(max(len(met), 4) - 0.5, -0.5), x_names=names, y_names=[f"keys {_keys(tiling, each)}" for each in met],
        x_label="m: highest so far; l: sum of e^(score − m), bare: of e^score", equal=False, aspect=0.7,
        note="A higher score makes all that was summed up too large by one factor, e^(m before − m now).",
    )  # fmt: skip
    for y, each in enumerate(met):
        for x, cell in enumerate((f"{each.highest:.2f}", f"{each.maximum:.2f}", f"{each.kept:.3g}" if each.j else "–",
                                  f"{each.total:.4g}", _large(each.naive_total))):  # fmt: skip
            colour = "negative" if not np.isfinite(each.naive_total) and x == len(names) - 1 else "text"
            panel.text(x, y, cell, centred=True, colour=colour)


def _row_in_numbers(scene: Scene, view: View) -> None:
    """The output of that row after each tile, and what softmax over the whole row gives."""
    tiling = view.frame.tiling
    rows = [["keys read", "output so far, its first numbers", "without taking m off"]]
    rows += [[f"1–{_keys(tiling, met).partition('–')[2]}", _numbers(met.out), _numbers(met.naive_out)]
             for met in tiling.met]  # fmt: skip
    rows.append(["softmax of all at once", _numbers(tiling.exact), ""])
    text(scene, "row_numbers", rows, table=True, header=True, title=f"Output of query {tiling.row + 1}, tile by tile")


def _keys(tiling: Any, met: Any) -> str:
    return f"{met.j * tiling.size + 1}–{min((met.j + 1) * tiling.size, tiling.row + 1)}"


def _numbers(values: Any) -> str:
    return "  ".join(f"{value:.4f}" if np.isfinite(value) else "no number" for value in values)


def _large(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "overflow"


def _work(scene: Scene, view: View) -> None:
    """Multiply-adds against length, counted; with buttons that have time taken."""
    config = view.config
    one: dict[str, Any] = {"value_width": config.head_width, "window": config.window, "block": config.block,
                           "top": config.top, "talking": config.heads if config.talking else 0}  # fmt: skip
    history, series = {}, {}
    for kind in config.kinds:
        width = config.key_width if kind == "linear" else config.head_width
        counts = [work(kind, T, key_width=width, **one) for T in COUNTED]
        history[kind], series[kind] = (np.array(COUNTED), np.array(counts)), (words.named(kind, config), COLOURS[kind])
    curves_panel(scene, "work", title="Cost against length: multiply-adds of one head, counted", history=history,
                 series=series, x_title="places T", y_title="multiply-adds", log_x=True, log_y=True,
                 note="Press a length, and this machine takes the time of each kind up to it.")  # fmt: skip
    Rails(scene.rows[-1][-1], scene.arrays).buttons(
        [(f"{int(size):,}", {"measured": size}) for size in SIZES], label="Take the time here, up to a length of",
        chosen=SIZES.index(config.measured) if config.measured != OFF else -1,
    )  # fmt: skip


def _times(scene: Scene, view: View) -> None:
    """Milliseconds and bytes against length, as this machine took them."""
    times = view.frame.times
    for key, title, y_title, found, note in (
        ("times", words.times_title(view), "milliseconds", times.milliseconds, words.machine_note(times)),
        ("memory", "Bytes needed at once, measured here", "bytes", times.bytes, words.memory_note(times)),
    ):
        history = {name: (np.array(list(row)), np.array(list(row.values()))) for name, row in found.items()}
        series = {name: KERNELS[name] for name in history}
        curves_panel(scene, key, title=title, history=history, series=series, x_title="places T", y_title=y_title,
                     log_x=True, log_y=True, dots=True, note=note)  # fmt: skip


def _kept(scene: Scene, view: View) -> None:
    """Bytes kept for each token that was read, by what heads share; what a model really does is bold."""
    config = view.config
    rows: list[list[Any]] = [["model", "layers × heads × width", *SHARING.values()]]
    this = ("this network", 1, config.heads, max(1, config.heads // 4), config.head_width, config.rank, config.sharing)
    for name, layers, heads, groups, width, rank, used in (this, *MODELS):
        row: list[Any] = [name, f"{layers} × {heads} × {width}"]
        for kind in SHARING:
            there = {"grouped": groups, "latent": rank}.get(kind, 1)
            told = _bytes(cache_bytes(kind, heads, groups, width, rank, layers)) if there else "–"
            row.append(Span(told, bold=True) if kind == used else told)
        rows.append(row)
    text(scene, "kept", rows, table=True, header=True,
         title="Kept for each token that was read, in bytes (16-bit numbers; bold: as the model does it)")  # fmt: skip


def _bytes(count: float) -> str:
    return f"{count:,.0f} B" if count < 10_000 else f"{count / 1000:,.0f} kB"
