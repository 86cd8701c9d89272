"""What is carried: the state from place to place, one step of it, the scan that computes it, and a curve kept in it."""

from __future__ import annotations

import numpy as np

from engine.contract.view import View
from engine.scene.scene import Scene
from engine.scene.text import Span, text

NUMBERS = 6  # of a state that one step is written out for
DRAWN = 300  # points of a curve on stage


def state(scene: Scene, view: View) -> None:
    """What the first channel of the head shown carries from place to place."""
    frame = view.frame
    h = frame.state  # (T, N)
    T, N = h.shape
    far = max(float(np.abs(np.nan_to_num(h)).max()), 1e-6)
    panel = scene.panel(
        "state", title=f"State: {N} numbers carried (click a place)", x=(-0.6, T - 0.4),
        y=(N - 0.4, -1.8), x_label="place", y_label="number of the state", equal=False, pick="plane", aspect=0.7,
    )  # fmt: skip
    panel.heatmap(h.T, extent=(0, T - 1, 0, N - 1), low=-far, high=far, palette="diverging", discrete=True,
                  name="State h")  # fmt: skip
    if len(frame.tokens):
        panel.letters(np.arange(T), -1, frame.labels)
    if frame.step is not None:
        x = frame.step.place
        panel.path([[x - 0.5, -0.5], [x + 0.5, -0.5], [x + 0.5, N - 0.5], [x - 0.5, N - 0.5], [x - 0.5, -0.5]],
                   colour="mark", width=2, head=False, name="written out below")  # fmt: skip


def one_step(scene: Scene, view: View) -> None:
    """One step of that channel in numbers."""
    frame, step = view.frame, view.frame.step
    if step is None:
        return
    label = frame.labels[step.place]
    told = f"Place {step.place + 1}" + (f", {label}" if label else "")
    text(scene, "step_words", [[
        Span(told, bold=True),
        f": Δ = {step.dt:.3f} and the pole {step.pole:.2f} keep Ā = {step.kept:.3f} of the state; "
        f"x = {step.x:.3f} is written with B̄ = {step.factor:.3f} B. y = Σ C h = {float(step.C @ step.after):.3f}.",
    ]])  # fmt: skip
    some = range(min(NUMBERS, len(step.B)))
    rows = [["number", "h before", "Ā h", "B", "B̄ x", "h now", "C", "C h"]]
    rows += [[str(n + 1), *(f"{value:.3f}" for value in (
        step.before[n], step.kept * step.before[n], step.B[n], step.factor * step.B[n] * step.x, step.after[n],
        step.C[n], step.C[n] * step.after[n]))] for n in some]  # fmt: skip
    text(scene, "step_numbers", rows, table=True, header=True)


def tree(scene: Scene, view: View) -> None:
    """The parallel scan of the first number of that state, level by level."""
    levels = view.frame.levels  # (L + 1, T)
    depth, T = levels.shape
    far = max(float(np.abs(np.nan_to_num(levels)).max()), 1e-6)
    panel = scene.panel(
        "tree", title=f"The scan: {T} places in {depth - 1} levels, not {T - 1} steps", x=(-0.6, T - 0.4),
        y=(-0.5, depth - 0.3), equal=False, x_label="place", aspect=0.7,
        y_names=["one step", *(f"last {2**level}" for level in range(1, depth))],
    )  # fmt: skip
    for level in range(1, depth):
        reach = 2 ** (level - 1)
        across = np.array([[[t - reach, level - 1], [t, level]] for t in range(reach, T)], np.float32)
        panel.lines(across, colour="grid", width=1.2)
        panel.lines(np.array([[[t, level - 1], [t, level]] for t in range(T)], np.float32), colour="grid", width=1.2)
    places, heights = np.meshgrid(np.arange(T), np.arange(depth))
    panel.points(np.column_stack([places.ravel(), heights.ravel()]), values=levels.ravel(), low=-far, high=far, size=5,
                 name="First number of the state, over the steps joined so far")  # fmt: skip


def kept_curve(scene: Scene, view: View) -> None:
    """A curve, what a few coefficients give back of it, and the coefficients."""
    memory, N = view.frame.memory, view.config.memory
    title = "Draw a curve: it is remembered in a few numbers"
    if memory is not None:
        title = f"{len(memory.curve):,} samples in {N} numbers: {memory.error:.1%} is lost, {memory.least:.1%} must be"
    panel = scene.panel("curve", title=title, x=(0, 1), y=(-1.15, 1.15), equal=False, draw=True, weight=1.6,
                        x_label="time: draw another", y_label="height", aspect=0.7)  # fmt: skip
    panel.rail("memory", N, low=2, high=64, label="Numbers that remember it")
    if memory is None:
        return
    some = np.linspace(0, len(memory.curve) - 1, DRAWN).round().astype(int)
    x = some / (len(memory.curve) - 1)
    panel.path(np.column_stack([x, memory.curve[some]]), colour="neutral", width=4, head=False, name="the curve")
    panel.path(np.column_stack([x, memory.rebuilt[some]]), colour="positive", width=2, head=False, name="rebuilt")
    far = 1.1 * max(float(np.abs(memory.coefficients).max()), 1e-6)
    bars = scene.panel("coefficients", title="The state: Legendre coefficients", x=(-0.7, N - 0.3), y=(-far, far),
                       equal=False, x_label="degree of the polynomial", y_label="coefficient", aspect=0.6)  # fmt: skip
    heights = np.array([[[n, 0], [n, c]] for n, c in enumerate(memory.coefficients)], np.float32)
    bars.lines(heights, colour="positive", width=max(2.0, 120 / N))
