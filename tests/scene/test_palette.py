"""Colours that stand beside each other are told apart by every eye, or are marked a second time.

Told apart: CIEDE2000 of 10 or more, as normal sight and as three dichromacies see it, in the light and in the dark.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from eyes import SIGHT, ciede2000, difference, lab, linear
from scene_format import decode

import engine
from engine.contract import registry, trials
from engine.contract.figure import Picture
from engine.contract.lesson import lessons
from engine.scene import palette
from engine.scene.scene import Scene

APART = 10.0
NAMES = palette.colours()
CLASSES = [token for token in NAMES if token.startswith("class_")]
TOGETHER = {  # what some lab shows in one panel
    "classes": CLASSES,
    "optimisers": NAMES[NAMES.index("gradient_descent") :],
    "classes, and what is no class": [*CLASSES[:5], "neutral", "text"],
    "classes, and what is written on them": [*CLASSES, "text"],
    "one side and the other": ["negative", "positive", "neutral", "mark"],
    "training, test and parts of the error": ["train", "test", "class_1", "class_2", "neutral", "text"],
    "training, test and what is new": ["train", "positive", "class_4", "neutral"],
    "rights and wrongs": ["test", "gradient", "text"],
    "attacks": ["neutral", "class_8", "gradient", "class_3"],
    "two networks, each attacked": ["negative", "class_8", "positive", "class_9"],
    "samplers": ["positive", "negative", "class_2", "neutral"],
}
# Sharma, Wu and Dalal (2005), table 1: two colours in CIELAB, and how far they are apart.
PUBLISHED = """
50.0000   2.6772 -79.7751  50.0000   0.0000 -82.7485  2.0425
50.0000   3.1571 -77.2803  50.0000   0.0000 -82.7485  2.8615
50.0000   2.8361 -74.0200  50.0000   0.0000 -82.7485  3.4412
50.0000  -1.3802 -84.2814  50.0000   0.0000 -82.7485  1.0000
50.0000  -1.1848 -84.8006  50.0000   0.0000 -82.7485  1.0000
50.0000  -0.9009 -85.5211  50.0000   0.0000 -82.7485  1.0000
50.0000   0.0000   0.0000  50.0000  -1.0000   2.0000  2.3669
50.0000  -1.0000   2.0000  50.0000   0.0000   0.0000  2.3669
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0009  7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0010  7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0011  7.2195
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0012  7.2195
50.0000  -0.0010   2.4900  50.0000   0.0009  -2.4900  4.8045
50.0000  -0.0010   2.4900  50.0000   0.0010  -2.4900  4.8045
50.0000  -0.0010   2.4900  50.0000   0.0011  -2.4900  4.7461
50.0000   2.5000   0.0000  50.0000   0.0000  -2.5000  4.3065
50.0000   2.5000   0.0000  73.0000  25.0000 -18.0000 27.1492
50.0000   2.5000   0.0000  61.0000  -5.0000  29.0000 22.8977
50.0000   2.5000   0.0000  56.0000 -27.0000  -3.0000 31.9030
50.0000   2.5000   0.0000  58.0000  24.0000  15.0000 19.4535
50.0000   2.5000   0.0000  50.0000   3.1736   0.5854  1.0000
50.0000   2.5000   0.0000  50.0000   3.2972   0.0000  1.0000
50.0000   2.5000   0.0000  50.0000   1.8634   0.5757  1.0000
50.0000   2.5000   0.0000  50.0000   3.2592   0.3350  1.0000
60.2574 -34.0099  36.2677  60.4626 -34.1751  39.4387  1.2644
63.0109 -31.0961  -5.8663  62.8187 -29.7946  -4.0864  1.2630
61.2901   3.7196  -5.3901  61.4292   2.2480  -4.9620  1.8731
35.0831 -44.1164   3.7933  35.0232 -40.0716   1.5901  1.8645
22.7233  20.0904 -46.6940  23.0331  14.9730 -42.5619  2.0373
36.4612  47.8580  18.3852  36.2715  50.5065  21.2231  1.4146
90.8027  -2.0831   1.4410  91.1528  -1.6435   0.0447  1.4441
90.9257  -0.5406  -0.9208  88.6381  -0.8985  -0.7239  1.5381
 6.7747  -0.2908  -2.4247   5.8714  -0.0985  -2.2286  0.6377
 2.0776   0.0795  -1.1350   0.9033  -0.0636  -0.5514  0.9082
