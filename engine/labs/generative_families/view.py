"""What is drawn of four families: their samples over what each says about the plane, folded noise, and the measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Picture, Text
from engine.contract.view import View
from engine.labs.generative_families import words
from engine.labs.generative_families.config import EXTENT, TITLES
from engine.labs.generative_families.words import SHORT
from engine.labs.generative_families.words import facts as facts
from engine.labs.generative_families.words import say as say
from engine.measures.clipped import clipped
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.planes import planes
from engine.scene.scene import Scene
from engine.scene.text import Cell, Span, text

X, Y = EXTENT[:2], EXTENT[2:]
COLOURS = {"vae": "class_2", "gan": "class_0", "flow": "class_4", "diffusion": "class_1"}
FOLDED = {"vae": "Codes, decoded", "gan": "Noise, folded", "flow": "Noise, bent", "diffusion": "From noise to samples"}
LEAST = 10**-2.5  # an energy distance below is drawn here
LOWEST = -3.0  # nats: a log likelihood below is drawn here, and a map below is of one colour
GOALS = {
    "vae": "makes a lower bound of log p(x) large: rebuild a point from its code, and pay for the code",
    "gan": "plays a game: fool a discriminator that learns to tell; nothing is measured",
    "flow": "makes log p(x) itself large: exact, since every step can be undone",
    "diffusion": "makes the squared error in guessing the added noise small",
}
DIRECTION = "makes the squared error in guessing the direction of the noise small"  # diffusion by flow matching
HEIGHT, OWN, GAP = 270, 230, 12  # pixels of a row of curves, of one of the families' own losses, and between two rows


def stage(view: View) -> Scene:
    """Samples of each family, a table of what each pays, how noise becomes samples, and a dot for every seed."""
    frame = view.frame
    count = len(frame.samples)
    many = count > 1 or (view.config.seeds > 1 and not view.beside)  # else the table and the curves have it
    scene = Scene(height=(1500 if count > 2 else 1200) if many else 900)
    _samples(scene, view)
    _table(scene, view)
    scene.row(0.6)
    _, folded = planes(scene, "folded", title="How noise becomes samples", x=X, y=Y,
                       parts=[(FOLDED[name], ()) for name in frame.samples])  # fmt: skip
    for panel, name in zip(folded, frame.samples, strict=True):
        panel.lines(frame.lines[name], colour=COLOURS[name], width=0.9)
    if many:
        _measures(scene, frame)
    return scene


def curves(view: View) -> Scene:
    """Every measure of all families against the updates, two beside each other."""
    names = [name for name in view.frame.samples if f"{name}_energy" in view.curves]
    if not names:
        return Scene()
    frame, history = view.frame, dict(view.curves)
    steps = np.asarray(history[f"{names[0]}_energy"][0])[[0, -1]]
    history |= {
        name: (steps, np.full(2, level)) for name, level in (("floor", frame.floor), ("ceiling", frame.ceiling))
    }
    known = {"ceiling": ("the true density", "neutral")} if np.isfinite(frame.ceiling) else {}
    panels: dict[str, dict[str, Any]] = {
        "energy": {"title": "Energy distance to the real points", "y_title": "energy distance", "log_y": True,
                   "floor": 1e-5},
        "modes": {"title": "Modes covered", "y_title": f"of {len(frame.centres)}"},
        "strays": {"title": "Strays: samples further than 3 σ from every mode", "y_title": "share"},
        "log_likelihood": {"title": "Log likelihood of real points that were held out", "y_title": "nats a point"},
        "kl": {"title": "What a code of the autoencoder tells (KL to the prior)", "y_title": "nats a point"},
    }  # fmt: skip
    levels = {"energy": {"floor": ("real to real", "neutral")}, "log_likelihood": known}
    there = {key: [name for name in names if f"{name}_{key}" in history] for key in panels}
    there = {key: found for key, found in there.items() if found}
    rows = (len(there) + 1) // 2
    scene = Scene(height=rows * (HEIGHT + GAP))
    for place, (key, found) in enumerate(there.items()):
        if place % 2 == 0:
            scene.row()
        series = {f"{name}_{key}": (SHORT[name], COLOURS[name]) for name in found} | levels.get(key, {})
        curves_panel(scene, key, history=history, series=series, marker=view.marker, x_title="update", **panels[key])
    return scene


def inside(view: View) -> list[Figure]:
    """Each family's own loss, which no other can be compared with."""
    names = [name for name in view.frame.samples if f"{name}_loss" in view.curves]
    said = Text("The four losses are of different kinds: only the measures above compare the families. The GAN's is "
                "its generator's, and says little about how good the samples are.", tone="note")  # fmt: skip
    if not names:
        return [Text("Press Play: each family's own loss is drawn here, update by update.", tone="hint"), said]
    rows = (len(names) + 1) // 2
    scene = Scene(height=rows * (OWN + GAP))
    for place, name in enumerate(names):
        if place % 2 == 0:
            scene.row()
        curves_panel(scene, name, history=view.curves, series={f"{name}_loss": (TITLES[name], COLOURS[name])},
                     title=f"{TITLES[name]}: its own loss", y_title="loss", x_title="update",
                     marker=view.marker)  # fmt: skip
    return [Picture("losses", scene), said]


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing can be picked here."""


def _table(scene: Scene, view: View) -> None:
    """One row a family: what it learns by, how good it is, and what it costs; beside another run only what must be."""
    frame, flow, narrow = view.frame, view.config.objective == "flow", view.beside
    goals = GOALS | ({"diffusion": DIRECTION} if flow else {})
    many = view.config.seeds > 1
    star = " *" if many else ""
    ceiling = f"{frame.ceiling:.2f}" if np.isfinite(frame.ceiling) else "–"
    outside = _percent(frame.stray) if "strays" in frame.measured else "–"
    likely = "log_likelihood" in frame.measured
    measures = ["modes", "strays", "energy distance", *(["log likelihood"] if likely else [])]
    header: list[Cell] = ["" if narrow else "what it learns by", *(f"{measure}{star}" for measure in measures),
                          "passes a sample"]  # fmt: skip
    real: list[Cell] = [Span("Real points", soft=True), f"{len(frame.centres) or '–'}", outside, f"{frame.floor:.4f}",
                        *([ceiling] if likely else []), ""]  # fmt: skip
    if not narrow:
        header += ["samples a second", "multiplications a sample, an update"]
        real += ["", ""]
    rows: list[list[Cell]] = [header, real]
    for name in frame.samples:
        modes, strays = (words.mean(frame, measure, name) for measure in ("modes", "strays"))
        row: list[Cell] = [
            [Span(TITLES[name], bold=True), "" if narrow else f" {goals[name]}"],
            f"{modes:.2g}" if "modes" in frame.measured else "–",
            _percent(strays) if "strays" in frame.measured else "–",
            f"{words.mean(frame, 'energy', name):.4f}",
            *([_likelihood(frame, name)] if likely else []), f"{frame.passes[name]}",
        ]  # fmt: skip
        if not narrow:
            speed = f"{float(f'{frame.speed[name]:.2g}'):,.0f}" if frame.speed[name] else "–"
            row += [speed, f"{frame.sample_work[name]:,.0f}, {frame.update_work[name] / 1e6:.1f} million"]
        rows.append(row)
    text(scene, "table", rows, title="Who pays what", table=True, header=True)
    text(scene, "explained", [_explain(view, many=many, flow=flow)], title="What the words mean")


def _likelihood(frame: Any, name: str) -> str:
    if name not in frame.measured["log_likelihood"]:
        return "none" if name == "gan" else "–"
    return f"{words.mean(frame, 'log_likelihood', name):.2f}" + (" or more" if name == "vae" else "")


def _explain(view: View, *, many: bool, flow: bool) -> list[str | Span]:
    """What the table's words mean, and what of it is due to a bound."""
    frame = view.frame
    said: list[str | Span] = ["* Means over the seeds. "] if many else []
    said.append("Grey: real points; in colour: samples, always from the same noise. ")
    if "strays" in frame.measured:
        said.append("Strays are samples further than 3 σ from every mode. ")
    if "vae" in frame.samples:
        code = f"A code of the autoencoder tells {words.mean(frame, 'kl', 'vae'):.2f} nats; "
        said += [Span(code, bold=len(frame.samples) == 1), f"the blur that it adds has σ = {frame.blur:.2f}. "]
    if "diffusion" in frame.samples:
        if view.config.data == "ring":
            away = f"Diffusion's samples are {words.away(frame):.2f} from the centre on average, the modes 0.80. "
            said.append(Span(away, bold=len(frame.samples) == 1))
        said.append("Diffusion's likelihood is not computed here. ")
        if not flow and (why := clipped(frame.samples["diffusion"], limit=frame.clip, alpha=frame.alpha)):
            said.append(Span(f"Diffusion: {why} ", bold=True))
    return said if view.beside else [*said, "Equal updates are not equal work: see the last column."]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def _samples(scene: Scene, view: View) -> None:
    """A plane for each family, with how good its samples are and what one of them costs."""
    frame = view.frame
    told = {name: _facts(frame, name) for name in frame.samples}
    if list(told) == ["diffusion"] and view.config.data == "ring":
        told["diffusion"].append(("from the centre (modes: 0.80)", f"{words.away(frame):.2f}"))
    _, parts = planes(scene, "samples", title=_headline(frame), x=X, y=Y,
                      parts=[(TITLES[name], facts) for name, facts in told.items()])  # fmt: skip
    for panel, name in zip(parts, frame.samples, strict=True):
        _of_family(panel, frame, name)


