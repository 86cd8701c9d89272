"""What is drawn of a GAN: both sides' points on the plane, beside them the folded noise, the players' circle or a small
map of every pair; of digits a sheet of fakes and one of real ones, what they resemble, and what would improve them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contract.figure import Figure, Table, Text
from engine.contract.view import Turn, View
from engine.figures.histograms import histograms
from engine.labs.gan.config import EXTENT
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene
from engine.scene.text import Span, text

X, Y = EXTENT[:2], EXTENT[2:]
PUSHED = 0.35  # length of the longest arrow, in units of the plane
SAID = "What the discriminator says: orange fake, blue real"
FAIR = 0.1  # share of each of ten classes
NAMES = {"energy": "Energy distance", "mmd": "MMD²", "frechet": "Fréchet distance", "js": "JS divergence (nats)",
         "nearest": "Distance to the nearest training digit"}  # fmt: skip
HEIGHT, GAP = 250, 12  # pixels of a row of curves, and between two rows


def stage(view: View) -> Scene:
    """Both sides' points on the plane, beside them the folded noise or the players' circle; or sheets of digits.

    In slow motion the line above says which part of a round is shown.
    """
    frame, dirac, digits = view.frame, view.config.data == "dirac", view.config.data == "digits"
    scene = Scene(height=900 if digits else 540)
    if view.config.slow_motion:
        text(scene, "round", [_stages(frame)], hold=0)  # it goes with the picture
    if digits:
        _digits(scene, frame, choose=len(frame.seed_maps) > 1)
        return scene
    _plane(scene, frame, dirac=dirac)
    if dirac:
        _circle(scene, frame)
    elif len(frame.seed_maps) > 1:
        _pairs(scene, frame)
    else:
        _folded(scene, frame)
    return scene


def curves(view: View) -> Scene:
    """Every measure with its floor, and the losses of both sides, two beside each other."""
    panels = _dirac_panel() if view.config.data == "dirac" else _panels(view)
    there = {key: how for key, how in panels.items() if any(metric in view.curves for metric in how["series"])}
    rows = (len(there) + 1) // 2
    scene = Scene(height=rows * (HEIGHT + GAP))
    history = dict(view.curves)
    for place, (key, how) in enumerate(there.items()):
        if place % 2 == 0:
            scene.row()
        if key in view.frame.floors:
            steps = np.asarray(view.curves[key][0])[[0, -1]]
            history["floor"] = steps, np.full(2, view.frame.floors[key])
            how["series"] |= {"floor": ("real to real", "neutral")}
        curves_panel(scene, key, history=history, marker=view.marker, **how)
    return scene


def _dirac_panel() -> dict[str, dict[str, Any]]:
    return {"distance": {"series": {"distance": ("distance", "gradient")}, "y_title": "√(θ² + ψ²)",
                         "title": "How far both are from the equilibrium"}}  # fmt: skip


def _panels(view: View) -> dict[str, dict[str, Any]]:
    """How each panel of curves is drawn, if its metrics are there."""
    many = "energy_low" in view.curves
    what = "Classes" if view.config.data == "digits" else "Modes"
    modes = {"series": {"modes": ("covered", "train")}, "bands": {"modes": ("modes_low", "modes_high")},
             "title": f"{what} covered{', mean and range over the seeds' if many else ''}",
             "y_title": f"of {view.frame.modes_total}"}  # fmt: skip
    losses = {"series": {"discriminator_loss": ("discriminator", "class_1"),
                         "generator_loss": ("generator", "class_0")},
              "title": "Losses: neither says how good the fakes are", "y_title": "loss"}  # fmt: skip
    push = {"series": {"gradient": ("push", "gradient")}, "title": "How strongly the fakes are pushed",
            "y_title": "mean |gradient|", "log_y": True, "floor": 1e-12}  # fmt: skip
    measures = {name: _measure(name) for name in ("energy", "js", "nearest", "mmd", "frechet")}
    return {"modes": modes, **measures, "losses": losses, "push": push}


def _measure(name: str) -> dict[str, Any]:
    """One measure of how far the fakes are from the real points."""
    short = NAMES[name].split(" to ")[0].lower() if name in ("energy", "nearest") else NAMES[name]
    return {"series": {name: ("fake to real", "train")}, "title": NAMES[name], "y_title": short,
            "log_y": name not in ("js", "nearest"), "floor": 1e-6,
            "bands": {"js": ("js_low", "js_high")} if name == "js" else {}}  # fmt: skip


def inside(view: View) -> list[Figure]:
    """What the discriminator answers to both sides, and every measure as a number."""
    frame = view.frame
    rows = [(title, f"{frame.measures[name]:.4f}", f"{frame.floors[name]:.4f}") for name, title in NAMES.items()
            if name in frame.floors]  # fmt: skip
    said = "The floor is what two halves of the real points score: no generator need be closer than that."
    if len(frame.classes):
        said += " A class is covered if 2 in 100 fakes or more look most like a digit of it."
    verdicts = frame.verdicts
    low, high = float(verdicts.min()), float(verdicts.max())
    edges = np.linspace(low - 1e-3, max(high, low + 1e-2) + 1e-3, 33)
    counts = {name: np.histogram(row, edges)[0] for name, row in zip(("real", "fake"), verdicts, strict=True)}
    answers = histograms(edges, counts, key="verdicts", title="What the discriminator answers",
                         x_title="D(x) before any sigmoid: right is real")  # fmt: skip
    return [Table(("measure", "fake to real", "real to real (floor)"), rows), Text(said, tone="note"), answers]


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on the small map of a pair shows that pair."""
    return Turn({"shown": pick["index"]}) if pick["panel"] == "seeds" else None


