"""What is drawn of a network that groks: its table filling, accuracy on log time, and the circles behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Formula, Table, Text
from engine.contract.view import Answer, Turn, View
from engine.labs.grokking import phase_words, words
from engine.labs.grokking.config import BITS, DECAYS, NETWORKS, OPERATIONS, SHARES
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Scene

ACCURACIES = {
    "new_accuracy": (words.NEW, "positive"), "train_accuracy": ("trained on", "train"),
    "test_accuracy": ("not trained on", "test"), "key_accuracy": ("new, from five frequencies alone", "class_4"),
}  # fmt: skip
SHORT = {"a+b": "a + b", "a-b": "a − b", "a*b": "a · b", "a^2+b^2": "a² + b²", "permutations": "a after b"}
BOTH_WAYS = ("a+b", "a*b", "a^2+b^2")  # the same for (a, b) and (b, a)
DOTS = 4_000  # where more cells are trained on, they are not dotted: nobody could tell them apart
TOLD = 6  # elements whose number stands beside their place on the circle
REACH, EDGE = 1.6, 1.15  # of the two round panels
POINTS = 300  # of a curve on log time
EMPTY = 1_000  # steps on its axis before there is one
ROUND = np.linspace(0, 2 * math.pi, 91)
CIRCLE = np.column_stack([np.cos(ROUND), np.sin(ROUND)])


def stage(view: View) -> Scene:
    """The table and accuracy on log time; below, where there is a clock: power by frequency, a circle, the neurons."""
    frame = view.frame
    if frame.phases is not None:
        return _stage_of_all(view)
    below = len(frame.shares) > 0
    scene = Scene(height=940 if below else 560)
    _table(scene, view, weight=1.7)
    _accuracies(scene, view)
    if below:
        scene.row(0.65)
        if view.config.operation == "parity":
            _bits(scene, frame)
            return scene
        _power(scene, view)
        _circle(scene, frame)
        if not view.beside:
            _neurons(scene, frame)
    return scene


def _stage_of_all(view: View) -> Scene:
    """The phase picture and the table of the network of the chosen cell; below, accuracy on log time and its circle."""
    scene = Scene(height=900)
    _phases(scene, view)
    _table(scene, view)
    scene.row(0.75)
    _plateaus(scene, view)
    if len(view.frame.shares):
        _circle(scene, view.frame)
    return scene


def curves(view: View) -> Scene:
    """The loss, the same network by three measures, and how large its weights are; or how many networks know what."""
    if view.frame.phases is not None:
        return _curves_of_all(view)
    clocks = "key_accuracy" in view.curves
    scene = Scene(height=612 if clocks else 300)
    curves_panel(
        scene, "loss", history=_early(view), log_x=True, log_y=True, title="Loss", y_title="loss", marker=view.marker,
        bands=_band("test_loss"),
        series={"test_loss": ("not trained on", "test"), "train_loss": ("trained on", "train")},
    )  # fmt: skip
    curves_panel(
        scene, "norm", history=_early(view), log_x=True, title=words.norm(view), y_title="norm of all weights",
        marker=view.marker, series={"norm": ("norm", "gradient")}, bands=_band("norm"),
    )  # fmt: skip
    if clocks:
        scene.row()
        curves_panel(
            scene, "measures", history=_early(view), log_x=True, title=words.measures(view),
            y_title="share right", marker=view.marker, bands=_band("new_accuracy"),
            series={"new_accuracy": ("the network", "positive"), "key_accuracy": ("its key frequencies", "class_4"),
                    "customary_accuracy": ("the same, fitted on all cells", "neutral")},
        )  # fmt: skip
    return scene


def _curves_of_all(view: View) -> Scene:
    scene = Scene(height=300)
    curves_panel(
        scene, "networks", history=_early(view), log_x=True, title=f"Share of the {NETWORKS} networks",
        y_title="share of networks", marker=view.marker,
        series={"by_heart": ("have known their cells by heart", "train"),
                "known": ("have known the new ones", "positive")},
    )  # fmt: skip
    curves_panel(
        scene, "loss", history=_early(view), log_x=True, log_y=True, title="Loss, median of all", y_title="loss",
        marker=view.marker, series={"train_loss": ("trained on", "train")},
    )  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """The five strongest frequencies, and what they are there for; or the bits that are read."""
    frame = view.frame
    first = [] if frame.phases is None else phase_words.first_steps(frame.phases)
    if not len(frame.shares):
        hint = "For this table there is no clock on which the operation adds: nothing to take apart."
        if not np.isfinite(frame.chance).all():
            hint = "This network has diverged: a smaller learning rate, or less decay, keeps its weights finite."
        return [*first, Text(hint, "hint")]
    if view.config.operation == "parity":
        return [Text("A parity is read from bits: the bars on the stage are the squares of the first weights.", "note")]
    used = np.bincount(frame.neuron_frequencies, minlength=len(frame.shares) + 1)
    hands = np.hypot(*frame.neurons.T)
    rows = [[str(k), f"{frame.shares[k - 1]:.1%}", str(used[k]), f"{hands[frame.neuron_frequencies == k].mean():.2f}"
             if used[k] else "–"] for k in frame.keys.tolist()]  # fmt: skip
    return [
        *first,
        Table(["Frequency", "Share of embeddings", "Neurons that follow it", "How purely, up to 1"], rows,
              title="The five strongest frequencies"),
        Text(f"The other {len(hands) - used[frame.keys].sum()} of {len(hands)} neurons follow other frequencies. With "
             "one frequency every answer would be right, but hardly: the second best is nearly as loud. Each further "
             "frequency agrees on the right one only.", "note"),
        Formula(r"\cos w_k(a + b - c) = 1 \;\text{ at } c = a + b, \qquad w_k = 2\pi k / p"),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A click on a bar shows the circle of that frequency, one on a cell of the phase picture its network."""
    if pick["panel"] == "phases" and pick["kind"] == "plane":
        column, row = (int(np.clip(round(pick[axis]), 0, len(of) - 1)) for axis, of in (("x", SHARES), ("y", DECAYS)))
        return Turn({"cell_share": f"{SHARES[column]:g}", "cell_decay": f"{DECAYS[row]:g}"})
    if pick["panel"] == "power" and pick["kind"] == "plane":
        return Turn({"frequency": int(np.clip(round(pick["x"]), 1, max(1, len(view.frame.shares))))})
    return None


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view) if view.frame.phases is None else phase_words.say(view.frame.phases)


