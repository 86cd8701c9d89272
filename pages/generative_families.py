"""Generative families: four ways to learn the same points, at the same time, judged by the same measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.labs.generative_families.families import FAR
from engine.labs.generative_families.frame import EXTENT, TITLES
from engine.scene.scene import Scene
from ui import charts
from ui.clipped import clipped
from ui.inputs.points import points_input
from ui.page import View, lab_page, seldom
from ui.player import Player
from ui.scene import show

SLUG = "generative_families"
X, Y = EXTENT[:2], EXTENT[2:]
COLOURS = {"vae": "class_2", "gan": "class_0", "flow": "class_4", "diffusion": "class_1"}
SHORT = {"vae": "VAE", "gan": "GAN", "flow": "Flow", "diffusion": "Diffusion"}
GOALS = {
    "vae": "makes a lower bound of log p(x) large: rebuild a point from its code, and pay for the code",
    "gan": "plays a game: fool a discriminator that learns to tell; nothing is measured",
    "flow": "makes log p(x) itself large: exact, since every step can be undone",
    "diffusion": "makes the squared error in guessing the added noise small",
}
DIRECTION = "makes the squared error in guessing the direction of the noise small"  # diffusion by flow matching
FOLDED = {"vae": "Decoded", "gan": "Folded", "flow": "Bent", "diffusion": "Paths"}
LEAST = 10**-2.5  # an energy distance below is drawn here
LOWEST = -3.0  # nats: a log likelihood below is drawn here, and a map below is of one colour


def stage(view: View) -> None:
    """Samples of each family, how noise becomes these, the measures of all, and a table that says what each pays."""
    frame = view.frame
    count = len(frame.samples)
    scene = Scene(height=1060 if count > 2 else 760)
    for place, name in enumerate(frame.samples):
        if place == 2:  # two and two: four beside each other are too small for a hall
            scene.row()
        _samples(scene, frame, name)
    if count > 1:
        scene.row(0.65)
    for name in frame.samples:
        panel = scene.panel(f"{name}.folded", title=FOLDED[name], x=X, y=Y)
        panel.lines(frame.lines[name], colour=COLOURS[name], width=0.9)
    scene.row(0.6)
    _measures(scene, frame)
    show(scene, key=view.key)
    st.markdown(seldom(view, "table", lambda: _table(view, brief=bool(view.player.compared))))


def _samples(scene: Scene, frame: Any, name: str) -> None:
    out = int((np.abs(frame.samples[name]) > EXTENT[1]).any(axis=1).sum())
    panel = scene.panel(name, title=TITLES[name] + (f": {out} outside" if out else ""), x=X, y=Y)
    if name == "gan":
        low, high = frame.gan_range
        panel.heatmap(frame.maps[name], extent=EXTENT, low=low, high=high, palette="diverging", name="D(x)")
    elif name in frame.maps:
        panel.heatmap(np.maximum(frame.maps[name], LOWEST), extent=EXTENT, low=LOWEST, high=2.5, palette="sequential",
                      name="log p(x)")  # fmt: skip
    panel.points(frame.real, size=1.6, colours=["neutral"], name="Real")
    panel.points(frame.samples[name], size=1.8, colours=[COLOURS[name]], name="Made")


def _measures(scene: Scene, frame: Any) -> None:
    """A dot for every seed of every family."""
    names = list(frame.samples)
    if "modes" in frame.measured:
        total = len(frame.centres)
        panel = _strip(scene, "modes", "Modes", names, (0, total * 1.08))
        _dots(panel, frame.measured["modes"], names)
    energy = {name: np.log10(np.clip(of, LEAST, 1)) for name, of in frame.measured["energy"].items()}
    panel = _strip(scene, "energy", "Energy", names, (-2.5, 0), log=True)
    _level(panel, np.log10(max(frame.floor, LEAST)), names, "real to real")
    _dots(panel, energy, names)
    if "strays" in frame.measured:
        panel = _strip(scene, "strays", "Strays", names, (0, 1))
        _dots(panel, frame.measured["strays"], names)
    top = frame.ceiling if np.isfinite(frame.ceiling) else 1.5
    panel = _strip(scene, "likelihood", "Likelihood", names, (LOWEST, top + 0.3))
    if np.isfinite(frame.ceiling):
        _level(panel, frame.ceiling, names, "true density")
    told = frame.measured.get("log_likelihood", {})
    _dots(panel, {name: np.maximum(of, LOWEST) for name, of in told.items()}, names)
    for place, name in enumerate(names):
        if name not in told:
            panel.text(place - 0.4, LOWEST + 0.5, "none" if name == "gan" else "–", mark=False)


def _strip(scene: Scene, key: str, title: str, names: list[str], y: tuple[float, float], *, log: bool = False) -> Any:
    return scene.panel(key, title=title, x=(-0.5, len(names) - 0.5), y=y, x_names=[SHORT[name][:4] for name in names],
                       y_log=log, equal=False, aspect=0.5)  # fmt: skip


def _level(panel: Any, at: float, names: list[str], name: str) -> None:
    panel.lines([np.array([[-0.5, at], [len(names) - 0.5, at]])], colour="neutral", width=2, name=name)


def _dots(panel: Any, measured: dict[str, Any], names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in measured:
            values = np.asarray(measured[name])
            side = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else np.zeros(1)
            panel.points(np.column_stack([place + side, values]), size=4.5, colours=[COLOURS[name]])


def _table(view: View, *, brief: bool) -> str:
    """One row a family: what it optimises, unless `brief`, how good it is, and what it costs."""
    frame, flow = view.frame, view.config.objective == "flow"
    goals = GOALS | ({"diffusion": DIRECTION} if flow else {})
    many = len(next(iter(frame.measured["energy"].values()))) > 1
    star = " *" if many else ""
    ceiling = f"{frame.ceiling:.2f}" if np.isfinite(frame.ceiling) else "–"
    rows = [
        f"| {'' if brief else 'what it learns by'} | modes{star} | energy distance{star} | log likelihood{star} "
        "| samples a second | passes a sample | multiplications a sample, an update |",
        "|:--|--:|--:|--:|--:|--:|--:|",
        f"| *Real points* | {len(frame.centres) or '–'} | {frame.floor:.4f} | {ceiling} | | | |",
    ]
    for name in frame.samples:
        told = frame.measured.get("log_likelihood", {})
        likelihood = f"{np.mean(told[name]):.2f}" if name in told else "none" if name == "gan" else "–"
        likelihood += " or more" if name == "vae" else ""
        modes = f"{np.mean(frame.measured['modes'][name]):.3g}" if "modes" in frame.measured else "–"
        speed = f"{float(f'{frame.speed[name]:.2g}'):,.0f}" if frame.speed[name] else "–"
        rows.append(
            f"| **{TITLES[name]}** {'' if brief else goals[name]} | {modes} | "
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