def _stages(frame: Any) -> list[str | Span]:
    """The stages of a round in order; the one that was done last is lit."""
    lit = frame.stages[frame.stage] if frame.stage >= 0 else ""
    said: list[str | Span] = []
    for title in dict.fromkeys(frame.stages):
        times = frame.stages.count(title)
        at = frame.stages[: frame.stage + 1].count(title) if title == lit else 0
        often = f" ({at} of {times})" if at and times > 1 else f" (×{times})" if times > 1 else ""
        here = title == lit
        named = Span(title + often, colour="class_0" if here else "", bold=here, lit=here, soft=not here)
        said += [" → ", named] if said else [named]
    return said if lit else [*said, Span("  Press Step, or Play: one stage at a time.")]


def _title(frame: Any) -> str:
    energy = f"energy distance {frame.measures['energy']:.3f}"
    return f"{frame.modes} of {frame.modes_total} modes, {energy}" if frame.modes >= 0 else energy.capitalize()


def _plane(scene: Scene, frame: Any, *, dirac: bool) -> None:
    panel = scene.panel("plane", title="The fake point and the real one at 0" if dirac else _title(frame), x=X, y=Y,
                        x_label="x", y_label="y", weight=2.4)  # fmt: skip
    low, high = frame.surface_range
    name = "D(x): probability of being real" if frame.probability else "D(x): blue is called real, orange fake"
    panel.heatmap(frame.surface, extent=EXTENT, low=low, high=high, palette="diverging",
                  levels=[(low + high) / 2], name=name)  # fmt: skip
    size = 8 if dirac else 3
    panel.points(frame.real[:1] if dirac else frame.real, size=size, colours=["class_1"], name="Real")
    panel.points(frame.fake[:1] if dirac else frame.fake, size=size, colours=["class_0"], name="Fake")
    strength = np.linalg.norm(frame.arrows, axis=1, keepdims=True)
    arrows = PUSHED * frame.arrows / (1 + strength)  # a weak push is in proportion, a strong one stays on the picture
    count = 1 if dirac else len(arrows)
    panel.arrows(frame.arrows_at[:count], arrows[:count], colour="gradient", width=1.6,
                 name="Push on the fakes")  # fmt: skip
    if len(frame.batch_real):
        panel.points(frame.batch_real, size=5, shape="ring", colours=["class_1"], name="This round's real points")
    if len(frame.batch_fake):
        panel.points(frame.batch_fake, size=5, shape="ring", colours=["class_0"], name="This round's fakes")


def _folded(scene: Scene, frame: Any) -> None:
    panel = scene.panel("folded", title="The generator folds its noise", x=X, y=Y, x_label="x", y_label="y",
                        weight=2.2)  # fmt: skip
    panel.lines(frame.lines, colour="class_0", name="Grid of the noise", width=1.1)
    if len(frame.centres):
        panel.points(frame.centres, size=6, shape="cross", colours=["mark"], name="Modes")


