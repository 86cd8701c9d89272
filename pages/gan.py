"""GAN: real points, or digits, and fakes, what the discriminator makes of them, and how far it has come."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.labs.gan.frame import EXTENT
from engine.scene.scene import Scene
from ui import charts
from ui.controls import says
from ui.forged_digits import digits
from ui.inputs.points import points_input
from ui.link import settings
from ui.page import View, lab_page
from ui.player import Player
from ui.press import once
from ui.scene import show

SLUG = "gan"
X, Y = EXTENT[:2], EXTENT[2:]
PUSHED = 0.35  # length of the longest arrow, in units of the plane
NAMES = {"energy": "Energy distance", "mmd": "MMD²", "frechet": "Fréchet distance", "js": "JS divergence (nats)",
         "nearest": "Distance to the nearest training digit"}  # fmt: skip
FOR_DIGITS = {"loss": "non_saturating", "critic_steps": 1, "noise_size": 16, "generator_hidden": (128, 128),
              "discriminator_hidden": (128, 128), "generator_rate": 0.0004, "discriminator_rate": 0.0004, "beta1": 0.5,
              "batch_size": 64}  # fmt: skip


def stage(view: View) -> None:
    """Both sides' points on the plane, beside them the folded noise or the players' circle; or sheets of digits."""
    frame, dirac = view.frame, view.config.data == "dirac"
    if view.config.slow_motion:
        st.markdown(_stages(frame))
    if view.config.data == "digits":
        scene = Scene(height=900)
        digits(scene, frame, choose=len(frame.seed_maps) > 1)
    else:
        scene = Scene(height=540)
        _plane(scene, frame, dirac=dirac)
        if dirac:
            _circle(scene, frame)
        elif len(frame.seed_maps) > 1:
            _pairs(scene, frame)
        else:
            _folded(scene, frame)
    pick = show(scene, key=view.key)
    if pick and pick["panel"] == "seeds":
        view.player.turn(shown=pick["index"])
        st.rerun(scope="app")


def _stages(frame: Any) -> str:
    """The stages of a round in order; the one that was done last is lit."""
    lit = frame.stages[frame.stage] if frame.stage >= 0 else ""
    said = []
    for title in dict.fromkeys(frame.stages):
        times = frame.stages.count(title)
        at = frame.stages[: frame.stage + 1].count(title) if title == lit else 0
        often = f" ({at} of {times})" if at and times > 1 else f" (×{times})" if times > 1 else ""
        said.append(f":orange-background[**{title}{often}**]" if title == lit else f":gray[{title}{often}]")
    hint = "" if lit else "&emsp;Press Step, or Play: one stage at a time."
    return " → ".join(said) + hint


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


def curves(view: View) -> None:
    """Every measure with its floor, and the losses of both sides."""
    if not view.curves:
        st.info("Press Play: how far the fakes are from the real points is drawn here.", icon=":material/show_chart:")
        return
    common = {"ghost": view.ghosts, "marker": view.marker, "height": 250}
    if view.config.data == "dirac":
        charts.curves(view.curves, series={"distance": ("distance", "gradient")}, key=f"{view.key}.distance",
                      title="How far both are from the equilibrium", y_title="√(θ² + ψ²)", **common)  # fmt: skip
        return
    many = "energy_low" in view.curves
    spread = ", mean and range over the seeds" if many else ""
    left, right = st.columns(2)
    with left:
        if "modes" in view.curves:
            what = "Classes" if view.config.data == "digits" else "Modes"
            charts.curves(view.curves, series={"modes": ("covered", "train")}, title=f"{what} covered{spread}",
                          y_title=f"of {view.frame.modes_total}", key=f"{view.key}.modes",
                          band=("modes_low", "modes_high") if many else None, **common)  # fmt: skip
        _measure(view, "js", many, common)
        _measure(view, "mmd", many, common)
    with right:
        _measure(view, "energy", many, common)
        _measure(view, "nearest", many, common)
        _measure(view, "frechet", many, common)
        charts.curves(view.curves, series={"discriminator_loss": ("discriminator", "class_1"),
                                           "generator_loss": ("generator", "class_0")},
                      title="Losses: neither says how good the fakes are", y_title="loss", key=f"{view.key}.losses",
                      **common)  # fmt: skip
    charts.curves(view.curves, series={"gradient": ("push", "gradient")}, title="How strongly the fakes are pushed",
                  y_title="mean |gradient|", key=f"{view.key}.push", log_y=True, floor=1e-12, **common)  # fmt: skip


def _measure(view: View, name: str, many: bool, common: dict[str, Any]) -> None:
    """One measure, and the dotted level that two halves of the real points have."""
    if name not in view.curves:
        return
    steps = np.asarray(view.curves[name][0])[[0, -1]]
    history = {**view.curves, "floor": (steps, np.full(2, view.frame.floors[name]))}
    charts.curves(history, series={name: ("fake to real", "train"), "floor": ("real to real", "neutral")},
                  title=NAMES[name], y_title=NAMES[name].split(" to ")[0].lower() if name in ("energy", "nearest")
                  else NAMES[name],
                  key=f"{view.key}.{name}", log_y=name not in ("js", "nearest"), floor=1e-6,
                  band=(f"{name}_low", f"{name}_high") if many and name == "js" else None, **common)  # fmt: skip


def inside(view: View) -> None:
    """What the discriminator answers to both sides, and every measure as a number."""
    frame = view.frame
    st.markdown("\n".join([
        "| measure | fake to real | real to real (floor) |", "|:--|--:|--:|",
        *(f"| {title} | {frame.measures[name]:.4f} | {frame.floors[name]:.4f} |" for name, title in NAMES.items()
          if name in frame.floors),
    ]))  # fmt: skip
    st.caption("The floor is what two halves of the real points score: no generator need be closer than that."
               + (" A class is covered if 2 in 100 fakes or more look most like a digit of it." if len(frame.classes)
                  else ""))  # fmt: skip
    verdicts = frame.verdicts
    low, high = float(verdicts.min()), float(verdicts.max())
    edges = np.linspace(low - 1e-3, max(high, low + 1e-2) + 1e-3, 33)
    counts = {name: np.histogram(row, edges)[0] for name, row in zip(("real", "fake"), verdicts, strict=True)}
    charts.histograms(edges, counts, title="What the discriminator answers", key=f"{view.key}.verdicts",
                      x_title="D(x) before any sigmoid; further right is more real")  # fmt: skip


def extra(player: Player) -> None:
    """What some data need: a pad, or larger networks.  And slow motion brings its own pace when it is switched."""
    slow = bool(st.session_state.get(f"{SLUG}.slow_motion", player.wanted.slow_motion))
    if slow != st.session_state.get(f"{SLUG}.slowed", False):
        st.session_state[f"{SLUG}.slowed"] = slow
        player.set_speed("1 step/s" if slow else "full speed")
    points_input(player)
    config: Any = settings(SLUG, type(player.wanted)).config
    wanting = any(getattr(config, name) != value for name, value in FOR_DIGITS.items())
    in_lesson = settings(SLUG, type(player.wanted)).lesson
    if says(SLUG, type(player.wanted), "data") == "digits" and wanting and not in_lesson:
        st.caption("64 pixels want more noise and wider networks than points of the plane.")
        st.button("Settings that suit digits", icon=":material/tune:", key=f"{SLUG}.suit", on_click=once(_suit),
                  args=(player,))  # fmt: skip


def _suit(player: Player) -> None:
    player.turn(**FOR_DIGITS)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
