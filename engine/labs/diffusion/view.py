"""What is drawn of diffusion: samples on their way through time, those under way, few steps, and the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.diffusion.config import UPDATES
from engine.scene.film import film
from engine.scene.particles import particles
from engine.scene.scene import Scene

REACH = 2.4  # what is shown of the plane; noise reaches further, the data do not
COLOURS = {"ddim": "positive", "ddpm": "negative", "heun": "class_2"}
NAMES = {"noise": {"ddim": "DDIM", "ddpm": "DDPM", "heun": "Heun"}, "flow": {"ddim": "Euler", "heun": "Heun"}}
LOWEST = 1e-4  # an energy distance below is drawn here
CLIPPED = 0.75  # share of numbers at the bounds from which on a distance says nothing of the network


def stage(view: View) -> Scene:
    """The samples on their way through time, those being drawn now, how many steps it takes, and the schedule."""
    scene = Scene(height=920)
    if view.config.data == "digits":
        _digits(scene, view)
    else:
        _plane(scene, view)
    scene.row(0.56)
    _few_steps(scene, view)
    _schedule(scene, view)
    return scene


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing is picked here: the slider of time asks no server."""


def _plane(scene: Scene, view: View) -> None:
    frame = view.frame
    told = len(frame.labels) > 0
    what = f"{len(frame.data)} particles by class" if told else f"{len(frame.data)} particles"
    panel = particles(
        scene, "particles", title=_title(frame, what), reach=REACH, forward=frame.forward,
        forward_times=frame.forward_times, back=frame.path, back_times=frame.path_times, grid=frame.grid,
        field=_arrows(frame), field_times=frame.field_times, groups=frame.labels if told else None, weight=5,
    )  # fmt: skip
    real = "neutral" if told else "negative"  # beside particles in the colours of their classes
    panel.points(frame.data, size=2.4, colours=[real], name="Real points")
    panel = scene.panel("flying", title=_flying(frame), x=(-REACH, REACH), y=(-REACH, REACH), weight=4)
    panel.points(frame.data, size=2, colours=[real], name="Real points")
    colours = [f"class_{k}" for k in range(int(frame.labels.max(initial=0)) + 1)] if told else ["positive"]
    panel.points(frame.flying, frame.labels if told else None, size=2.2, colours=colours, name="Particles")


def _digits(scene: Scene, view: View) -> None:
    frame = view.frame

    def pictures(values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:-1], 8, 8)

    began = f"; first weights trained earlier, {UPDATES:,} updates" if view.config.start == "trained" else ""
    title = _title(frame, f"64 digits, asked for 0 to 9 in turn{began}")
    film(
        scene, "film", title=title, forward=pictures(frame.forward), forward_times=frame.forward_times,
        back=pictures(frame.path), back_times=frame.path_times, low=-1, high=1, columns=8, weight=1,
    )  # fmt: skip
    scene.heat_grid("flying", title=_flying(frame), images=pictures(frame.flying), low=-1, high=1, columns=8, weight=1)


def _title(frame: Any, what: str) -> str:
    if not frame.drawn_at:
        return f"{what}: noise so far"
    return f"{what}, drawn at update {frame.drawn_at:,}"


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
        "few", title="Energy distance after few looks", x=(-0.05, 2.05), y=(bottom, top), x_log=True,
        y_log=True, x_label="calls of the network for a sample", y_label="energy distance", equal=False, aspect=0.6,
        weight=4 if view.config.data == "digits" else 5,
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
                         name="x̂₀ clipped" if method == frame.methods[-1] else "")  # fmt: skip


def _schedule(scene: Scene, view: View) -> None:
    frame = view.frame
    times = np.linspace(0, 1, len(frame.alpha))
    panel = scene.panel("schedule", title="What is left of the data", x=(0, 1), y=(0, 1.02), x_label="time t",
                        y_label="factor", equal=False, aspect=0.6, weight=4)  # fmt: skip
    for values, colour, name in ((frame.alpha, "positive", "data (α)"), (frame.sigma, "negative", "noise (σ)")):
        panel.path(np.column_stack([times, values]), colour=colour, name=name, head=False)
