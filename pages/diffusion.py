"""Diffusion: particles, or digits, that find their way out of noise while a network learns the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.scene.scene import Scene
from ui import charts
from ui.clipped import clipped, clipped_pixels, small
from ui.inputs.points import points_input
from ui.page import View, draw_stage, lab_page, seldom, views
from ui.player import Player
from ui.scene import show
from ui.words import counted

SLUG = "diffusion"
drawn = views(SLUG)
CLIPPED, NAMES = drawn.CLIPPED, drawn.NAMES
FEW = 5  # steps, among which the first counts for much


def stage(view: View) -> None:
    """The lab's own stage, and in words what on it is due to a bound."""
    draw_stage(view)
    if said := seldom(view, "notes", lambda: _notes(view)):
        st.caption(said)


def _notes(view: View) -> str:
    """What on stage is due to a bound and not to the network."""
    frame, config = view.frame, view.config
    if config.objective != "noise":
        return ""
    said = []
    if frame.drawn_at:
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
    return "\n\n".join(filter(None, said))


def curves(view: View) -> None:
    """Loss, and how good the samples were whenever some were ready."""
    if not view.curves:
        st.info("Press Play: the loss and the quality of the samples are drawn here.", icon=":material/show_chart:")
        return
    common: dict[str, Any] = {"ghost": view.ghosts, "marker": view.marker, "x_title": "update", "height": 260}
    left, right = st.columns(2)
    with left:
        charts.curves(view.curves, series={"loss": ("loss", "train")}, title="Squared error of what the network says",
                      y_title="mean over a batch", key=f"{view.key}.loss", **common)  # fmt: skip
    history = dict(view.curves)
    if "energy_distance" not in history:
        return
    steps = history["energy_distance"][0]
    history["floor"] = steps, np.full(len(steps), view.frame.floor)
    series = {"energy_distance": ("samples", "positive"), "floor": ("two halves of the real", "neutral")}
    with right:
        charts.curves(history, series=series,
                      title="Energy distance to the real points", y_title="energy distance", log_y=True,
                      key=f"{view.key}.energy", **common)  # fmt: skip
    shares = {"within": ("within 3 σ of a mode", "positive"), "recognised": ("recognised", "positive"),
              "variety": ("variance kept", "negative"),
              "straightness": ("straightness of the paths", "class_2")}  # fmt: skip
    charts.curves(history, series={name: how for name, how in shares.items() if name in history},
                  title="Samples, as shares of one", y_title="share", key=f"{view.key}.shares", **common)  # fmt: skip
    st.caption(_explain(view.frame))


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


def inside(view: View) -> None:
    """Signal and noise through time, and the variety of each class."""
    frame = view.frame
    times = np.linspace(0, 1, len(frame.alpha))
    shown = (frame.alpha > 1e-4) & (frame.sigma > 1e-4)
    ratio = 2 * np.log10(frame.alpha[shown] / frame.sigma[shown])
    scene = Scene(height=360)
    panel = scene.panel("snr", title="Signal to noise (α² / σ²)", x=(0, 1), y=(float(ratio.min()), float(ratio.max())),
                        x_label="time t", y_label="α² / σ²", y_log=True, equal=False)  # fmt: skip
    panel.path(np.column_stack([times[shown], ratio]), colour="train", name="Signal to noise", head=False)
    panel.lines([np.array([[0, 0], [1, 0]])], name="As much noise as data")
    show(scene, key=f"{view.key}.snr")
    if frame.variety.size:
        charts.bars({str(k): float(v) for k, v in enumerate(frame.variety)}, key=f"{view.key}.variety",
                    title="Variance kept by each class", x_title="variance of samples / of real ones")  # fmt: skip
    rows = [
        "| sampler | " + " | ".join(counted(s, "step") for s in (1, 2, 3, 5, 10, 20, 50)) + " |",
        "|:--|" + "--:|" * 7,
    ]
    for method, values, bound in zip(frame.methods, frame.quality, frame.clipped > CLIPPED, strict=True):
        cells = " | ".join(f"{v:.3g}{' *' if b else ''}" if v >= 0 else "–" for v, b in zip(values, bound, strict=True))
        rows.append(f"| {NAMES[view.config.objective][method]} | {cells} |")
    st.markdown("##### Energy distance by sampler and steps\n" + "\n".join(rows))
    said = f"Two halves of the real points are at {frame.floor:.3g}. Heun asks the network twice in each step."
    if (frame.clipped > CLIPPED).any():
        said += (" \\* Nearly every number of these samples is at a bound, where x̂₀ is clipped: this is the distance "
                 "of the bounds, and not of what the network expects.")  # fmt: skip
    st.caption(said)


def extra(player: Player) -> None:
    """A pad to draw the distribution on."""
    points_input(player)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