def facts(view: View) -> dict[str, float | str]:
    """Numbers that texts may name: of the network shown, and of all in the phase picture."""
    of_all = {} if view.frame.phases is None else phase_words.facts(view.frame.phases)
    return words.facts(view) | of_all


def _phases(scene: Scene, view: View) -> None:
    """A cell for each network; orange is by heart only, blue knows the new pairs, and the number says since when."""
    phases, config = view.frame.phases, view.config
    by_heart, known = (int((first > 0).sum()) for first in (phases.by_heart, phases.known))
    width, height = len(SHARES), len(DECAYS)
    panel = scene.panel(
        "phases", title=f"{by_heart} of {NETWORKS} by heart, {known} know the new pairs", x=(-0.5, width - 0.5),
        y=(-0.5, height - 0.5), x_names=[f"{share:g}" for share in SHARES], y_names=[f"{decay:g}" for decay in DECAYS],
        x_label="train share (click)", y_label="weight decay", equal=False, pick="plane", aspect=0.9, weight=1.4,
    )  # fmt: skip
    panel.heatmap(
        np.where(phases.by_heart > 0, phases.new_accuracy, np.nan), extent=(0, width - 1, 0, height - 1), low=0, high=1,
        palette="diverging", discrete=True, missing="not by heart yet",
        name="New pairs right; number: since when; hatched: not even by heart",
    )  # fmt: skip
    for y, x in zip(*phases.known.nonzero(), strict=True):
        panel.text(float(x), float(y), str(phases.known[y, x]), centred=True)
    y, x = divmod(config.cell, width)
    ring = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.46 + [x, y]
    panel.path(ring, colour="mark", width=3, head=False, name="The network beside")


