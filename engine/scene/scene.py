"""What moves fast on a page: panels of layers, packed into bytes and drawn by ``assets/scene.js``.

>>> scene = Scene(height=420)
>>> panel = scene.panel("map", title="Loss", x=(-2, 2), y=(-2, 2), pick="plane")
>>> panel.heatmap(loss, low=0, high=4, levels=8, name="Loss")  # (H, W)
>>> panel.path(path, colour="adam", name="Adam")  # (T, 2)
>>> pick = show(scene, key="map")  # None, or what the visitor clicked

The message is ``b"SCN1"``, the length of the header (uint32), the header (JSON, UTF-8) and the arrays, each at a
multiple of eight bytes and little-endian.  A layer names its arrays by their index in the header's list.

Panels of one lab or two are functions that are given the scene, in the other modules of this package.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import ghosts, offline, scales
from engine.scene import palette as _palette
from engine.scene.arrays import Arrays, Span, pairs, quantise, span, strongest
from engine.scene.column import Column
from engine.scene.panel import Panel
from engine.scene.rail import Rails
from engine.scene.steppers import Steppers

MAGIC = b"SCN1"


class Scene:
    """Panels side by side in rows, `height` pixels tall together; on a narrow screen they stand below each other.

    `rows` are the panels as the browser is told of them, and `arrays` the numbers that go with them.  A notebook draws
    a scene that is the value of a cell's last line; `save` writes it as a page for a browser.
    """

    def __init__(self, *, height: int = 560) -> None:
        self.height = height
        self.rows: list[list[dict[str, Any]]] = [[]]
        self._stops: dict[str, Any] | None = None
        self.arrays = Arrays()
        self._share = 1.0

    def row(self, share: float = 1.0) -> None:
        """Put the panels that follow into a new row, which gets a `share` of the height; the first has 1."""
        self._share = share
        if self.rows[-1]:
            self.rows.append([])

    def stops(self, label: str, texts: Sequence[str], *, panel: str = "", at: ArrayLike = ()) -> None:
        """Put a slider below the panels: a stop for each of `texts`, which stands beside it.

        Layers added inside `Panel.stop` are seen only at theirs, at once and without the server.  Until the visitor
        moves it, the slider stands at the last stop.  A click on `panel` chooses the stop nearest to x among `at`.
        """
        places = np.asarray(at, dtype=float)
        if places.size and len(places) != len(texts):
            raise ValueError(f"There are {len(texts)} stops and {len(places)} places for them.")
        self._stops = {"label": label, "texts": list(texts), "panel": panel, "at": places.tolist()}

    def panel(
        self,
        key: str,
        *,
        title: str,
        x: Span = (-1.0, 1.0),
        y: Span = (-1.0, 1.0),
        x_label: str = "",
        y_label: str = "",
        x_names: Sequence[str] = (),
        y_names: Sequence[str] = (),
        weight: float = 1.0,
        equal: bool = True,
        x_log: bool = False,
        y_log: bool = False,
        y_least: bool = False,
        pick: str | None = None,
        draw: bool = False,
        aspect: float | None = None,
        note: str = "",
    ) -> Panel:
        """Add a plane that shows `x` and `y` (low, high), in a share of the row that grows with `weight`.

        Give (high, low) to turn an axis round, as for a matrix.  `x_names` stand at 0, 1, … in place of numbers.
        With `x_log` or `y_log` positions are decimal logarithms, and the axis says the numbers themselves.
        With `y_least` as well, what is less than the lowest y is drawn there, and the axis says so.
        With `equal`, one unit is equally long on both axes.  With `pick="plane"` a click is sent as kind "plane", with
        x and y.  With `draw` the visitor draws with the mouse or a finger: kind "draw", with `points` (list of [x, y]).
        `aspect` is height over width where panels stand below each other.  `note` stands below the picture.
        """
        if pick not in (None, "plane"):
            raise ValueError(f"pick is None or 'plane', not {pick!r}.")
        spec = self.add(
            "plane", key, title, weight, x=span(x, "x"), y=span(y, "y"), x_label=x_label, y_label=y_label,
            x_names=list(x_names), y_names=list(y_names), equal=equal, pick=pick, draw=draw, layers=[],
            x_log=x_log, y_log=y_log, **({"y_least": True} if y_least and y_log else {}),
            **({} if aspect is None else {"aspect": aspect}), **({"note": note} if note else {}),
        )  # fmt: skip
        return Panel(spec, self.arrays)

    def graph(
        self,
        key: str,
        *,
        title: str,
        columns: Sequence[Column],
        weights: Sequence[ArrayLike],
        weight: float = 1.0,
        editable: bool = False,
        steppers: Steppers | None = None,
        aspect: float | None = None,
    ) -> Rails:
        """Add a network: `columns` of nodes, and between each and the next the `weights`, each (inputs, outputs).

        Only the 2,000 strongest weights are drawn, and a note says so.  A click sends kind "node" (layer = column,
        index) or "edge" (layer, source, target, weight).  With `editable` a click on an edge asks for a number, sent
        as the same pick with `value`.  With `steppers` the hidden layers have buttons that change their sizes.
        `aspect` is height over width where panels stand below each other.
        """
        if len(weights) != len(columns) - 1:
            raise ValueError(f"{len(columns)} columns need {len(columns) - 1} matrices of weights, not {len(weights)}.")
        matrices = [np.asarray(w, dtype=np.float32) for w in weights]
        sizes = [len(column.labels) for column in columns]
        for i, matrix in enumerate(matrices):
            if matrix.shape != (sizes[i], sizes[i + 1]):
                raise ValueError(f"Weights {i} have shape {matrix.shape}; their columns need {sizes[i], sizes[i + 1]}.")
        edges, note = strongest(matrices)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        spec = self.add(
            "graph", key, title, weight, columns=[column.spec(self.arrays) for column in columns], editable=editable,
            source=self.arrays.add(starts[edges["layer"]] + edges["source"], "<u2"),
            target=self.arrays.add(starts[edges["layer"] + 1] + edges["target"], "<u2"),
            weights=self.arrays.add(edges["weight"]), note=note,
            **({} if steppers is None else {"steppers": steppers.spec(len(columns))}),
            **({} if aspect is None else {"aspect": aspect}),
        )  # fmt: skip
        return Rails(spec, self.arrays)

    def heat_grid(
        self,
        key: str,
        *,
        title: str,
        images: ArrayLike,
        captions: Sequence[str] = (),
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        palette: str = "sequential",
        columns: int | None = None,
        discrete: bool = True,
        chosen: int | None = None,
        frames: ArrayLike | None = None,
        frames_name: str = "",
        frames_range: Span = (0.0, 1.0),
        weight: float = 1.0,
    ) -> Rails:
        """Add a sheet of `images` (n, H, W) with `captions` (n): filters, feature maps, digits.  Row 0 is on top.

        `low` and `high` bound the colours, for all or (n,) for each.  `columns` fixes the images in a row, and
        `chosen` is framed.  `frames` (n,) colour the frame of each between `frames_range`, orange to blue, and
        `frames_name` says what they are.  A click sends kind "node" with the index of the image, and the column x and
        row y of the cell in it.
        """
        array = np.asarray(images, dtype=np.float32)
        if array.ndim != 3 or 0 in array.shape[1:]:
            raise ValueError(f"A sheet of images takes an array (n, H, W), not one of shape {array.shape}.")
        if captions and len(captions) != len(array):
            raise ValueError(f"There are {len(array)} images but {len(captions)} captions.")
        finite = array[np.isfinite(array)]
        if low is None:
            low = finite.min() if finite.size else 0.0
        if high is None:
            high = finite.max() if finite.size else 1.0
        count, height, width = array.shape
        framed: dict[str, Any] = {}
        if columns and not captions:  # where panels stand below each other, no taller than the sheet
            framed["aspect"] = min(1.2, math.ceil(count / columns) * height / (columns * width) + 0.04)
        if frames is not None:
            told = np.asarray(frames, dtype=np.float32)
            if told.shape != (len(array),):
                raise ValueError(f"There are {len(array)} images but frames of shape {told.shape}.")
            bottom, top = span(frames_range, "the range of frames")
            values = self.arrays.add(quantise(told, bottom, top), "u1")
            framed["frames"] = {"values": values, "name": frames_name, "low": bottom, "high": top,
                                "palette": _palette.known_map("diverging")}  # fmt: skip
        spec = self.add(
            "grid", key, title, weight, captions=list(captions), palette=_palette.known_map(palette), columns=columns,
            discrete=discrete, chosen=chosen, **framed, **self.arrays.images(array, low=low, high=high),
        )  # fmt: skip
        return Rails(spec, self.arrays)

    def pen(
        self,
        key: str,
        *,
        title: str,
        strokes: Sequence[ArrayLike],
        revision: int,
        picture: ArrayLike,
        caption: Sequence[str],
        width: float = 0.08,
        palette: str = "sequential",
        weight: float = 1.0,
    ) -> Rails:
        """Add a pad to draw on, and beside it the `picture` (H, W) in [0, 1] that becomes of the drawing.

        `strokes`, each (T, 2) in [0, 1]^2 with y up, are taken over when `revision` is another than before; between
        two revisions what was drawn in the browser counts.  `caption` are lines below the picture, `width` is the pen's
        as a share of the pad.  At the end of a stroke kind "draw" is sent, with all `strokes` and their `revision`.
        """
        cells = np.asarray(picture, dtype=np.float32)
        if cells.ndim != 2 or 0 in cells.shape:
            raise ValueError(f"A pad shows one picture (H, W), not an array of shape {cells.shape}.")
        drawn = [pairs(stroke, "a stroke").astype(np.float64).round(3).tolist() for stroke in strokes]
        spec = self.add(
            "pen", key, title, weight, strokes=drawn, revision=revision, caption=list(caption), width=width, draw=True,
            palette=_palette.known_map(palette), **self.arrays.images(cells[None], low=0.0, high=1.0),
        )  # fmt: skip
        return Rails(spec, self.arrays)

    def axes(self) -> scales.Axes:
        """What the planes show, for `beside` of another scene."""
        return scales.axes(self.rows)

    def beside(self, others: Sequence[tuple[str, Scene]] = (), axes: Iterable[scales.Axes] = ()) -> None:
        """Stand beside `others`, by name: their curves are drawn in here, and planes reach as far as all of `axes`."""
        ghosts.beside(self, others)
        scales.share(self.rows, axes)

    def header(self) -> dict[str, Any]:
        """What a message says of the panels before the numbers come."""
        rows = [row for row in self.rows if row]
        return {"height": self.height, "rows": rows, "arrays": self.arrays.directory, "stops": self._stops}

    def to_bytes(self) -> bytes:
        """The message for ``assets/scene.js``."""
        text = json.dumps(self.header(), separators=(",", ":"), allow_nan=False).encode()
        start = MAGIC + struct.pack("<I", len(text)) + text
        return b"".join([start, bytes(-len(start) % 8), *self.arrays.chunks])

    def save(self, path: str | Path) -> None:
        """Write a page of HTML, about 300 kB, that draws the scene in any browser and asks no network for anything.

        Panels can be zoomed and read as on a page of the playground; a click on them has nobody to answer it.  Raises
        FileNotFoundError if the folder `assets` is not there, and OSError if `path` cannot be written.
        """
        Path(path).write_text(offline.page(self.to_bytes(), title=self._title()), encoding="utf-8")

    def _repr_html_(self) -> str:
        """What a notebook shows: the same page in a frame."""
        return offline.iframe(self.to_bytes(), title=self._title(), height=self.height)

    def _title(self) -> str:
        return ", ".join(panel["title"] for row in self.rows for panel in row if panel["title"])

    def add(self, kind: str, key: str, title: str, weight: float, **fields: Any) -> dict[str, Any]:
        """Add a panel of a `kind` that ``assets/scene.js`` knows, and return its part of the header.

        `fields` are what that kind needs besides; numbers that were added to `arrays` are told by their index there.
        """
        if any(panel["key"] == key for row in self.rows for panel in row):
            raise ValueError(f"There are two panels with the key '{key}'.")
        spec = {"kind": kind, "key": key, "title": title, "weight": weight, **fields}
        if self._share != 1:
            spec["share"] = self._share
        self.rows[-1].append(spec)
        return spec
