"""GAN: real points, or digits, and fakes, what the discriminator makes of them, and how far it has come."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from ui import charts
from ui.controls import says
from ui.inputs.points import points_input
from ui.link import settings
from ui.page import View, draw_stage, lab_page
from ui.player import Player
from ui.press import once

SLUG = "gan"
NAMES = {"energy": "Energy distance", "mmd": "MMD²", "frechet": "Fréchet distance", "js": "JS divergence (nats)",
         "nearest": "Distance to the nearest training digit"}  # fmt: skip
FOR_DIGITS = {"loss": "non_saturating", "critic_steps": 1, "noise_size": 16, "generator_hidden": (128, 128),
              "discriminator_hidden": (128, 128), "generator_rate": 0.0004, "discriminator_rate": 0.0004, "beta1": 0.5,
              "batch_size": 64}  # fmt: skip


def stage(view: View) -> None:
    """The stage, and in slow motion which part of a round it shows."""
    if view.config.slow_motion:
        st.markdown(_stages(view.frame))
    draw_stage(view)


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