def _pairs(scene: Scene, frame: Any) -> None:
    """Where each pair's fakes are: a small map each, and under it how many modes they cover."""
    captions = [f"{m} of {frame.modes_total}" for m in frame.seed_modes] or [
        f"energy {e:.2f}" for e in frame.seed_energies
    ]
    scene.heat_grid("seeds", title="Fakes of every pair: click one to look inside", images=frame.seed_maps[:, ::-1],
                    captions=captions, low=0, high=8, columns=3, chosen=frame.shown, weight=2.2)  # fmt: skip


def _circle(scene: Scene, frame: Any) -> None:
    """The two numbers of the Dirac-GAN against each other."""
    reach = float(np.ceil(2 * max(1.0, np.abs(frame.trail).max(initial=0.0) * 1.05)) / 2)
    panel = scene.panel("circle", title="Both players: do they meet in the middle?", x=(-reach, reach),
                        y=(-reach, reach), x_label="generator θ (where the fake is)",
                        y_label="discriminator ψ (its slope)", weight=2.2)  # fmt: skip
    panel.points(np.zeros((1, 2)), size=7, shape="cross", colours=["mark"], name="Equilibrium")
    if len(frame.trail):
        panel.path(frame.trail, colour="gradient", name="The last rounds")


def _digits(scene: Scene, frame: Any, *, choose: bool) -> None:
    """Sheets of digits.  With `choose`, the small maps of all pairs stand where the real digits would."""
    say = {"frames_name": SAID, "frames_range": frame.surface_range}
    title = f"Fakes: {frame.modes} of {frame.modes_total} classes, energy distance {frame.measures['energy']:.2f}"
    scene.heat_grid("fakes", title=title, images=_pictures(frame.fake), low=-1, high=1, columns=8,
                    frames=frame.said[1], **say)  # fmt: skip
    if choose:
        captions = [f"{m} of {frame.modes_total}" for m in frame.seed_modes]
        scene.heat_grid("seeds", title="Fakes of every pair: click one to look inside",
                        images=frame.seed_maps, captions=captions, low=-1, high=1, chosen=frame.shown,
                        columns=2 if len(captions) < 5 else 3)  # fmt: skip
    elif len(frame.batch_real):
        scene.heat_grid("real", title="This round's real digits", images=_pictures(frame.batch_real[:64]), low=-1,
                        high=1, columns=8)  # fmt: skip
    else:
        scene.heat_grid("real", title="Real digits that nobody trains on", images=_pictures(frame.real), low=-1, high=1,
                        columns=8, frames=frame.said[0], **say)  # fmt: skip
    scene.row(0.34)
    count = len(frame.nearest)
    pairs = np.concatenate([frame.fake[:count], frame.nearest])
    scene.heat_grid("nearest", title="First row; below, the nearest real digits", images=_pictures(pairs),
                    low=-1, high=1, columns=count)  # fmt: skip
    _classes(scene, frame)
    scene.row(0.24)
    reach = max(1e-6, float(np.abs(np.nan_to_num(frame.arrows)).max()))
    scene.heat_grid("pushed", title="Its push: blue brighter, orange darker",
                    images=_pictures(frame.arrows), low=-reach, high=reach, palette="diverging",
                    columns=count)  # fmt: skip
    scene.heat_grid("walk", title="From the first one's noise to the second's",
                    images=_pictures(frame.lines[0]), low=-1, high=1, columns=frame.lines.shape[1])  # fmt: skip


def _classes(scene: Scene, frame: Any) -> None:
    """Which digits the fakes look like: a generator that has collapsed draws few of them."""
    top = max(0.25, 1.1 * float(frame.classes.max()))
    panel = scene.panel("classes", title="Which digits the fakes look like", x=(-0.6, 9.6), y=(0, top),
                        x_names=[str(k) for k in range(10)], y_label="share", equal=False, aspect=0.4)  # fmt: skip
    panel.lines([np.array([[k, 0.0], [k, float(share)]]) for k, share in enumerate(frame.classes)], colour="class_0",
                width=16, name="Fakes")  # fmt: skip
    panel.lines([np.array([[-0.6, FAIR], [9.6, FAIR]])], colour="class_1", width=2, name="Real digits")


def _pictures(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.reshape(-1, 8, 8)
