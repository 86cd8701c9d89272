"""A plane with axes, and the layers that can stand on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.arrays import Array, Arrays, bounds, contour_levels, matrix, pairs, quantise, span
from engine.scene.rail import Rails

TRAINING = (8, 4)  # lengths on and off of what was measured in training, in every chart: see `curves.dash_of`
SHAPES = ("circle", "ring", "square", "triangle", "cross")


class Panel(Rails):
    """A plane with axes.  Made by `Scene.panel`; layers are drawn in the order in which they are added.

    A layer with a `name` stands in the legend, where the visitor can hide it.  Colours are names from the palette.
    """

    def __init__(self, spec: dict[str, Any], arrays: Arrays) -> None:
        super().__init__(spec, arrays)
        self._stop: int | None = None

    @contextmanager
    def stop(self, number: int) -> Iterator[None]:
        """What is added inside is seen only while the slider of `Scene.stops` stands at this stop."""
        self._stop = number
        try:
            yield
        finally:
            self._stop = None

    def extend(self, kind: str, **fields: Any) -> None:
        """Let a module of assets/scene draw this plane that knows more than a plane, with further `fields`.

        Arrays among them must be uint8, and are sent beside the header.
        """
        added = {name: self._arrays.add(v, "u1") if isinstance(v, np.ndarray) else v for name, v in fields.items()}
        self._spec |= {"kind": kind, **added}

    def heatmap(
        self,
        values: ArrayLike,
        *,
        extent: tuple[float, float, float, float] | None = None,
        low: float | None = None,
        high: float | None = None,
        palette: str = "loss",
        levels: int | Sequence[float] | None = None,
        discrete: bool = False,
        exact: bool = False,
        log: bool = False,
        missing: str = "",
        name: str = "",
    ) -> None:
        """Colour the plane by `values` (H, W).

        Row 0 is the lowest y.  `extent` is (x of the first column, x of the last, y of the first row, y of the last),
        as `np.linspace` gives them; left out, it is the whole panel.  `low` and `high` bound the colours; left out,
        they are the smallest and largest finite value.  `levels` draws contour lines, so many or at these values.
        `discrete` shows every cell as a square.  On the wire a value has 255 steps, or is a float32 if `exact`; with
        contour lines it has 65,535, or is a float32 where those would be too coarse.  `log` colours by the logarithm of
        `values`, which must then be positive where finite.
        Cells that are not a number are hatched, and called `missing` where that is given.
        """
        array = matrix(values, "a heatmap")
        if log:
            if np.any(array <= 0):
                raise ValueError("A heatmap with log=True needs values above zero.")
            array = np.log10(array)
            low, high = (None if v is None else math.log10(v) for v in (low, high))
        low, high = bounds(array, low=low, high=high)
        lines = contour_levels(levels, low=low, high=high, log=log)
        scale: list[float] | None = None
        if exact or (lines and log):
            values_at = self._arrays.add(array)
        elif lines:
            values_at, scale = self._arrays.fine(array, decimals=3)
        else:
            values_at = self._arrays.add(quantise(array, low, high), "u1")
        self._layer(
            "heatmap", name, values=values_at, extent=self._extent(extent), low=low, high=high,
            palette=_palette.known_map(palette), levels=lines, discrete=discrete, log=log,
            **({} if scale is None else {"scale": scale}), **({"missing": missing} if missing else {}),
        )  # fmt: skip

    def classes(
        self,
        index: ArrayLike,
        confidence: ArrayLike | None = None,
        *,
        extent: tuple[float, float, float, float] | None = None,
        names: Sequence[str] = (),
        discrete: bool = False,
        name: str = "",
    ) -> None:
        """Colour the plane by class: `index` (H, W) holds 0, 1, …, and `confidence` (H, W) in [0, 1] how strongly.

        `extent` is as in `heatmap`.  Colours repeat after ten classes.
        """
        classes = matrix(index, "a map of classes")
        if np.any((classes < 0) | (classes > 254)):
            raise ValueError("A map of classes takes class numbers from 0 to 254.")
        strength = np.ones_like(classes) if confidence is None else matrix(confidence, "the confidence")
        if strength.shape != classes.shape:
            raise ValueError(f"The confidence has shape {strength.shape}; the classes have {classes.shape}.")
        gone = ~(np.isfinite(classes) & np.isfinite(strength))
        self._layer(
            "classes", name, values=self._arrays.add(np.where(gone, 255, np.nan_to_num(classes)), "u1"),
            confidence=self._arrays.add(quantise(strength, 0.0, 1.0), "u1"), extent=self._extent(extent),
            names=list(names), discrete=discrete,
        )  # fmt: skip

    def points(
        self,
        xy: ArrayLike,
        group: ArrayLike | None = None,
        *,
        colours: Sequence[str] = (),
        names: Sequence[str] = (),
        values: ArrayLike | None = None,
        low: float = -1.0,
        high: float = 1.0,
        palette: str = "diverging",
        size: float = 5.0,
        shape: str = "circle",
        labels: Sequence[str] = (),
        pickable: bool = False,
        faint: bool = False,
        name: str = "",
    ) -> None:
        """Points at `xy` (N, 2), of radius `size` in pixels.

        `group` (N,) holds 0, 1, …: group k has the colour `colours[k]`, or "class_k", and is called `names[k]`.
        `values` (N,) colours the points by a colour map from `low` to `high` instead.  `labels` (N) are shown on
        hover.  A `pickable` point can be clicked: kind "point", with its index.  `faint` ones are pale.
        """
        place = pairs(xy, "points")
        count = len(place)
        if shape not in SHAPES:
            raise ValueError(f"There is no shape '{shape}'; the shapes are {', '.join(SHAPES)}.")
        groups = np.zeros(count) if group is None else np.asarray(group)
        for what, given in (("group", groups), ("values", values), ("labels", labels or None)):
            if given is not None and len(np.asarray(given)) != count:
                raise ValueError(f"There are {count} points but {len(np.asarray(given))} {what}.")
        if groups.size and (groups.min() < 0 or groups.max() > 254):
            raise ValueError("The group of a point is a number from 0 to 254.")
        tokens = [_palette.known_colour(token) for token in colours] or ([] if group is not None else ["neutral"])
        self._layer(
            "points", name, xy=self._arrays.add(place), group=self._arrays.add(groups, "u1"), colours=tokens,
            names=list(names), size=size, shape=shape, labels=list(labels), pickable=pickable,
            values=None if values is None else self._arrays.add(values), low=low, high=high,
            palette=_palette.known_map(palette), **({"faint": True} if faint else {}),
        )  # fmt: skip

    def path(
        self, xy: ArrayLike, *, colour: str = "neutral", name: str = "", width: float = 2.5, head: bool = True
    ) -> None:
        """A line through `xy` (T, 2), with a marker at its end if `head`; it breaks where xy is not finite.

        A name that begins with "training" has the dash that it has among curves.
        """
        self._layer(
            "path", name, xy=self._arrays.add(pairs(xy, "a path")), colour=_palette.known_colour(colour), width=width,
            head=head, **({"dash": list(TRAINING)} if name.lower().startswith("training") else {}),
        )  # fmt: skip

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, *, colour: str = "neutral", name: str = "") -> None:
        """The area between `low` (T,) and `high` (T,) over `x` (T,)."""
        edges = np.column_stack([np.asarray(values, dtype=np.float32) for values in (x, low, high)])
        if not np.isfinite(edges).all():
            raise ValueError("A band needs finite numbers.")
        self._layer("band", name, xy=self._arrays.add(edges), colour=_palette.known_colour(colour))

    def arrows(
        self, xy: ArrayLike, uv: ArrayLike, *, colour: str = "neutral", name: str = "", width: float = 2.0
    ) -> None:
        """Arrows from `xy` (N, 2) to `xy + uv`, in the units of the axes."""
        start, vector = pairs(xy, "arrows"), pairs(uv, "arrows")
        if start.shape != vector.shape:
            raise ValueError(f"There are {len(start)} arrows but {len(vector)} directions.")
        self._layer(
            "arrows", name, xy=self._arrays.add(start), uv=self._arrays.add(vector),
            colour=_palette.known_colour(colour), width=width,
        )  # fmt: skip

    def lines(
        self,
        polylines: Sequence[ArrayLike] | Array,
        *,
        colour: str = "neutral",
        name: str = "",
        width: float = 1.0,
    ) -> None:
        """Many lines of one colour, each (T, 2), or one array (n, T, 2): a warped grid, the paths of particles."""
        places = [pairs(line, "lines") for line in polylines]
        ends = np.cumsum([len(line) for line in places])
        self._layer(
            "lines", name, xy=self._arrays.add(np.concatenate(places) if places else np.zeros((0, 2))),
            ends=[int(end) for end in ends], colour=_palette.known_colour(colour), width=width,
        )  # fmt: skip

    def text(
        self, x: float, y: float, text: str, *, colour: str = "text", mark: bool = True, centred: bool = False,
        before: bool = False,
    ) -> None:  # fmt: skip
        """Write `text` beside the point (x, y), on its left rather than its right if `before`; or on it if `centred`.

        With both it stands on the left of the point, at its height.

        Beside it the point carries a small marker if `mark`.
        """
        if math.isfinite(x) and math.isfinite(y):
            self._layer(
                "text", "", x=float(x), y=float(y), text=text, colour=_palette.known_colour(colour),
                mark=mark and not centred, **({"centred": True} if centred else {}),
                **({"before": True} if before else {}),
            )  # fmt: skip

    def letters(self, x: ArrayLike, y: float, letters: Sequence[str], *, colour: str = "text") -> None:
        """Write one of `letters` at each of `x` (N,), on the height `y`, as large as there is room for them."""
        places = np.asarray(x, dtype=np.float32)
        if places.shape != (len(letters),):
            raise ValueError(f"There are {len(letters)} letters and {places.size} places for them.")
        self._layer(
            "letters", "", xy=self._arrays.add(np.column_stack([places, np.full_like(places, y)])),
            letters=list(letters), colour=_palette.known_colour(colour),
        )  # fmt: skip

    def _extent(self, extent: tuple[float, float, float, float] | None) -> list[float]:
        if extent is None:
            extent = (*self._spec["x"], *self._spec["y"])
        return [*span(extent[:2], "the x of an extent"), *span(extent[2:], "the y of an extent")]

    def _layer(self, kind: str, name: str, **fields: Any) -> None:
        if self._stop is not None:
            fields["stop"] = self._stop
        self._spec["layers"].append({"kind": kind, "name": name, **fields})