def _headline(frame: Any) -> str:
    if len(frame.samples) == 1:
        [name] = frame.samples
        return f"{TITLES[name]}: real points and its samples"
    return f"{len(frame.samples)} networks learn to make points like the real ones"


def _facts(frame: Any, name: str) -> list[tuple[str, str]]:
    """What stands beside the plane of a family."""
    found = []
    if "modes" in frame.measured:
        found.append(("modes (clumps)", f"{words.mean(frame, 'modes', name):.2g} of {len(frame.centres)}"))
    if "strays" in frame.measured:
        found.append(("strays (off them)", _percent(words.mean(frame, "strays", name))))
    found.append(("distance to real", f"{words.mean(frame, 'energy', name):.4f}"))
    found.append(("network passes", f"{frame.passes[name]}"))
    if out := int((np.abs(frame.samples[name]) > EXTENT[1]).any(axis=1).sum()):
        found.append(("outside picture", f"{out}"))
    return found


def _of_family(panel: Panel, frame: Any, name: str) -> None:
    if name == "gan":
        low, high = frame.gan_range
        panel.heatmap(frame.maps[name], extent=EXTENT, low=low, high=high, palette="diverging",
                      name="D(x): seems made … real")  # fmt: skip
    elif name in frame.maps:
        panel.heatmap(np.maximum(frame.maps[name], LOWEST), extent=EXTENT, low=LOWEST, high=2.5, palette="sequential",
                      name="log p(x): where it expects points")  # fmt: skip
    panel.points(frame.real, size=1.6, colours=["neutral"], name="Real")
    panel.points(frame.samples[name], size=1.8, colours=[COLOURS[name]], name="Made")


