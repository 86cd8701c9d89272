"""What is drawn of a language model: its writing, its bits, what surprises it, and how a text becomes tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Formula, Table, Text
from engine.contract.view import Answer, View
from engine.labs.language_model import film_words, words
from engine.labs.language_model.view import world
from engine.labs.language_model.view.film import film
from engine.labs.language_model.view.world import FIRST, REACH, SECOND
from engine.labs.language_model.words import facts, judged, say
from engine.scene.curves import curves as curves_panel
from engine.scene.prose import prose
from engine.scene.scene import Scene
from engine.scene.text import Span, text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

SURPRISED = 10.0  # bits at which a token stands on the full colour
TABLES = {1: "neutral", 2: "class_3", 3: "class_4", 4: "class_2", 5: "class_6", 6: "class_5"}
DRAWN = (1, 2, 3, 4)  # tables whose lines are in the first picture
PLACES = {
    "embedding and output": "class_0",
    "attention": "class_1",
    "feed-forward": "class_2",
    "other layers": "class_3",
}
WRONG, RIGHT, NONE = 0, 1, 255  # colours of blanks: orange, blue, none
HELD = 0.4  # seconds that words stay


def stage(view: View) -> Scene:
    """What it writes beside the bits; held-out text and the next token; a sentence cut; and where its numbers sit."""
    if view.frame.world is not None:
        return world.stage(view)
    scene = Scene(height=FIRST + 3 * SECOND)
    if view.frame.film is not None:
        film(scene, view)
    elif view.frame.blanks:
        _blanks(scene, view, "writing", words.writing_title(view))
    else:
        _writing(scene, view, "writing", words.writing_title(view))
    _bits(scene, view)
    scene.row(SECOND / FIRST)
    if view.frame.film is not None:
        _blanks(scene, view, "surprise", film_words.blanks_title(view))
    elif view.frame.blanks:
        _writing(scene, view, "alone", words.alone_title(view))
    else:
        _surprise(scene, view)
    _next(scene, view)
    head, *rows = words.line(view)
    told: list[Any] = [[Span(name, soft=True) for name in head], *rows]
    text(scene, "line", told, table=True, title="The line in numbers", hold=HELD)
    scene.row(SECOND / FIRST)
    _tokens(scene, view)
    _shorter(scene, view)
    _merges(scene, view)
    scene.row(SECOND / FIRST)
    if len(view.frame.embedding):
        _plane(scene, view)
    _numbers(scene, view)
    return scene


def curves(view: View) -> Scene:
    """Bits a character, and nats a token in training and on held-out text."""
    if not view.curves:
        return Scene()
    if view.frame.world is not None:
        return world.curves(view)
    scene = Scene(height=2 * 300 + 12)
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    series = {"bits": (words.model(view), "positive"), "uniform": ("any letter, at random", "text")}
    series |= {f"table_{n}": (words.TABLE[n], colour) for n, colour in TABLES.items()}
    curves_panel(scene, "bits", title="Bits a character, held-out text", y_title="bits a character", series=series,
                 **common)  # fmt: skip
    scene.row()
    title = {"next": "Cross-entropy of the next token", "masked": "Cross-entropy of hidden tokens"}.get(
        view.config.objective, "An upper bound of nats a token: hidden tokens, weighted by 1 over their share"
    )
    curves_panel(scene, "nats", title=title, y_title="nats a token",
                 series={"nats": ("held-out text", "test"), "loss": ("training", "train")}, **common)  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """What nats and bits have to do with each other here, and the tables that count."""
    frame, scores = view.frame, view.frame.scores
    if frame.world is not None:
        return world.inside(view)
    rows = [[words.TABLE[n], f"{scores[f'table_{n}']:.2f}"] for n in TABLES]
    rows = [["any letter, at random", f"{scores['uniform']:.2f}"], *rows, [words.model(view), f"{scores['bits']:.2f}"]]
    most = "" if frame.film is None else "at most "
    each = scores["nats"] / max(scores["bits"] * math.log(2), 1e-9)
    return [
        Table(["On the same held-out characters", "bits a character"], rows),
        Text(f"A token costs {most}{scores['nats']:.2f} nats and is {each:.2f} characters long there: "
             f"{scores['nats']:.2f} / (ln 2 · {each:.2f}) = {scores['bits']:.2f} bits a character. The text has "
             f"{frame.text[0]:,} characters; {frame.text[1]:,} tokens are trained on.", "note"),
        Formula(r"\text{bits a character} ="
                r" \frac{\text{nats a token}}{\ln 2}\cdot\frac{\text{tokens}}{\text{characters}}"),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A word that is clicked among the made world's becomes c; else rails and buttons turn knobs by themselves."""
    return world.answer(view, pick) if view.frame.world is not None else None


