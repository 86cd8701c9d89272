"""Variational autoencoder: the latent plane, what it decodes to, the code of one row, and a walk between classes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from engine.data import images
from engine.labs.vae.frame import DEAD
from engine.scene.latent import latent_plane
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.picture import dataset_notice, picture_input
from ui.link import settings
from ui.page import View, lab_page
from ui.player import Player
from ui.press import once
from ui.scene import coming, show

SLUG = "vae"
TURN = np.linspace(0, 2 * np.pi, 61)
CIRCLE = np.column_stack([np.cos(TURN), np.sin(TURN)])


def stage(view: View) -> None:
    """The plane of codes with what it decodes to; one row's code; a walk; and what each dimension tells."""
    pick = coming(view.key)
    if pick:  # answered in the picture that is drawn now: a code that is dragged waits for it
        view.player.turn_at_once(**_turned(view, pick))
        if view.key == f"{SLUG}.stage" and view.player.on_stage and view.player.on_stage.look.frame is not None:
            view = replace(view, look=view.player.on_stage.look)
    frame = view.frame
    tiles = frame.row.size > 0
    scene = Scene(height=880 if tiles else 760)
    scene.row(share=2.1)
    _plane(scene, view)
    if tiles:
        _sheet(scene, view)
    else:
        _data(scene, frame)
    scene.row()
    if tiles:
        _one(scene, view)
    _dimensions(scene, view)
    if tiles:
        scene.row()
        _walk(scene, view)
    if len(frame.by_seed[0]) > 1:
        _seeds(scene, view)
    elif tiles:
        scene.heat_grid("samples", title="Decoded from the prior", images=frame.samples, columns=4,
                        **_colours(view))  # fmt: skip
    if show(scene, key=view.key):
        st.rerun(scope="app")


def _turned(view: View, pick: dict[str, Any]) -> dict[str, Any]:
    """The knobs that what was done on the stage turns."""
    if pick["panel"] == "sheet":
        rows, _, h, w = view.frame.grid.shape
        across, up = pick["x"] // w, rows - 1 - pick["y"] // h
        side = np.linspace(-view.frame.reach, view.frame.reach, rows).round(3)
        return {"z1": float(side[across]), "z2": float(side[up])}
    if pick["panel"] == "seeds":
        return {"shown": int(np.clip(round(pick["x"]), 0, len(view.frame.by_seed[0]) - 1))}
    return {"z1": float(pick["x"]), "z2": float(pick["y"])} if pick["kind"] == "latent" else {}


def _colours(view: View) -> dict[str, Any]:
    """How the numbers of a tile are coloured."""
    pictures = view.config.data in images.DATASETS
    return {"low": view.frame.low, "high": view.frame.high, "palette": "sequential" if pictures else "diverging"}


def _plane(scene: Scene, view: View) -> None:
    frame = view.frame
    line = len(frame.kl) == 1
    steps, shares = view.curves.get("holes", (np.zeros(0), np.zeros(0)))
    torn = f" ({shares[np.searchsorted(steps, view.look.step, side='right') - 1]:.0%} holes)" if len(steps) else ""
    panel = latent_plane(
        scene, "plane", title=f"Latent plane{torn}: drag the red point",
        reach=frame.reach, at=frame.at, sheet=frame.grid, exact=frame.exact, weight=1.55,
        labels=(f"z{frame.axes[0] + 1}", "" if line else f"z{frame.axes[1] + 1}"), **_colours(view),
    )  # fmt: skip
    panel.lines([CIRCLE, 2 * CIRCLE], colour="neutral", width=1.5, name="Prior, 1 and 2 σ")
    panel.points(frame.codes, frame.labels, colours=[f"class_{k}" for k in range(len(frame.classes))],
                 names=frame.classes, size=3.5, name="Codes of test data")  # fmt: skip
    if frame.row.size:
        panel.path(frame.walk, colour="positive", name="Walk")
    if frame.deviation.any():
        cloud = frame.mean + 2 * frame.deviation * CIRCLE
        panel.path(cloud, colour="mark", width=2.5, head=False, name="Code of the one row, 2 σ")
    panel.points(frame.mean[None], colours=["mark"], shape="cross", size=7)
    for k, name in enumerate(frame.classes):
        mine = frame.codes[frame.labels == k]
        if len(mine) and len(name) <= 2:
            panel.text(*map(float, np.median(mine, axis=0)), name, mark=False)


