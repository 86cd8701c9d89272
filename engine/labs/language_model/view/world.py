"""What is drawn of the made world: words as points, analogies, the nearest words, and who stands beside whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Formula, Table
from engine.contract.view import Answer, Turn, View
from engine.labs.language_model import world_words
from engine.labs.language_model.made_world import NOUNS
from engine.labs.language_model.words import judged
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene

FIRST, SECOND = 440, 400  # pixels: how tall the rows of the stage are
WHO, WHERE = "90 of people", "56 of places"
ASKED = (("king", "man", "woman"), ("Rome", "Italy", "France"))  # on buttons
CLICKED = 0.12  # how near to a word a click must be
REACH = 1.15  # of a plane of words: the farthest stands at 1


def stage(view: View) -> Scene:
    """Words and the arrow from b to a, laid to c; analogies; the nearest words; rows of information."""
    world = view.frame.world
    scene = Scene(height=FIRST + SECOND)
    _words(scene, view, world)
    _right(scene, view)
    scene.row(SECOND / FIRST)
    names = [word for word, _ in world.nearest]
    panel = scene.panel("nearest", title=world_words.nearest_title(view), x=(0, 1.15), y=(len(names) - 0.4, -0.6),
                        y_names=names, x_label="cosine", y_label="word", equal=False, aspect=0.8,
                        note=world_words.nearest_note(view))  # fmt: skip
    panel.lines([[[0, n], [max(near, 0), n]] for n, (_, near) in enumerate(world.nearest)], colour="positive", width=12)
    for n, (_, near) in enumerate(world.nearest):
        if math.isfinite(near):
            panel.text(max(near, 0) + 0.01, n, f"{near:.2f}", mark=False)
    panel = scene.panel(
        "rows", title=world_words.rows_title(view), x=(-0.5, len(world.columns) - 0.5), y=(4.5, -0.5), equal=False,
        x_names=world.columns, y_names=world_words.rows_names(view), aspect=0.6, weight=1.6,
        x_label="word beside it", y_label="row", note=world_words.rows_note(view),
    )  # fmt: skip
    reach = max(float(np.abs(world.rows).max()), 1e-6)
    panel.heatmap(world.rows, extent=(0, len(world.columns) - 1, 0, 4), low=-reach, high=reach, discrete=True,
                  palette="diverging")  # fmt: skip
    return scene


def curves(view: View) -> Scene:
    """The share of analogies that are right, and the cross-entropy."""
    scene = Scene(height=2 * 300 + 12)
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    curves_panel(scene, "right", title="Analogies whose answer is the nearest word", y_title="share right",
                 series={"people": (WHO, "positive"), "places": (WHERE, "class_4")}, **common)  # fmt: skip
    scene.row()
    curves_panel(scene, "loss", title="Cross-entropy of one neighbour and five others", y_title="nats a guess",
                 series={"loss": ("training", "train")}, **common)  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """The nearest words with their cosines, and what a row of the stage holds."""
    near = [[word, f"{cosine:.2f}"] for word, cosine in view.frame.world.nearest]
    return [
        Table([world_words.nearest_title(view), "cosine"], near),
        Formula(r"\operatorname{PMI}(w, c) = \log \frac{p(w, c)}{p(w)\,p(c)}"),
    ]


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A word that is clicked becomes c."""
    frame = view.frame
    if pick.get("panel") != "writing" or pick.get("kind") != "plane" or not len(frame.embedding):
        return None
    away = np.hypot(*(frame.embedding[: len(frame.labels)] - [pick["x"], pick["y"]]).T)
    near = int(away.argmin())
    return Turn({"word_c": frame.labels[near]}) if away[near] < CLICKED and frame.labels[near] in NOUNS else None


def _words(scene: Scene, view: View, world: Any) -> None:
    """Words where their vectors put them, each pair joined, and a - b + c as an arrow that is laid to c."""
    frame = view.frame
    panel = scene.panel("writing", title=world_words.title(view), x=(-REACH, REACH), y=(-REACH, REACH), equal=False,
                        x_label="second direction in which these words differ", y_label="first direction",
                        aspect=0.7, weight=1.25, pick="plane",
                        note="Grey: each word and its partner. Blue: from b to a, and the same from c.")  # fmt: skip
    given = tuple(NOUNS[word] for word in world.given)
    panel.buttons([(f"{a} − {b} + {c}", {"word_a": a, "word_b": b, "word_c": c}) for a, b, c in ASKED], label="Analogy",
                  chosen=ASKED.index(given) if given in ASKED else None)  # fmt: skip
    if not len(frame.embedding):
        return
    at = {word: place for word, place in zip(frame.labels, frame.embedding, strict=False)}
    pairs = [(at[one], at[two]) for one, two in zip(NOUNS[::2], NOUNS[1::2], strict=True) if one in at and two in at]
    panel.lines([[list(one), list(two)] for one, two in pairs], colour="neutral", width=1.5)
    a, b, c = (at[NOUNS[word]] for word in world.given)
    target = frame.embedding[-1]
    panel.arrows([b, c], [a - b, target - c], colour="positive", width=3.5, name="a − b, and the same from c")
    for word, (x, y) in at.items():
        strong = word in (world.nearest[0][0], *(NOUNS[n] for n in world.given))
        panel.text(float(x), float(y), word, centred=True, colour="text" if strong else "neutral")


def _right(scene: Scene, view: View) -> None:
    """The share of all analogies that are right, against the step."""
    last = max(view.last_step, 60)
    panel = scene.panel("bits", title=world_words.right_title(view), x=(-0.02 * last, 1.02 * last), y=(-0.04, 1.08),
                        equal=False, x_label="step", y_label="share of analogies right", aspect=0.7)  # fmt: skip
    for name, label, colour in (("people", WHO, "positive"), ("places", WHERE, "class_4")):
        steps, values = judged(view, name)
        panel.path(np.column_stack([steps, values]), colour=colour, name=label, width=4)
