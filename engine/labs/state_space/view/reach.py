"""What reaches what: the matrices of the layer and its control, and the kernels and poles of one that cannot choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.state_space import words
from engine.scene.scene import Scene

SHOWN = 4  # channels whose kernels and poles are drawn
MOST = 1e6  # a number that is drawn: a kernel that grows has no end


def hidden(scene: Scene, view: View) -> None:
    """The matrix of the head shown, and what a softmax would make of the same scores."""
    frame = view.frame
    _matrix(scene, "hidden", words.hidden_title(view), frame.seen[0].mixed[frame.head], frame)
    if len(frame.softmax):
        _matrix(scene, "softmax", "The same scores C·B, through a softmax", frame.softmax, frame,
                note="Attention weighs all that was read, with a sum of 1; nothing was trained for it.")  # fmt: skip


def rival(scene: Scene, view: View) -> None:
    """What reaches what in the control; if it is time-invariant, its kernels and poles too."""
    seen = view.frame.seen[1]
    _matrix(scene, "rival", words.rival_title(view), seen.mixed[0], view.frame)
    if len(seen.kernels):
        kernels(scene, view, seen)


def kernels(scene: Scene, view: View, seen: Any) -> None:
    """What a time-invariant layer answers to one pulse, and the poles that make it so; one of them may be moved."""
    K, moved, poles = _drawn(seen.kernels), _drawn(seen.moved), _finite_poles(seen.poles)
    channel, number, *to = view.config.moved_pole
    far = 1.1 * max(float(np.abs(K).max()), float(np.abs(moved).max(initial=0)), 1e-6)
    panel = scene.panel("kernels", title=words.kernels_title(view, seen), x=(0, K.shape[1] - 1), y=(-far, far),
                        equal=False, x_label="places ago", y_label="weight", aspect=0.8)  # fmt: skip
    lag = np.arange(K.shape[1])
    for row, kernel in enumerate(K[:SHOWN]):
        panel.path(
            np.column_stack([lag, kernel]), colour=f"class_{row + 1}", width=2, head=False, name=f"channel {row + 1}"
        )
    if len(moved):
        panel.path(np.column_stack([lag, moved]), colour="mark", width=3, head=False, name=f"channel {channel}, moved")
    left, reach = pole_plane(poles)
    plane = scene.panel(
        "poles", title="Poles: drag one and see its kernel", x=(left, 0.1 * abs(left)), y=(-0.1 * reach, reach),
        equal=False, draw=True, x_label="real part: left is forgotten", y_label="imaginary part: up turns", aspect=0.8,
        note="Nothing is trained by it: a look at what the channel would do. Of poles at one place "
        "that of the first channel moves.",
    )  # fmt: skip
    plane.path([[0, -0.1 * reach], [0, reach]], colour="neutral", width=1, head=False)
    for row, of_one in enumerate(poles[:SHOWN]):
        plane.points(np.column_stack([of_one.real, of_one.imag]), size=5, colours=[f"class_{row + 1}"],
                     name=f"channel {row + 1}")  # fmt: skip
    if len(moved):
        was = poles[channel - 1, number - 1]
        plane.path([[was.real, was.imag], to], colour="mark", width=2, head=False)
        plane.points([to], size=8, shape="ring", colours=["mark"], name="moved")
        plane.buttons([("Let it go", {"moved": ""})], label="Pole moved")


def pole_plane(poles: Any) -> tuple[float, float]:
    """How far the plane of the poles (R, N) reaches to the left and up."""
    seen = _finite_poles(poles[:SHOWN])
    return 1.15 * min(float(seen.real.min()), -1.0), 1.1 * max(float(np.abs(seen.imag).max()), 1.0)


def _drawn(values: Any) -> Any:
    """Numbers as they can be drawn: none beyond `MOST`, and 0 for what is none."""
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=MOST, neginf=-MOST), -MOST, MOST)


def _finite_poles(poles: Any) -> Any:
    return _drawn(poles.real) + 1j * _drawn(poles.imag)


def dragged(poles: Any, start: Any, end: Any) -> str:
    """The knob's text for the pole of `poles` (R, N) nearest to `start` (2,), moved to `end`, left of the axis."""
    left, reach = pole_plane(poles)
    there = _finite_poles(poles[:SHOWN])
    away = np.hypot((there.real - start[0]) / left, (there.imag - start[1]) / reach)
    channel, number = np.unravel_index(int(np.argmin(away)), away.shape)
    real, imaginary = float(np.clip(end[0], left, -0.001)), float(np.clip(end[1], -reach, reach))
    return f"{channel + 1},{number + 1},{real:.3f},{imaginary:.3f}"


def _matrix(scene: Scene, key: str, title: str, values: Any, frame: Any, note: str = "") -> None:
    """From which place (column) how much reaches which (row)."""
    T = len(values)
    panel = scene.panel(
        key, title=title, x=(-1.7, T - 0.4), y=(T - 0.4, -1.7), x_label="place that it looks back at",
        y_label="place that looks", note=note,
    )  # fmt: skip
    far = max(float(np.abs(np.nan_to_num(values)).max()), 1e-6)
    past = np.tril(np.ones_like(values)) > 0
    panel.heatmap(np.where(past, values, 0.0), extent=(0, T - 1, 0, T - 1), low=-far, high=far, palette="diverging",
                  discrete=True, name="Weight")  # fmt: skip
    if len(frame.tokens):
        panel.letters(np.arange(T), -1, frame.labels)
        for place in np.flatnonzero(frame.telling | (frame.wanted >= 0)):
            panel.text(-1.0, float(place), frame.labels[place], centred=True)