def _plateaus(scene: Scene, view: View) -> None:
    """The chosen network on log time, and behind it those with the same decay and another share."""
    phases, config = view.frame.phases, view.config
    row, column = divmod(config.cell, len(SHARES))
    now = math.log10(max(1, view.step))
    steps = np.append(np.log10(np.maximum(1, phases.times)), now)
    new = np.vstack([phases.past_new[:, row], phases.new_accuracy[row]])  # (T + 1, S)
    train = np.append(phases.past_train[:, row, column], phases.train_accuracy[row, column])
    panel = scene.panel(
        "accuracy", title=f"Share right at weight decay {config.cell_decay}, train share {config.cell_share}",
        x=(0, max(1.0, math.log10(max(1, view.last_step)) + 0.05)), y=(-0.04, 1.04), x_log=True, equal=False,
        x_label="step", y_label="share right", aspect=0.8,
    )  # fmt: skip
    others = [np.column_stack([steps, curve]) for place, curve in enumerate(new.T) if place != column]
    panel.lines(others, colour="neutral", width=1.2, name="new, other train shares")
    panel.lines([np.column_stack([steps, train])], colour="train", width=2.5, name="trained on")
    panel.lines([np.column_stack([steps, new[:, column]])], colour="positive", width=3, name=words.NEW)
    for share, level, curve in zip(SHARES, np.linspace(0.2, 0.85, len(SHARES)), new.T, strict=True):
        if (curve >= level).any():  # each at another height, or they would lie on each other
            panel.text(float(steps[np.argmax(curve >= level)]), float(level), f"{share:g}", centred=True)


def _table(scene: Scene, view: View, *, weight: float = 1.0) -> None:
    """A cell for each pair, dark where the answer is right; and large, how many of both kinds of cell are right."""
    frame, config = view.frame, view.config
    n, scores = len(frame.right), frame.scores
    name = SHORT.get(config.operation, f"Parity of {config.bits} bits")
    modulo = f" mod {n}" if "mod" in OPERATIONS[config.operation] else ""
    panel = scene.panel(
        "table", x=(-0.5, n - 0.5), y=(-0.5, n - 0.5), x_label="b", y_label="a", weight=weight,
        title=f"Table of {name}{modulo}: will cells never shown fill?",
    )  # fmt: skip
    panel.heatmap(frame.chance, extent=(0, n - 1, 0, n - 1), low=0, high=1, palette="sequential", discrete=True,
                  name="how surely it gives the right answer")  # fmt: skip
    a, b = frame.train.nonzero()
    if len(a) <= DOTS:
        panel.points(np.column_stack([b, a]), size=max(0.7, 56 / n), colours=["negative"], name="cells it is shown")
    other = ("test_accuracy", "of the cells never shown")
    if config.operation in BOTH_WAYS:  # (a, b) is right for free where (b, a) was shown
        other = ("new_accuracy", "of the new cells: mirror (b, a) unseen too")
    panel.meters([("right of the cells trained on", _share(scores["train_accuracy"]), "negative"),
                  (f"right {other[1]}", _share(scores[other[0]]), "positive")])  # fmt: skip


def _share(value: float) -> float:
    return float(np.clip(value, 0, 1)) if math.isfinite(value) else math.nan


def _accuracies(scene: Scene, view: View) -> None:
    """Against the logarithm of the step: the plateau would fill a linear axis, and memorising be a line at its edge."""
    count = view.config.answers
    levels, drawn = {"chance": (f"guessing: 1 of {count}", "neutral", 1 / count)}, list(view.curves)
    if not view.curves:  # nothing is measured yet: the two curves that will matter, and an axis with two ends
        levels["all"] = ("all right", "text", 1.0)
        drawn = ["new_accuracy", "train_accuracy"]
    steps = np.array([1, view.last_step if view.curves else EMPTY])
    curves_panel(
        scene, "accuracy", title=words.right(view), log_x=True, rules=words.landmarks(view), y_title="share right",
        history=_early(view) | {name: (steps, np.full(2, level)) for name, (*_, level) in levels.items()},
        marker=view.marker, bands=_band("new_accuracy"), calculated=tuple(levels),
        series={metric: told for metric, told in ACCURACIES.items() if metric in drawn}
        | {name: (label, colour) for name, (label, colour, _) in levels.items()},
    )  # fmt: skip


def _band(metric: str) -> dict[str, tuple[str, str]]:
    return {metric: (f"{metric}_low", f"{metric}_high")}