def _blanks(scene: Scene, view: View, key: str, title: str) -> None:
    """Text with its blanks filled, on blue where it is right and on orange where it is not, and below it the truth."""
    blanks = view.frame.blanks
    colours = [(RIGHT if blank.right else WRONG) if blank.hidden else NONE for blank in blanks]
    told = [(f"hidden: “{blank.label}”; it says “{blank.guessed}”" if blank.hidden else f"“{blank.label}”, not hidden",
             [(f"{n}. {name}", f"{share:.1%}") for n, (name, share) in enumerate(blank.likeliest, 1)])
            for blank in blanks]  # fmt: skip
    between: list[Any] = [("below: the text itself", [])]
    panel = prose(
        scene, key, title=title,
        pieces=[*(blank.guess for blank in blanks), "\n\n", *(blank.text for blank in blanks)],
        group=[*colours, NONE, *colours], told=[*told, *between, *told], aspect=0.6, weight=1.25,
        note="Above: blanks as it fills them, blue where it is right, orange where it is wrong. "
        "Below: what stands there.",
    )  # fmt: skip
    panel.rail("place", view.config.place, low=0, high=100, label="Where in the held-out text, %")


def _writing(scene: Scene, view: View, key: str, title: str) -> None:
    """The line that it writes now, always with the same random numbers."""
    frame, config = view.frame, view.config
    told = [(f"“{piece.text}”", [("probability, before the knobs", f"{piece.chance:.1%}")]) for piece in frame.written]
    panel = prose(scene, key, title=title, pieces=[piece.text for piece in frame.written],
                  before=frame.prompt, told=told, aspect=0.6, weight=1.25)  # fmt: skip
    ways = ("sample", "greedy", "beam")
    panel.buttons([("at random", {"decoding": "sample"}), ("greedy", {"decoding": "greedy"}),
                   ("beam of 4", {"decoding": "beam"})], label="Next token",
                  chosen=ways.index(config.decoding))  # fmt: skip
    if config.decoding == "sample":
        panel.rail("temperature", config.temperature, low=0.0, high=2.0, label="Temperature",
                   marks=[(0.3, "careful"), (1.0, "1"), (1.7, "bold")])  # fmt: skip


def _bits(scene: Scene, view: View) -> None:
    """Bits a character against the step, over the lines of tables that count."""
    scores = view.frame.scores
    last = max(view.last_step, 60)
    left, right = -0.08 * last, 1.08 * last  # the dot at either end is seen whole
    top = 1.06 * scores["uniform"]
    steps, values = judged(view)
    shown = [scores[f"table_{n}"] for n in DRAWN] + [value for value in values if math.isfinite(value)]
    panel = scene.panel(
        "bits", title=words.bits_title(view), x=(left, right), y=(0.88 * min(shown), top), equal=False,
        x_label="step", y_label="bits a character", aspect=0.7,
    )  # fmt: skip
    lines = {f"table_{n}": (words.TABLE[n], TABLES[n]) for n in DRAWN}
    lines["uniform"] = ("any letter, at random", "neutral")
    for name, (label, colour) in lines.items():
        value = scores[name]
        panel.path([[left, value], [right, value]], colour=colour, width=2, head=False)
        panel.text(1.03 * last, value, f"{label} {value:.2f}", colour=colour, mark=False, before=True)
    panel.path(np.column_stack([steps, np.minimum(values, top)]), colour="positive", name=words.model(view), width=4)


def _surprise(scene: Scene, view: View) -> None:
    """A passage that it never trains on, each token on a colour as strong as it is surprised."""
    frame, config = view.frame, view.config
    surprise = np.array([-math.log2(max(piece.chance, 1e-12)) for piece in frame.held])
    told = [(f"“{piece.text}”: {bits:.1f} bits, {piece.chance:.1%}",
             [(f"{n}. {name}", f"{share:.1%}") for n, (name, share) in enumerate(piece.likeliest, 1)])
            for piece, bits in zip(frame.held, surprise, strict=True)]  # fmt: skip
    panel = prose(scene, "surprise", title=words.surprise_title(view), pieces=[piece.text for piece in frame.held],
                  strength=np.clip(surprise / SURPRISED, 0, 1),
                  scale=("0 bits", f"{SURPRISED:g} bits or more"),
                  told=told, aspect=0.7, weight=1.25)  # fmt: skip
    panel.rail("place", config.place, low=0, high=100, label="Where in the held-out text, %")