"""


def closest(a: str, b: str) -> float:
    """How far two tokens are apart for the eye, and in the theme, that sees the least difference."""
    return min(
        difference(palette.colour(a, dark), palette.colour(b, dark), sight) for sight in SIGHT for dark in (False, True)
    )


def test_the_published_pairs_are_as_far_apart_as_published() -> None:
    table = np.array([row.split() for row in PUBLISHED.strip().splitlines()], dtype=float)
    assert len(table) == 34
    for *colours, far in table:
        one, other = np.array(colours[:3]), np.array(colours[3:])
        assert ciede2000(one, other) == pytest.approx(far, abs=1e-4)
        assert ciede2000(other, one) == pytest.approx(far, abs=1e-4)


def test_every_kind_of_eye_sees_grey_as_grey_and_a_dichromat_fewer_colours() -> None:
    for sight, matrix in SIGHT.items():
        assert matrix.sum(axis=1) == pytest.approx(1, abs=2e-5), sight  # what is grey stays as it is
    red, green, blue = (lab(SIGHT["deuteranopia"] @ linear(c)) for c in ("#d04040", "#408040", "#4040d0"))
    assert abs(red[1] - green[1]) < 20 < abs(red[2] - blue[2])  # red and green differ by little more than lightness
    assert difference("#4080c0", "#40a080", "tritanopia") < difference("#4080c0", "#40a080", "normal")


@pytest.mark.parametrize("tokens", TOGETHER.values(), ids=TOGETHER)
def test_colours_that_stand_together_are_told_apart_by_every_eye(tokens: list[str]) -> None:
    near = {(a, b): round(closest(a, b), 2) for a, b in itertools.combinations(tokens, 2) if closest(a, b) < APART}
    assert near == {}


# ------------------------------------------------------------------ what is nearer is marked twice

MARKED = {  # where the second mark is something else in the panel
    # The word stands where the band of that colour ends, as the others' names do.
    ("moe_routing", "flow"): lambda layers: any(each.get("text") == "dropped" for each in layers),
    # The rule that stands upright at the slider's place ends in a ring; the theory is a curve.
    ("double_descent", "risk"): lambda layers: any(each.get("shape") == "ring" for each in layers),
}


@pytest.mark.parametrize("slug", engine.labs())
def test_what_a_panel_shows_is_told_apart_by_colour_or_by_a_second_mark(slug: str) -> None:
    """By dash, by shape, or as a line from points or arrows: at the defaults and in every lesson."""
    config_class = engine.lab(slug).Config
    configs = dict.fromkeys([config_class(), *(lesson.config(config_class) for lesson in lessons(slug))])
    for config in configs:
        [*_, view] = trials.moments(engine.lab(slug).Experiment(config), 1)
        for scene in scenes(slug, view):
            panels = itertools.chain.from_iterable(decode(scene.to_bytes())[0]["rows"])
            for panel in itertools.chain.from_iterable(each.get("planes", [each]) for each in panels):
                alike = [pair for pair in itertools.combinations(drawn(panel), 2) if is_alike(*pair)]
                marked = MARKED.get((slug, panel.get("key", "")))
                assert alike == [] or (marked is not None and marked(panel["layers"])), panel["title"]


def scenes(slug: str, view: Any) -> Iterator[Scene]:
    views = registry.view(slug)
    yield views.stage(view)
    if view.curves and hasattr(views, "curves"):
        yield views.curves(view)
    for figure in views.inside(view) if hasattr(views, "inside") else ():
        if isinstance(figure, Picture) and isinstance(figure.scene, Scene):
            yield figure.scene


def drawn(panel: dict[str, Any]) -> list[tuple[str, Any]]:
    """Every colour that stands for something in a panel, and its mark: kind, shape and dash."""
    parts = [*panel.get("layers", ()), *panel.get("series", ())]
    found = [
        (token, (part["kind"], part.get("shape"), tuple(part.get("dash") or ())))
        for part in parts
        for token in (part.get("colours") or [part.get("colour")])
        if token in NAMES
    ]
    return list(dict.fromkeys(found))


def is_alike(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    return one[0] != other[0] and one[1] == other[1] and closest(one[0], other[0]) < APART