def _early(view: View) -> dict[str, tuple[Any, Any]]:
    """The curves at no more than `POINTS` places that are evenly spaced on a logarithmic axis, as are the steps."""
    found = {}
    for name, (steps, values) in view.curves.items():
        kept = np.unique(np.geomspace(1, max(1, len(steps)), POINTS).round().astype(int)) - 1
        found[name] = (steps, values) if len(steps) <= POINTS else (steps[kept], values[kept])
    return found


def _colours(frame: Any) -> dict[int, str]:
    """A colour for each key frequency, the same in all panels."""
    return {int(k): f"class_{place}" for place, k in enumerate(sorted(frame.keys.tolist()))}


def _bars(panel: Panel, places: Any, frame: Any, *, width: float) -> None:
    """A bar for each share, the key ones in colour."""
    colours = _colours(frame)
    bars = [[[x, 0], [x, share]] for x, share in zip(places, frame.shares.tolist(), strict=True)]
    for colour in ("neutral", *colours.values()):
        chosen = [bar for k, bar in enumerate(bars, start=1) if colours.get(k, "neutral") == colour]
        panel.lines(np.array(chosen, np.float32).reshape(-1, 2, 2), colour=colour, width=width)


def _power(scene: Scene, view: View) -> None:
    count, frame = len(view.frame.shares), view.frame
    first = words.at(view, "key_share", 1)
    hold = f"{float(frame.shares[frame.keys - 1].sum()):.0%}" + (f", at first {first:.0%}" if first else "")
    panel = scene.panel(
        "power", title=f"Five frequencies: {hold}", x=(0.2, count + 0.8),
        y=(0, max(0.16, 1.2 * float(frame.shares.max()))), x_label="frequency (click)", equal=False, pick="plane",
        y_label="share of embeddings", aspect=0.6,
    )  # fmt: skip
    _bars(panel, range(1, count + 1), frame, width=max(2.5, 150 / count))


def _circle(scene: Scene, frame: Any) -> None:
    k = frame.frequency
    panel = scene.panel("circle", title=f"Embeddings, frequency {k}", x=(-REACH, REACH), y=(-REACH, REACH),
                        x_label="cosine", y_label="sine")  # fmt: skip
    panel.path(CIRCLE, colour="grid", width=1.5, head=False)
    order = np.argsort(frame.circle_order, kind="stable")
    panel.path(frame.circle[[*order, order[0]]], colour="neutral", width=1, head=False)
    panel.points(frame.circle, size=5, colours=[_colours(frame).get(k, "neutral")], labels=list(frame.names))
    for name, (x, y) in list(zip(frame.names, frame.circle.tolist(), strict=True))[:TOLD]:
        panel.text(1.2 * x - 0.12, 1.2 * y, name, mark=False)


def _neurons(scene: Scene, frame: Any) -> None:
    panel = scene.panel("neurons", title="Neurons on the clock", x=(-EDGE, EDGE), y=(-EDGE, EDGE),
                        x_label="at the edge: one frequency", y_label="angle: phase")  # fmt: skip
    panel.path(CIRCLE, colour="grid", width=1.5, head=False)
    colours = _colours(frame)
    rest = ~np.isin(frame.neuron_frequencies, frame.keys)
    hover = np.array([f"frequency {k}" for k in frame.neuron_frequencies])
    panel.points(frame.neurons[rest], size=3, colours=["neutral"], labels=hover[rest].tolist())
    for k, colour in colours.items():
        mine = frame.neuron_frequencies == k
        panel.points(frame.neurons[mine], size=4, colours=[colour], labels=hover[mine].tolist())


def _bits(scene: Scene, frame: Any) -> None:
    names = [f"{side}{place}" for side in "ab" for place in range(1, BITS + 1)]
    panel = scene.panel(
        "power", title="How much of the first weights reads each bit", x=(-0.6, len(names) - 0.4), equal=False,
        y=(0, max(0.16, 1.2 * float(frame.shares.max()))), x_names=names, y_label="share of squared weights",
        x_label="bits of a and b; in colour: those that count",
    )  # fmt: skip
    _bars(panel, range(len(names)), frame, width=22)
