"""What is drawn of an autoencoder: the latent plane, what that decodes to, one row's code, a walk, the dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Table, Text
from engine.contract.view import Turn, View
from engine.data import images
from engine.figures.bars import bars
from engine.labs.vae import words
from engine.labs.vae.config import DEAD
from engine.scene.curves import curves as curves_panel
from engine.scene.latent import latent_plane
from engine.scene.scene import Scene
from engine.scene.text import Cell, Span, text

TURN = np.linspace(0, 2 * np.pi, 61)
CIRCLE = np.column_stack([np.cos(TURN), np.sin(TURN)])
HEIGHT, GAP = 280, 12  # pixels of a row of curves, and between two rows


def stage(view: View) -> Scene:
    """The plane of codes with what it decodes to; a walk; the scores; what each dimension tells; one row's code."""
    frame = view.frame
    tiles = frame.row.size > 0
    scene = Scene(height=1560 if tiles else 700)
    scene.row(share=2)
    _plane(scene, view)
    if tiles:
        scene.row(share=1.7)
        _sheet(scene, view)
        scene.row(share=1.25)
        _walk(scene, view)
    else:
        _data(scene, frame)
    rows: list[list[Cell]] = [[name, Span(value, bold=True)] for name, value in words.scores(view)]
    text(scene, "scores", rows, title="Scores", table=True)
    _dimensions(scene, view)
    if len(frame.by_seed[0]) > 1:
        _seeds(scene, view)
    elif tiles:
        scene.heat_grid("samples", title="Decoded from the prior", images=frame.samples, columns=len(frame.samples),
                        weight=2, **_colours(view))  # fmt: skip
    if tiles:
        scene.row(share=0.9)
        _one(scene, view)
    return scene


def curves(view: View) -> Scene:
    """The ELBO, its two parts, and what the codes and the samples are good for."""
    there = {key: how for key, how in _panels(view).items() if any(name in view.curves for name in how["series"])}
    scene = Scene(height=len(there) * (HEIGHT + GAP))
    for key, how in there.items():
        scene.row()
        curves_panel(scene, key, history=view.curves, marker=view.marker, **how)
    return scene


def _panels(view: View) -> dict[str, dict[str, Any]]:
    """How each panel of curves is drawn, if its metrics are there."""
    both = ("training", "train"), ("test", "test")
    near: dict[str, dict[str, Any]] = {
        "mmd": {"series": {"mmd": both[0]}, "title": "MMD of all codes from the prior", "y_title": "squared MMD"},
    }
    if view.config.divergence == "kl":
        near = {
            "elbo": {"series": {"test_elbo": both[1]}, "title": "ELBO of test data", "y_title": "nats"},
            "kl": {"series": {"kl": both[0], "test_kl": both[1]}, "title": "First part: KL of the codes from the prior",
                   "y_title": "nats"},
            "holes": {"series": {"holes": ("draws from the prior", "gradient")},
                      "title": "Holes: where there should be codes and are none", "y_title": "share of the prior"},
        }  # fmt: skip
    return near | {
        "reconstruction": {"series": {"reconstruction": both[0], "test_reconstruction": both[1]},
                           "title": "Reconstruction: −log p(x|z)", "y_title": "nats"},
        "neighbours": {"series": {"neighbours": ("nearest code has the same class", "positive")},
                       "title": "How far the codes tell the classes apart", "y_title": "share of test codes"},
        "samples": {"series": {"sample_distance": ("samples from the prior", "gradient")},
                    "title": "How far samples are from test data", "y_title": "energy distance"},
    }  # fmt: skip


