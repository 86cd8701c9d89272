"""What is drawn of four families: their samples over what each says about the plane, folded noise, and the measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.generative_families.config import EXTENT, TITLES
from engine.scene.panel import Panel
from engine.scene.scene import Scene

X, Y = EXTENT[:2], EXTENT[2:]
COLOURS = {"vae": "class_2", "gan": "class_0", "flow": "class_4", "diffusion": "class_1"}
SHORT = {"vae": "VAE", "gan": "GAN", "flow": "Flow", "diffusion": "Diffusion"}
FOLDED = {"vae": "Decoded", "gan": "Folded", "flow": "Bent", "diffusion": "Paths"}
LEAST = 10**-2.5  # an energy distance below is drawn here
LOWEST = -3.0  # nats: a log likelihood below is drawn here, and a map below is of one colour


def stage(view: View) -> Scene:
    """Samples of each family, how noise becomes these, and the measures of all."""
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
    return scene


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing can be picked here."""


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
        panel = _strip(scene, "modes", "Modes", names, (0, total * 1.08), y_label="modes covered")
        _dots(panel, frame.measured["modes"], names)
    energy = {name: np.log10(np.clip(of, LEAST, 1)) for name, of in frame.measured["energy"].items()}
    panel = _strip(scene, "energy", "Energy", names, (-2.5, 0), y_label="energy distance", log=True)
    _level(panel, np.log10(max(frame.floor, LEAST)), names, "real to real")
    _dots(panel, energy, names)
    if "strays" in frame.measured:
        panel = _strip(scene, "strays", "Strays", names, (0, 1), y_label="share outside")
        _dots(panel, frame.measured["strays"], names)
    top = frame.ceiling if np.isfinite(frame.ceiling) else 1.5
    panel = _strip(scene, "likelihood", "Likelihood", names, (LOWEST, top + 0.3), y_label="nats a point")
    if np.isfinite(frame.ceiling):
        _level(panel, frame.ceiling, names, "true density")
    told = frame.measured.get("log_likelihood", {})
    _dots(panel, {name: np.maximum(of, LOWEST) for name, of in told.items()}, names)
    for place, name in enumerate(names):
        if name not in told:
            panel.text(place - 0.4, LOWEST + 0.5, "none" if name == "gan" else "–", mark=False)


def _strip(
    scene: Scene, key: str, title: str, names: list[str], y: tuple[float, float], *, y_label: str, log: bool = False
) -> Panel:
    return scene.panel(key, title=title, x=(-0.5, len(names) - 0.5), y=y, x_names=[SHORT[name][:4] for name in names],
                       y_label=y_label, y_log=log, equal=False, aspect=0.5)  # fmt: skip


def _level(panel: Panel, at: float, names: list[str], name: str) -> None:
    panel.lines([np.array([[-0.5, at], [len(names) - 0.5, at]])], colour="neutral", width=2, name=name)


def _dots(panel: Panel, measured: dict[str, Any], names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in measured:
            values = np.asarray(measured[name])
            side = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else np.zeros(1)
            panel.points(np.column_stack([place + side, values]), size=4.5, colours=[COLOURS[name]])
