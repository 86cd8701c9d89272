"""What is drawn of diffusion: samples on their way through time, those under way, few steps, and the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Picture, Table, Text
from engine.contract.view import View
from engine.figures.bars import bars
from engine.labs.diffusion.config import COUNTS
from engine.labs.diffusion.words import CLIPPED, facts, say, table
from engine.measures.clipped import clipped, clipped_pixels, small
from engine.scene.curves import curves as curves_panel
from engine.scene.film import film
from engine.scene.panel import Panel
from engine.scene.particles import particles
from engine.scene.scene import Scene
from engine.scene.text import Cell, Span, text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

REACH = 2.4  # what is shown of the plane; noise reaches further, the data do not
COLOURS = {"ddim": "positive", "ddpm": "negative", "heun": "class_2"}
NAMES = {"noise": {"ddim": "DDIM", "ddpm": "DDPM", "heun": "Heun"}, "flow": {"ddim": "Euler", "heun": "Heun"}}
DATA = [("Digits", {"data": "digits", "start": "trained"}), ("Untrained", {"data": "digits", "start": "scratch"}),
        ("Ring", {"data": "ring"}), ("Moons", {"data": "moons"}), ("Spiral", {"data": "spiral"})]  # fmt: skip
STEPS, MOST = (1, 2, 5, 10, 20, 50), 50  # marked on the rail, and its end: more take too long to be dragged through
CLASSES = 10  # of digits: a column for each
FOLLOWED = 3  # the picture whose way stands below the slider: the first 3
LOWEST = 1e-4  # an energy distance below is drawn here
FEW = 5  # steps, among which the first counts for much
HEIGHT, GAP = 260, 12  # pixels of a row of curves, and between two rows


def stage(view: View) -> Scene:
    """The samples on their way through time, how many steps it takes, those being drawn now, and the schedule.

    Below the samples stands in words what of them is due to a bound.
    """
    digits = view.config.data == "digits"
    scene = Scene(height=1500 if view.beside else 980)
    (_digits if digits else _plane)(scene, view)
    if not digits and not view.beside:
        _few_steps(scene, view)
    if said := _notes(view):
        text(scene, "notes", said, title="What is due to a bound")
    _numbers(scene, view)
    scene.row(0.72)
    if digits or view.beside:
        _few_steps(scene, view)
    _schedule(scene, view)
    (_digits_under_way if digits else _under_way)(scene, view)
    return scene


def _knobs(panel: Panel, view: View) -> None:
    """What is drawn, and in how many steps, to be turned where it is seen."""
    config = view.config
    chosen = [all(str(getattr(config, name)) == value for name, value in knobs.items()) for _, knobs in DATA]
    if not view.beside:  # of two runs each needs the room
        panel.buttons(DATA, label="What is drawn", chosen=chosen.index(True) if any(chosen) else -1)
    most = min(MOST, config.steps if config.objective == "noise" else MOST)
    panel.rail("sampling_steps", config.sampling_steps, low=1, high=most, log=True, label="Steps from noise",
               marks=[(k, str(k)) for k in STEPS if k <= most])  # fmt: skip


def curves(view: View) -> Scene:
    """Loss, and how good the samples were whenever some were ready."""
    history = dict(view.curves)
    judged = "energy_distance" in history
    rows = 2 if judged else 1
    scene = Scene(height=rows * (HEIGHT + GAP))
    common: dict[str, Any] = {"history": history, "marker": view.marker, "x_title": "update"}
    if not history:
        return scene
    curves_panel(scene, "loss", series={"loss": ("loss", "train")}, title="Squared error of what the network says",
                 y_title="mean over a batch", **common)  # fmt: skip
    if not judged:
        return scene
    steps = history["energy_distance"][0]
    history["floor"] = steps, np.full(len(steps), view.frame.floor)
    series = {"energy_distance": ("samples", "positive"), "floor": ("two halves of the real", "neutral")}
    curves_panel(scene, "energy", series=series, title="Energy distance to the real points", y_title="energy distance",
                 log_y=True, **common)  # fmt: skip
    scene.row()
    shares = {"within": ("within 3 σ of a mode", "positive"), "recognised": ("recognised", "positive"),
              "variety": ("variance kept", "negative"),
              "straightness": ("straightness of the paths", "class_2")}  # fmt: skip
    curves_panel(scene, "shares", series={name: how for name, how in shares.items() if name in history},
                 title="Samples, as shares of one", y_title="share", **common)  # fmt: skip
    text(scene, "explained", [_explain(view.frame)])
    return scene


def inside(view: View) -> list[Figure]:
    """Signal and noise through time, the variety of each class, and how far each sampler comes in few steps."""
    frame = view.frame
    drawn: list[Figure] = [Picture("snr", _signal_to_noise(frame))]
    if frame.variety.size:
        kept = {str(k): float(v) for k, v in enumerate(frame.variety)}
        drawn.append(bars(kept, key="variety", title="Variance kept by each class",
                          x_title="variance of samples / of real ones"))  # fmt: skip
    rows = []
    for method, values, bound in zip(frame.methods, frame.quality, frame.clipped > CLIPPED, strict=True):
        cells = [f"{v:.3g}{' *' if b else ''}" if v >= 0 else "–" for v, b in zip(values, bound, strict=True)]
        rows.append((NAMES[view.config.objective][method], *cells))
    steps = [f"{count} step{'s' if count > 1 else ''}" for count in COUNTS]
    said = f"Two halves of the real points are at {frame.floor:.3g}. Heun asks the network twice in each step."
    if (frame.clipped > CLIPPED).any():
        said += (" \\* Nearly every number of these samples is at a bound, where x̂₀ is clipped: this is the distance "
                 "of the bounds, and not of what the network expects.")  # fmt: skip
    table = Table(("sampler", *steps), rows, title="Energy distance by sampler and steps")
    return [*drawn, table, Text(said, tone="note")]


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing is picked here: the slider of time asks no server."""