def inside(view: View) -> list[Figure]:
    """The numbers behind the cloud of one row, and the ELBO of every network."""
    frame, config = view.frame, view.config
    spread = " and ".join(f"{m:.2f} ± {s:.2f}" for m, s in zip(frame.mean, frame.deviation, strict=True))
    rows = [("the code of the one row, along the axes shown", spread),
            ("price of one unit of divergence in this step", f"{frame.price:g} nats")]  # fmt: skip
    if config.says == "gaussian":
        rows.append(("learned deviation σ of a number around what is decoded", f"{frame.variance**0.5:.3f}"))
    numbers = Table(("number", "now"), rows)
    if not frame.step:
        return [numbers, Text("Press Play: how far each network has come stands here.", tone="hint")]
    nll, divergence = frame.by_seed
    said = Text(f"Reconstruction of test data, −log p(x|z): {', '.join(f'{v:.1f}' for v in nll)} nats.", tone="note")
    if config.divergence != "kl":
        return [numbers, said]
    kls = {f"network {k + 1}": float(v) for k, v in enumerate(divergence)}
    return [numbers, bars(kls, key="kls", title="KL of test data, for every network", x_title="nats"), said]


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A code that is dragged, or chosen from the sheet, is decoded; a click on a network shows that one."""
    frame = view.frame
    if pick["panel"] == "sheet":
        rows, _, h, w = frame.grid.shape
        across, up = pick["x"] // w, rows - 1 - pick["y"] // h
        side = np.linspace(-frame.reach, frame.reach, rows).round(3)
        return Turn({"z1": float(side[across]), "z2": float(side[up])})
    if pick["panel"] == "seeds":
        return Turn({"shown": int(np.clip(round(pick["x"]), 0, len(frame.by_seed[0]) - 1))})
    return Turn({"z1": float(pick["x"]), "z2": float(pick["y"])}) if pick["kind"] == "latent" else None


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view)


def facts(view: View) -> dict[str, float | str]:
    """Numbers that texts may name: the scores, the spread of the codes, and how near the walk is to the data."""
    return words.facts(view)


def _colours(view: View) -> dict[str, Any]:
    """How the numbers of a tile are coloured."""
    pictures = view.config.data in images.DATASETS
    return {"low": view.frame.low, "high": view.frame.high, "palette": "sequential" if pictures else "diverging"}


def _plane(scene: Scene, view: View) -> None:
    frame = view.frame
    line = len(frame.kl) == 1
    panel = latent_plane(
        scene, "plane", title=words.plane_title(view),
        reach=frame.reach, at=frame.at, sheet=frame.grid, exact=frame.exact, weight=1.55,
        walk=(frame.walk, frame.walked, _way(frame)), names=_names(frame),
        labels=(f"z{frame.axes[0] + 1}", "" if line else f"z{frame.axes[1] + 1}"), **_colours(view),
    )  # fmt: skip
    panel.lines([CIRCLE, 2 * CIRCLE], colour="neutral", width=1.5, name="Prior: codes should lie here")
    panel.points(frame.codes, frame.labels, colours=[f"class_{k}" for k in range(len(frame.classes))],
                 names=frame.classes, size=3.5, name="Codes of test data")  # fmt: skip
    if frame.row.size:
        panel.path(frame.walk, colour="positive", name="Walk")
    if frame.deviation.any():
        cloud = frame.mean + 2 * frame.deviation * CIRCLE
        panel.path(
            cloud,
            colour="mark",
            width=2.5,
            head=False,
            name=f"Cloud of one {'picture' if frame.row.size else 'row'}, 2 σ",
        )
    panel.points(frame.mean[None], colours=["mark"], shape="cross", size=7)


def _way(frame: Any) -> str:
    start, end = (frame.classes[end] for end in frame.ends)
    return f"from “{start}” to “{end}”"


def _names(frame: Any) -> list[tuple[float, float, str]]:
    """The short names of classes, each in the middle of its codes."""
    found = []
    for k, name in enumerate(frame.classes):
        mine = frame.codes[frame.labels == k]
        if len(mine) and len(name) <= 2 and np.isfinite(mine).all():
            found.append((*(float(v) for v in np.median(mine, axis=0)), name))
    return found


def _sheet(scene: Scene, view: View) -> None:
    """All decoded codes side by side, as one picture with its lowest row at the bottom."""
    rows, columns, h, w = view.frame.grid.shape
    picture = view.frame.grid[::-1].transpose(0, 2, 1, 3).reshape(rows * h, columns * w)
    scene.heat_grid("sheet", title="All it decodes to: click one", images=picture[None], **_colours(view))


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
    scene.heat_grid("one", title=more, images=tiles, captions=["it", "decoded", *captions],
                    columns=len(tiles), **_colours(view))  # fmt: skip


def _walk(scene: Scene, view: View) -> None:
    """The two ways from class to class; below each tile its distance from the nearest training row."""
    frame = view.frame
    captions = [words.told(float(gap)) for gap in (*frame.walk_gaps, *frame.mixed_gaps)]
    scene.heat_grid("walk", title=f"Walk {_way(frame)}; below, mixed; numbers: distance from training data",
                    images=np.concatenate([frame.walked, frame.mixed]), columns=len(frame.walked), captions=captions,
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
    unit = "KL" if cloudy else "−log p(x|z)"
    least, most = (words.small(float(value)) for value in (values.min(), values.max()))
    told = f", {unit} {least} to {most}" if frame.step else ""
    panel = scene.panel(
        "seeds", title=f"All networks{told}: click one", x=(-0.6, len(values) - 0.4), pick="plane",
        y=(low, max(0.5, 1.1 * float(np.nan_to_num(values).max()))), x_names=[str(k) for k in range(len(values))],
        x_label="network", y_label=f"{unit} in nats", weight=2, equal=False, aspect=0.5,
    )  # fmt: skip
    bars = [np.array([[k, 0.0], [k, float(value)]]) for k, value in enumerate(values)]
    panel.lines(bars, colour="neutral", width=8)
    panel.lines(bars[min(view.config.shown, len(bars) - 1)][None], colour="positive", width=8)
