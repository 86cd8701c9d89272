"""Generative families: four ways to learn the same points, at the same time, judged by the same measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.labs.generative_families.families import FAR, STRAY
from ui import charts
from ui.clipped import clipped
from ui.inputs.points import points_input
from ui.page import View, draw_stage, lab_page, seldom, views
from ui.player import Player

SLUG = "generative_families"
drawn = views(SLUG)
COLOURS, SHORT, TITLES = drawn.COLOURS, drawn.SHORT, drawn.TITLES
GOALS = {
    "vae": "makes a lower bound of log p(x) large: rebuild a point from its code, and pay for the code",
    "gan": "plays a game: fool a discriminator that learns to tell; nothing is measured",
    "flow": "makes log p(x) itself large: exact, since every step can be undone",
    "diffusion": "makes the squared error in guessing the added noise small",
}
DIRECTION = "makes the squared error in guessing the direction of the noise small"  # diffusion by flow matching


def stage(view: View) -> None:
    """The stage, and a table that says what each family pays."""
    draw_stage(view)
    st.markdown(seldom(view, "table", lambda: _table(view, brief=bool(view.player.compared))))


def _table(view: View, *, brief: bool) -> str:
    """One row a family: what it optimises, unless `brief`, how good it is, and what it costs."""
    frame, flow = view.frame, view.config.objective == "flow"
    goals = GOALS | ({"diffusion": DIRECTION} if flow else {})
    many = len(next(iter(frame.measured["energy"].values()))) > 1
    star = " *" if many else ""
    ceiling = f"{frame.ceiling:.2f}" if np.isfinite(frame.ceiling) else "–"
    outside = _percent(STRAY) if "strays" in frame.measured else "–"
    rows = [
        f"| {'' if brief else 'what it learns by'} | modes{star} | strays{star} | energy distance{star} "
        f"| log likelihood{star} | samples a second | passes a sample | multiplications a sample, an update |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|",
        f"| *Real points* | {len(frame.centres) or '–'} | {outside} | {frame.floor:.4f} | {ceiling} | | | |",
    ]
    for name in frame.samples:
        told = frame.measured.get("log_likelihood", {})
        likelihood = f"{np.mean(told[name]):.2f}" if name in told else "none" if name == "gan" else "–"
        likelihood += " or more" if name == "vae" else ""
        modes = f"{np.mean(frame.measured['modes'][name]):.3g}" if "modes" in frame.measured else "–"
        strays = _percent(np.mean(frame.measured["strays"][name])) if "strays" in frame.measured else "–"
        speed = f"{float(f'{frame.speed[name]:.2g}'):,.0f}" if frame.speed[name] else "–"
        rows.append(
            f"| **{TITLES[name]}** {'' if brief else goals[name]} | {modes} | {strays} | "
            f"{np.mean(frame.measured['energy'][name]):.4f} | {likelihood} | {speed} | {frame.passes[name]} | "
            f"{frame.sample_work[name]:,.0f}, {frame.update_work[name] / 1e6:.1f} million |"
        )
    said = "\\* Means over the seeds. " if many else ""
    said += "Grey: real points; in colour: samples, always from the same noise. "
    if "strays" in frame.measured:
        said += "Strays are samples further than 3 σ from every mode. "
    if "vae" in frame.samples:
        told = np.mean(frame.measured["kl"]["vae"])
        said += f"A code of the autoencoder tells {told:.2f} nats; the blur that it adds has σ = {frame.blur:.2f}. "
    if "diffusion" in frame.samples:
        said += "Diffusion's likelihood is not computed here. "
        if not flow and (why := clipped(frame.samples["diffusion"], limit=FAR, alpha=frame.alpha)):
            said += f"**Diffusion: {why}** "
    said += "Equal updates are not equal work: see the last column."
    return "\n".join(rows) + f"\n\n:gray[{said}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def curves(view: View) -> None:
    """Every measure of all families against the updates."""
    if not view.curves:
        st.info("Press Play: how good each family is, update by update, is drawn here.", icon=":material/show_chart:")
        return
    common: dict[str, Any] = {"ghost": view.ghosts, "marker": view.marker, "x_title": "update", "height": 270}
    names = [name for name in view.frame.samples if f"{name}_energy" in view.curves]
    history = dict(view.curves)
    steps = np.asarray(history[f"{names[0]}_energy"][0])[[0, -1]]
    levels = {"floor": view.frame.floor, "ceiling": view.frame.ceiling}
    history |= {name: (steps, np.full(2, value)) for name, value in levels.items()}

    def series(measure: str) -> dict[str, tuple[str, str]]:
        return {f"{name}_{measure}": (SHORT[name], COLOURS[name]) for name in names if f"{name}_{measure}" in history}

    left, right = st.columns(2)
    with left:
        charts.curves(history, series=series("energy") | {"floor": ("real to real", "neutral")},
                      title="Energy distance to the real points", y_title="energy distance", log_y=True, floor=1e-5,
                      key=f"{view.key}.energy", **common)  # fmt: skip
        if series("strays"):
            charts.curves(history, series=series("strays"), title="Strays: samples further than 3 σ from every mode",
                          y_title="share", key=f"{view.key}.strays", **common)  # fmt: skip
    with right:
        if series("modes"):
            charts.curves(history, series=series("modes"), title="Modes covered", key=f"{view.key}.modes",
                          y_title=f"of {len(view.frame.centres)}", **common)  # fmt: skip
        if series("log_likelihood"):
            known = {"ceiling": ("the true density", "neutral")} if np.isfinite(view.frame.ceiling) else {}
            charts.curves(history, series=series("log_likelihood") | known, key=f"{view.key}.likelihood",
                          title="Log likelihood of real points that were held out", y_title="nats a point",
                          **common)  # fmt: skip
    if series("kl"):
        charts.curves(history, series=series("kl"), title="What a code of the autoencoder tells (KL to the prior)",
                      y_title="nats a point", key=f"{view.key}.kl", **common)  # fmt: skip


def inside(view: View) -> None:
    """Each family's own loss, which no other can be compared with, and what the measures are."""
    history = view.curves
    names = [name for name in view.frame.samples if f"{name}_loss" in history]
    for column, name in zip(st.columns(2) * 2, names, strict=False):
        with column:
            charts.curves(history, series={f"{name}_loss": (TITLES[name], COLOURS[name])}, x_title="update",
                          title=f"{TITLES[name]}: its own loss", y_title="loss", key=f"{view.key}.{name}.loss",
                          height=230, ghost=view.ghosts, marker=view.marker)  # fmt: skip
    st.caption("The four losses are of different kinds: only the measures above compare the families. The GAN's is its "
               "generator's, and says little about how good the samples are.")  # fmt: skip


def extra(player: Player) -> None:
    """A pad to draw the distribution on."""
    points_input(player)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