def _numbers(scene: Scene, view: View) -> None:
    """The table of the samples that are ready: what texts say of them stands here."""
    (head, nothing), *told = table(view)
    rows: list[list[Cell]] = [[Span(head, bold=True), nothing]]
    rows += [[Span(words, soft=True), value] for words, value in told]
    text(scene, "numbers", rows, title="In numbers", table=True)


def _notes(view: View) -> list[str]:
    """What on stage is due to a bound and not to the network."""
    frame, config = view.frame, view.config
    if config.objective != "noise":
        return []
    said = []
    if frame.drawn_at >= 0:
        why = clipped_pixels if config.data == "digits" else clipped
        said.append(why(frame.path[-1], limit=frame.clip, alpha=float(frame.alpha[-1])))
        if not said[0] and config.sampling_steps <= FEW and frame.clipped[0, 0] > CLIPPED:
            said.append(f"The first of these {config.sampling_steps} steps begins in pure noise, where α is only "
                        f"{small(frame.alpha[-1])}: its guess x̂₀ = (x − σ ε̂) / α is clipped for nearly every sample, "
                        "and the others must make up for it.")  # fmt: skip
    if config.schedule == "linear" and frame.held:
        first = round((config.steps - frame.held + 1) / config.steps * (len(frame.alpha) - 1))
        said.append(f"With {config.steps} levels the linear schedule asks for a β of 1 or more in the last "
                    f"{frame.held}; it is held at 0.999, so next to nothing is left of the data there (α is "
                    f"{frame.alpha[first]:.2g} at most). From 21 levels on no β is held.")  # fmt: skip
    return [each for each in said if each]


def _explain(frame: Any) -> str:
    said = ["Straightness is the distance from start to end over the length of the way."]
    if "modes" in frame.scores:
        said.insert(0, f"{frame.scores['modes']:.0f} modes have at least 1 % of the samples.")
    if "recognised" in frame.scores:
        how = "the nearest real one" if frame.data.shape[1] > 2 else "the place where it ends"
        said.insert(0, f"A sample is recognised if {how} has the class that was asked for; the variance kept is that "
                       "of the samples of one class over that of real ones.")  # fmt: skip
    if len(frame.labels) and frame.data.shape[1] == 2:
        said.append("The arrows of the learned field are the answers for no class.")
    return " ".join(said)


def _signal_to_noise(frame: Any) -> Scene:
    times = np.linspace(0, 1, len(frame.alpha))
    shown = (frame.alpha > 1e-4) & (frame.sigma > 1e-4)
    ratio = 2 * np.log10(frame.alpha[shown] / frame.sigma[shown])
    scene = Scene(height=360)
    panel = scene.panel("snr", title="Signal to noise (α² / σ²)", x=(0, 1), y=(float(ratio.min()), float(ratio.max())),
                        x_label="time t", y_label="α² / σ²", y_log=True, equal=False)  # fmt: skip
    panel.path(np.column_stack([times[shown], ratio]), colour="train", name="Signal to noise", head=False)
    panel.lines([np.array([[0, 0], [1, 0]])], name="As much noise as data")
    return scene


def _plane(scene: Scene, view: View) -> None:
    frame = view.frame
    told = len(frame.labels) > 0
    what = f"{len(frame.data)} particles by class" if told else f"{len(frame.data)} particles"
    if view.beside and "modes" in frame.scores:  # what two runs are compared by
        said = facts(view)
        first = f"{said['said_middle']} from the middle" if said["calls"] == 1 else f"{said['said_modes']} places"
        what = f"{first}, {said['said_within']} within 3 σ"
    panel = particles(
        scene, "samples", title=_title(view, what), reach=REACH, forward=frame.forward,
        forward_times=frame.forward_times, back=frame.path, back_times=frame.path_times, grid=frame.grid,
        field=_arrows(frame), field_times=frame.field_times, groups=frame.labels if told else None, weight=5,
    )  # fmt: skip
    _knobs(panel, view)
    real = "neutral" if told else "negative"  # beside particles in the colours of their classes
    panel.points(frame.data, size=2.4, colours=[real], name="Real points")