def _measures(scene: Scene, frame: Any) -> None:
    """A dot for every seed of every family; of more than two families two charts a row, or their names would touch."""
    names = list(frame.samples)
    share = 0.6 if len(names) > 2 else 0.8
    scene.row(share)
    if "modes" in frame.measured:
        total = len(frame.centres)
        panel = _strip(scene, "modes", "Modes covered", names, (-0.04 * total, 1.08 * total), y_label="modes")
        _dots(panel, frame.measured["modes"], names)
    energy = {name: np.log10(np.clip(of, LEAST, 1)) for name, of in frame.measured["energy"].items()}
    panel = _strip(scene, "energy", "Energy distance", names, (-2.5, 0), y_label="distance", log=True)
    _level(panel, np.log10(max(frame.floor, LEAST)), names, "real to real")
    _dots(panel, energy, names)
    if len(names) > 2 and "strays" in frame.measured:
        scene.row(share)
    if "strays" in frame.measured:
        panel = _strip(scene, "strays", "Strays", names, (-0.04, 1.04), y_label="share")
        _dots(panel, frame.measured["strays"], names)
    if "log_likelihood" not in frame.measured:
        return
    top = frame.ceiling if np.isfinite(frame.ceiling) else 1.5
    panel = _strip(scene, "likelihood", "Log likelihood", names, (LOWEST, top + 0.3), y_label="nats")
    if np.isfinite(frame.ceiling):
        _level(panel, frame.ceiling, names, "true density")
    told = frame.measured["log_likelihood"]
    _dots(panel, {name: np.maximum(of, LOWEST) for name, of in told.items()}, names)
    for place, name in enumerate(names):
        if name not in told:
            panel.text(place - 0.4, LOWEST + 0.5, "none" if name == "gan" else "–", mark=False)


def _strip(
    scene: Scene, key: str, title: str, names: list[str], y: tuple[float, float], *, y_label: str, log: bool = False
) -> Panel:
    return scene.panel(key, title=title, x=(-0.5, len(names) - 0.5), y=y, x_names=[SHORT[name] for name in names],
                       y_label=y_label, y_log=log, equal=False, aspect=0.5)  # fmt: skip


def _level(panel: Panel, at: float, names: list[str], name: str) -> None:
    panel.lines([np.array([[-0.5, at], [len(names) - 0.5, at]])], colour="neutral", width=2, name=name)


def _dots(panel: Panel, measured: dict[str, Any], names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in measured:
            values = np.asarray(measured[name])
            side = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else np.zeros(1)
            panel.points(np.column_stack([place + side, values]), size=4.5, colours=[COLOURS[name]])
