"""Variational autoencoder: the latent plane, what it decodes to, the code of one row, and a walk between classes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import streamlit as st

from engine.data import images
from ui import charts
from ui.inputs.picture import dataset_notice, picture_input
from ui.link import settings
from ui.page import View, lab_page, views
from ui.player import Player
from ui.press import once
from ui.scene import coming, show

SLUG = "vae"
drawn = views(SLUG)


def stage(view: View) -> None:
    """A pick is answered in the picture that is drawn now: a code that is dragged waits for it."""
    pick = coming(view.key)
    turn = drawn.answer(_moment(view), pick) if pick else None
    if turn:
        view.player.turn_at_once(**turn.knobs)
        if view.key == f"{SLUG}.stage" and view.player.on_stage and view.player.on_stage.look.frame is not None:
            view = replace(view, look=view.player.on_stage.look)
    if show(drawn.stage(_moment(view)), key=view.key):
        st.rerun(scope="app")


def _moment(view: View) -> Any:
    """What is seen now, as the lab's view takes it."""
    look, beside = view.look, view.player.compared and st.session_state.get(f"{SLUG}.side_by_side", True)
    return drawn.View(look.frame, look.config, view.curves, look.step, look.last_step, bool(beside))


# ---------------------------------------------------------------------- below the stage


def curves(view: View) -> None:
    """The ELBO, its two parts, and what the codes and the samples are good for."""
    if not view.curves:
        st.info("Press Play: the ELBO and its two parts are drawn here, step by step.", icon=":material/show_chart:")
        return
    common = {"ghost": view.ghosts, "marker": view.marker, "height": 280}
    if view.config.divergence == "kl":
        charts.curves(view.curves, series={"test_elbo": ("test", "test")}, title="ELBO of test data",
                      y_title="nats", key=f"{view.key}.elbo", **common)  # fmt: skip
        charts.curves(view.curves, series={"kl": ("training", "train"), "test_kl": ("test", "test")},
                      title="First part: KL of the codes from the prior", y_title="nats", key=f"{view.key}.kl",
                      **common)  # fmt: skip
        charts.curves(view.curves, series={"holes": ("draws from the prior", "gradient")},
                      title="Holes: where there should be codes and are none", y_title="share of the prior",
                      key=f"{view.key}.holes", **common)  # fmt: skip
    else:
        charts.curves(view.curves, series={"mmd": ("training", "train")}, title="MMD of all codes from the prior",
                      y_title="squared MMD", key=f"{view.key}.mmd", **common)  # fmt: skip
    charts.curves(view.curves, series={"reconstruction": ("training", "train"),
                                       "test_reconstruction": ("test", "test")},
                  title="Reconstruction: −log p(x|z)", y_title="nats", key=f"{view.key}.nll", **common)  # fmt: skip
    charts.curves(view.curves, series={"neighbours": ("nearest code has the same class", "positive")},
                  title="How far the codes tell the classes apart", y_title="share of test codes",
                  key=f"{view.key}.neighbours", **common)  # fmt: skip
    charts.curves(view.curves, series={"sample_distance": ("samples from the prior", "gradient")},
                  title="How far samples are from test data", y_title="energy distance", key=f"{view.key}.samples",
                  **common)  # fmt: skip


def inside(view: View) -> None:
    """The numbers behind the cloud of one row, and the ELBO of every network."""
    frame, config = view.frame, view.config
    cloudy = config.divergence == "kl"
    spread = " and ".join(f"{m:.2f} ± {s:.2f}" for m, s in zip(frame.mean, frame.deviation, strict=True))
    rows = [f"| the code of the one row, along the axes shown | {spread} |",
            f"| price of one unit of divergence in this step | {frame.price:g} nats |"]  # fmt: skip
    if config.says == "gaussian":
        rows.append(f"| learned deviation σ of a number around what is decoded | {frame.variance**0.5:.3f} |")
    st.markdown("| | |\n|:--|--:|\n" + "\n".join(rows))
    names = [f"network {k + 1}" for k in range(frame.by_seed.shape[1])]
    nll, divergence = frame.by_seed
    if frame.step and cloudy:
        charts.bars({name: float(v) for name, v in zip(names, divergence, strict=True)},
                    title="KL of test data, for every network", key=f"{view.key}.kls", x_title="nats")  # fmt: skip
    if frame.step:
        st.caption(f"Reconstruction of test data, −log p(x|z): {', '.join(f'{v:.1f}' for v in nll)} nats.")
    else:
        st.info("Press Play: how far each network has come stands here.", icon=":material/analytics:")


# ---------------------------------------------------------------------- beside the stage


def extra(player: Player) -> None:
    """The row that is encoded, and other random codes."""
    config: Any = settings(SLUG, type(player.wanted)).config
    chosen = st.session_state.get(f"{SLUG}.data", config.data)
    if chosen in images.DATASETS:
        dataset_notice(player)
        if config.data in images.DATASETS:
            picture_input(player)
    with st.container(horizontal=True, gap="small"):
        if config.data not in images.DATASETS:
            st.button("Another row", icon=":material/shuffle:", key=f"{SLUG}.other", on_click=once(_other),
                      args=(player,))  # fmt: skip
        st.button("Draw other codes", icon=":material/casino:", key=f"{SLUG}.resample", on_click=once(_redraw),
                  args=(player, config.draw))  # fmt: skip


def _other(player: Player) -> None:
    player.turn(example=random.randrange(500))


def _redraw(player: Player, before: int) -> None:
    player.turn(draw=(before + 1) % 10_000)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