def _next(scene: Scene, view: View) -> None:
    """The likeliest tokens after the prompt, and what temperature, top-k and top-p leave of them."""
    frame = view.frame
    names = [name for name, _, _ in frame.next]
    count = len(names)
    high = max(0.2, *(max(before, after) for _, before, after in frame.next))
    panel = scene.panel("next", title=words.next_title(view), x=(0, 1.12 * high), y=(count - 0.4, -0.6), y_names=names,
                        x_label="probability", y_label="next token", equal=False, aspect=0.8)  # fmt: skip
    for row, (name, colour) in enumerate((("the model says", "neutral"), ("the knobs leave", "positive"))):
        bars = [(n, (before, after)[row]) for n, (_, before, after) in enumerate(frame.next)]
        lines = [[[0, n - 0.17 + 0.34 * row], [max(share, 1e-4), n - 0.17 + 0.34 * row]] for n, share in bars]
        panel.lines(lines, colour=colour, name=name, width=7)


def _tokens(scene: Scene, view: View) -> None:
    """A sentence as it was cut when so many merges had been made."""
    cut = view.frame.cut
    shared = sorted(set(cut.numbers), key=cut.numbers.index)
    told = [(f"“{name}”", [("number of the token", f"{number}")])
            for name, number in zip(cut.tokens, cut.numbers, strict=True)]  # fmt: skip
    panel = prose(scene, "tokens", title=words.tokens_title(view), pieces=list(cut.tokens), told=told,
                  group=[shared.index(number) % 10 for number in cut.numbers], aspect=0.6, weight=1.25)  # fmt: skip
    if cut.most:
        panel.rail("cut", cut.merges, low=0, high=cut.most, label="Merges made so far")
        panel.buttons([("back", {"cut": str(max(0, cut.merges - 1))}),
                       ("one more", {"cut": str(min(cut.most, cut.merges + 1))})], label="Merges")  # fmt: skip


def _shorter(scene: Scene, view: View) -> None:
    """How many characters a token of that sentence is long, merge by merge."""
    cut = view.frame.cut
    made, each = cut.per_token
    last = max(1.0, made[-1])
    panel = scene.panel("shorter", title=words.shorter_title(view), x=(-0.02 * last, 1.02 * last),
                        y=(0, 1.15 * max(1.5, float(each.max()))), x_label="merges made", y_label="characters a token",
                        equal=False, aspect=0.7)  # fmt: skip
    panel.path(np.column_stack([made, each]), colour="neutral", name="your sentence" if view.config.sentence else
               "this sentence", head=False, width=2.5)  # fmt: skip
    place = min(cut.merges, len(each) - 1)
    panel.points([[made[place], each[place]]], colours=["positive"], group=[0], size=8, name="as cut on the left")


def _merges(scene: Scene, view: View) -> None:
    """The last merges that had been made, the newest first."""
    cut = view.frame.cut
    if not cut.latest:
        return
    rows: list[Any] = [[Span(name, soft=True) for name in ("merge", "left", "right", "new token", "times it stood so")]]
    for n, (left, right, count) in enumerate(cut.latest[:6]):
        rows.append([str(cut.merges - n), Span(left, mono=True), Span(right, mono=True),
                     Span(left + right, mono=True, bold=True), f"{count:,}"])  # fmt: skip
    text(scene, "merges", rows, table=True, left=4, title="The last merges, the newest first", hold=0)


def _plane(scene: Scene, view: View) -> None:
    """The commonest tokens where their numbers put them."""
    frame = view.frame
    panel = scene.panel("plane", title="The numbers of the commonest tokens, in the plane where they differ most",
                        x=(-REACH, REACH), y=(-REACH, REACH), x_label="first direction", y_label="second direction",
                        equal=False, aspect=0.8, weight=1.25)  # fmt: skip
    for (x, y), name in zip(frame.embedding, frame.labels, strict=True):
        panel.text(float(x), float(y), name, centred=True)


def _numbers(scene: Scene, view: View) -> None:
    """Where the numbers of the model sit."""
    places = view.frame.places
    names = list(places)
    panel = scene.panel("numbers", title=words.numbers_title(view), x=(0, 1.25 * max(places.values()) / 1000),
                        y=(len(names) - 0.4, -0.6), y_names=names, x_label="thousands of parameters", y_label="",
                        equal=False, aspect=0.6)  # fmt: skip
    for n, (name, count) in enumerate(places.items()):
        panel.lines([[[0, n], [count / 1000, n]]], colour=PLACES[name], width=16)
        panel.text(1.01 * count / 1000, n, f"{count:,}", mark=False)