def _sheet(scene: Scene, view: View) -> None:
    """All decoded codes side by side, as one picture with its lowest row at the bottom."""
    rows, columns, h, w = view.frame.grid.shape
    picture = view.frame.grid[::-1].transpose(0, 2, 1, 3).reshape(rows * h, columns * w)
    scene.heat_grid("sheet", title="What it decodes to: click one", images=picture[None], **_colours(view))


def _data(scene: Scene, frame: Any) -> None:
    """Points of the plane, what becomes of them, and the latent plane laid over them."""
    far = float(np.abs(frame.points).max()) * 1.15
    panel = scene.panel("data", title="The data, and the latent plane laid over them", x=(-far, far), y=(-far, far),
                        x_label="x₁", y_label="x₂")  # fmt: skip
    panel.lines(frame.mesh, colour="neutral", width=1, name="Latent plane, decoded")
    panel.points(frame.points, frame.labels, colours=[f"class_{k}" for k in range(len(frame.classes))],
                 names=frame.classes, size=3, name="Test points")  # fmt: skip
    panel.points(frame.found, colours=["mark"], size=2, name="Decoded from their codes")
    panel.points(frame.place, np.array([0, 1]), colours=["mark", "gradient"], names=["the one row", "the red point"],
                 size=8, name="The one row, and the red point")  # fmt: skip


def _one(scene: Scene, view: View) -> None:
    """The row that is looked at, what its code is decoded to, and codes drawn from its cloud."""
    frame = view.frame
    named = "A row of yours" if frame.label < 0 else f"One “{frame.classes[frame.label]}”"
    if frame.deviation.any():
        more, captions = f"{named}, its code, and codes drawn from its cloud", ["drawn"] * len(frame.drawn)
        tiles = np.concatenate([frame.row[None], frame.rebuilt[None], frame.drawn])
    else:
        more, captions, tiles = f"{named}, and its code", [], np.stack([frame.row, frame.rebuilt])
    scene.heat_grid("one", title=more, images=tiles, captions=["it", "decoded", *captions], weight=2,
                    columns=len(tiles), **_colours(view))  # fmt: skip


def _walk(scene: Scene, view: View) -> None:
    frame = view.frame
    start, end = (frame.classes[end] for end in frame.ends)
    scene.heat_grid("walk", title=f"From “{start}” to “{end}”: the walk; below, mixed",
                    images=np.concatenate([frame.walked, frame.mixed]), columns=len(frame.walked), weight=2,
                    **_colours(view))  # fmt: skip


def _dimensions(scene: Scene, view: View) -> None:
    """What each latent dimension tells about the row, or how far its codes are spread."""
    frame = view.frame
    cloudy = view.config.divergence == "kl"
    values = frame.kl if cloudy else frame.scatter
    dead = int((frame.kl < DEAD).sum()) if cloudy else 0
    panel = scene.panel(
        "dimensions", title=f"Dimensions: {dead} dead" if cloudy else "Spread of the codes",
        x=(-0.6, len(values) - 0.4), y=(0, max(0.5, 1.1 * float(np.nan_to_num(values).max()))),
        x_names=[f"z{k + 1}" for k in range(len(values))], y_label="KL in nats" if cloudy else "standard deviation",
        equal=False, aspect=0.5,
    )  # fmt: skip
    bars = [np.array([[k, 0.0], [k, float(value)]]) for k, value in enumerate(values)]
    panel.lines(bars, colour="positive", width=max(4, 60 // len(values)))


def _seeds(scene: Scene, view: View) -> None:
    """Every network of the stack: what its codes tell."""
    frame = view.frame
    cloudy = view.config.divergence == "kl"
    values = frame.by_seed[1 if cloudy else 0]
    low = min(0.0, 1.1 * float(np.nan_to_num(values).min()))
    panel = scene.panel(
        "seeds", title="All networks: click one", x=(-0.6, len(values) - 0.4), pick="plane",
        y=(low, max(0.5, 1.1 * float(np.nan_to_num(values).max()))), x_names=[str(k) for k in range(len(values))],
        x_label="network", y_label="KL in nats" if cloudy else "−log p(x|z)", equal=False, aspect=0.5,
    )  # fmt: skip
    bars = [np.array([[k, 0.0], [k, float(value)]]) for k, value in enumerate(values)]
    panel.lines(bars, colour="neutral", width=8)
    panel.lines(bars[min(view.config.shown, len(bars) - 1)][None], colour="positive", width=8)


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