def _under_way(scene: Scene, view: View) -> None:
    frame = view.frame
    told = len(frame.labels) > 0
    panel = scene.panel("flying", title=_flying(frame), x=(-REACH, REACH), y=(-REACH, REACH), weight=4)
    panel.points(frame.data, size=2, colours=["neutral" if told else "negative"], name="Real points")
    colours = [f"class_{k}" for k in range(int(frame.labels.max(initial=0)) + 1)] if told else ["positive"]
    panel.points(frame.flying, frame.labels if told else None, size=2.2, colours=colours, name="Particles")


def _digits(scene: Scene, view: View) -> None:
    frame, what = view.frame, "Five of each digit"
    if view.beside and "recognised" in frame.scores:  # what two runs are compared by
        said = facts(view)
        what = f"{said['said_recognised']} of the class asked for, {said['said_variety']} of the variance"
    panel = film(
        scene, "samples", title=_title(view, what),
        forward=_pictures(frame.forward), forward_times=frame.forward_times,
        back=_pictures(frame.path), back_times=frame.path_times, low=-1, high=1, columns=CLASSES, weight=1,
        heads=[str(k) for k in range(CLASSES)], followed=-1 if view.beside else FOLLOWED,
    )  # fmt: skip
    _knobs(panel, view)


def _digits_under_way(scene: Scene, view: View) -> None:
    scene.heat_grid("flying", title=_flying(view.frame), images=_pictures(view.frame.flying), low=-1, high=1,
                    columns=CLASSES, weight=5)  # fmt: skip


def _pictures(values: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:-1], 8, 8)


def _title(view: View, what: str) -> str:
    if view.frame.drawn_at < 0:
        return f"{what}; noise so far"
    if not view.frame.drawn_at:
        return f"{what}, drawn from noise"
    return f"{what}, drawn at update {view.frame.drawn_at:,}"


def _flying(frame: Any) -> str:
    return f"Under way: step {frame.flying_step} of {frame.flying_steps}"


def _arrows(frame: Any) -> np.ndarray:
    """The field (K, G, 2), so long that no arrow reaches the next: a length of 1 and more is drawn alike."""
    spacing = np.ptp(frame.grid[:, 0]) / (np.sqrt(len(frame.grid)) - 1)
    length = np.linalg.norm(frame.field, axis=-1, keepdims=True)
    arrows: np.ndarray = frame.field * (0.85 * spacing * np.tanh(length) / np.maximum(length, 1e-9))
    return arrows


def _few_steps(scene: Scene, view: View) -> None:
    frame = view.frame
    measured = frame.quality[frame.quality >= 0]
    top = np.log10(max(1.0, float(measured.max(initial=0)) * 1.3))
    bottom = np.log10(max(LOWEST, min([frame.floor, *measured.tolist()]) / 2))
    panel = scene.panel(
        "few", title="How good after few calls?", x=(-0.05, 2.05), y=(bottom, top), x_log=True,
        y_log=True, x_label="calls of the network for a sample", y_label="energy distance", equal=False, aspect=0.6,
        weight=4,
    )  # fmt: skip
    lowest = np.log10(max(frame.floor, LOWEST))
    panel.lines([np.array([[-0.05, lowest], [2.05, lowest]])], name="Two halves of the real points", width=2)
    for number, method in enumerate(frame.methods):
        there = frame.quality[number] >= 0
        line = np.column_stack([frame.calls[number], np.maximum(frame.quality[number], LOWEST)])[there]
        panel.path(np.log10(line), colour=COLOURS[method], name=NAMES[view.config.objective][method])
        bound = frame.clipped[number][there] > CLIPPED  # at the bounds, whatever the network says
        panel.points(np.log10(line[~bound]), colours=[COLOURS[method]], size=4)
        if bound.any():
            panel.points(np.log10(line[bound]), colours=[COLOURS[method]], size=5, shape="cross",
                         name="clipped: a bound, not the network" if method == frame.methods[-1] else "")  # fmt: skip


def _schedule(scene: Scene, view: View) -> None:
    frame = view.frame
    times = np.linspace(0, 1, len(frame.alpha))
    panel = scene.panel("schedule", title="What is left of the data", x=(0, 1), y=(0, 1.02), x_label="time t",
                        y_label="factor", equal=False, aspect=0.6, weight=4)  # fmt: skip
    for values, colour, name in ((frame.alpha, "positive", "data (α)"), (frame.sigma, "negative", "noise (σ)")):
        panel.path(np.column_stack([times, values]), colour=colour, name=name, head=False)
