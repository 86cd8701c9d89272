"""What is drawn of the translators: where they look, how well they do by length, and how a sentence is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Formula, Table, Text
from engine.contract.view import Answer, Turn, View
from engine.labs.translation import words
from engine.labs.translation.config import HELD_OUT, TITLES
from engine.labs.translation.scores import bleu
from engine.labs.translation.words import PARTS, facts, say
from engine.scene.aligned import aligned
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene
from engine.scene.text import Span, text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

COLOURS = {"attention": "positive", "none": "class_3", "transformer": "class_2"}
FIRST, RIBBONS, TREE = 460, 340, 400  # pixels: how tall the rows of the stage are
DEEP = 14  # words of the tree that are drawn
FORCED = 48  # rows that can be made to look elsewhere


def stage(view: View) -> Scene:
    """The matrix beside BLEU by length; then the translation word by word, its search, and the arithmetic of BLEU."""
    scene = Scene(height=FIRST + RIBBONS + TREE)
    _matrix(scene, view)
    _lengths(scene, view)
    scene.row(RIBBONS / FIRST)
    _ribbons(scene, view)
    _sentences(scene, view)
    _looks(scene, view)
    scene.row(TREE / FIRST)
    _tree(scene, view)
    _found(scene, view)
    if view.frame.reference:
        _arithmetic(scene, view)
    return scene


def curves(view: View) -> Scene:
    """Loss, BLEU and its thirds, sentences exactly right, and where it looks."""
    if not view.curves:
        return Scene()
    scene = Scene(height=2 * 300 + 12)
    kinds = view.config.kinds
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    curves_panel(scene, "loss", title="Loss on new sentences, a word", y_title="cross-entropy in nats",
                 series={f"loss_{kind}": (TITLES[kind], COLOURS[kind]) for kind in kinds}, **common)  # fmt: skip
    curves_panel(scene, "bleu", title="BLEU, and sentences exactly right", y_title="BLEU; per cent",
                 series={f"bleu_{kind}": (f"BLEU, {TITLES[kind]}", COLOURS[kind]) for kind in kinds}
                 | {f"percent_{kind}": (f"exact, {TITLES[kind]}", FAINT[kind]) for kind in kinds},
                 history=_percent(view.curves), marker=view.marker)  # fmt: skip
    scene.row()
    thirds = {f"bleu_{part}_{kind}": (f"{part}, {TITLES[kind]}", COLOURS[kind] if part != "middle" else FAINT[kind])
              for kind in kinds for part in PARTS}  # fmt: skip
    curves_panel(scene, "thirds", title="BLEU by length", y_title="BLEU", series=thirds, **common)
    if any(f"aligned_{kind}" in view.curves for kind in kinds):
        looks = {f"aligned_{kind}": (f"words, {TITLES[kind]}", COLOURS[kind]) for kind in kinds if kind != "none"}
        looks |= {f"articles_{kind}": (f"articles, {TITLES[kind]}", FAINT[kind]) for kind in kinds
                  if f"articles_{kind}" in view.curves}  # fmt: skip
        curves_panel(scene, "aligned", title="How often it looks most at the true word", y_title="share of words",
                     series=looks, **common)  # fmt: skip
    return scene


FAINT = {"attention": "class_9", "none": "class_4", "transformer": "class_6"}


def _percent(curves: Any) -> dict[str, Any]:
    """The curves with the share of sentences that are exactly right in per cent, as BLEU is."""
    found = {f"percent_{name.removeprefix('exact_')}": (steps, 100 * np.asarray(values))
             for name, (steps, values) in curves.items() if name.startswith("exact_")}  # fmt: skip
    return {**curves, **found}


def inside(view: View) -> list[Figure]:
    """What each translator gets right, by length; and what an article looks at."""
    frame = view.frame
    header = ["Translator", "BLEU", *(f"{part} ({length} words)" for part, length in
                                      zip(PARTS, frame.lengths, strict=True)),
              "Exactly right", "Looks at the true word", "of articles"]  # fmt: skip
    rows = []
    for kind in view.config.kinds:
        found = {name: frame.scores.get(f"{name}_{kind}") for name in
                 ("bleu", *(f"bleu_{part}" for part in PARTS), "exact", "aligned", "articles")}  # fmt: skip
        cells = {name: "–" if value is None else f"{value:.1f}" if name.startswith("bleu") else f"{value:.0%}"
                 for name, value in found.items()}  # fmt: skip
        rows.append([TITLES[kind], *cells.values()])
    return [
        Table(header, rows, title=words.tested_on(view)),
        Text("An article has its box at the article of the source, but what it has to know is the gender of the noun. "
             "An encoder that reads in two directions has carried that to the words around the noun, so there is more "
             "than one place to look.", "note"),
        Formula(r"\alpha_{ts} = \frac{\exp\, h_t^\top W s_s}{\sum_{s'} \exp\, h_t^\top W s_{s'}}"),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A click on a cell makes its row look there, and only there; a second click lets it go."""
    if pick["kind"] != "cell":
        return None
    row, column = (int(pick[name]) for name in ("row", "column"))
    if not (0 <= row < 48 and 0 <= column < len(view.frame.source)) or view.config.kinds[0] != "attention":
        return None
    place, kept = 100 * (row + 1) + column + 1, [p for p in view.config.look_at if p // 100 != row + 1]
    chosen = kept if place in view.config.look_at else [*kept, place]
    return Turn({"look_at": tuple(chosen[-FORCED:])})


def _matrix(scene: Scene, view: View) -> None:
    frame, config = view.frame, view.config
    cells = [(place // 100 - 1, place % 100 - 1) for place in config.look_at]
    given = "writes there" if config.rows == "right" and frame.reference else "would write"
    panel = aligned(
        scene, "matrix", title=words.matrix_title(view), source=frame.source, target=frame.rows, weights=frame.weights,
        boxes=frame.boxes, marks=words.marks(view), axes=("source", "translation"), ends=(given, "true alignment"),
        forced=[(row, column) for row, column in cells if row < len(frame.rows) and column < len(frame.source)
                and frame.weights.size], weight=1.5,
    )  # fmt: skip
    if not frame.own:
        panel.rail("shown", config.shown, low=1, high=HELD_OUT, label="Sentence, from short to long")


def _lengths(scene: Scene, view: View) -> None:
    """A bar for each translator and each third of the sentences, by length."""
    frame, kinds = view.frame, view.config.kinds
    panel = scene.panel(
        "lengths", title=words.lengths_title(view), x=(-0.5, 2.5), y=(0, 109), x_names=list(frame.lengths), equal=False,
        x_label="words in the sentence: three thirds", y_label="BLEU: runs of words right", aspect=0.8,
    )  # fmt: skip
    wide = 0.8 / len(kinds)
    for n, kind in enumerate(kinds):
        for third, part in enumerate(PARTS):
            left, value = third + (n - len(kinds) / 2) * wide, float(frame.scores[f"bleu_{part}_{kind}"])
            edges, name = np.array([left + 0.02, left + wide - 0.02]), "" if third else TITLES[kind]
            panel.band(edges, [0, 0], [max(value, 0.4)] * 2, colour=COLOURS[kind])
            panel.path(np.array([[edges[0], 0], *([x, max(value, 0.4)] for x in edges), [edges[1], 0]]),
                       colour=COLOURS[kind], width=2.5, head=False, name=name)  # fmt: skip
            panel.text(float(edges.mean()), value + 4, f"{value:.0f}", centred=True)


def _ribbons(scene: Scene, view: View) -> None:
    """What the first translator writes by itself, as far as it is shown, and where each word looked."""
    frame, config = view.frame, view.config
    mine = frame.written[0]
    shown = min(config.written, max(1, len(mine.words)))
    said = mine.words[:shown]
    right = words.right_so_far(said, frame.reference)
    colours = [("positive" if fine else "gradient") if frame.reference else "neutral" for fine in right]
    boxes = [(j, at) for j, (fine, at) in enumerate(zip(right, frame.alignment, strict=False)) if fine]
    panel = aligned(
        scene, "ribbons", title="Click: it is written word by word", source=frame.source, target=said,
        weights=mine.weights[:shown], boxes=boxes,
        marks=[("", colour) for colour in colours], axes=("source", f"what it writes by itself ({config.decoding})"),
        ends=("", "at the true word" if mine.weights.size else ""), ribbons=True,
    )  # fmt: skip
    if len(mine.words) > 1:
        panel.rail("written", shown, low=1, high=len(mine.words), label="Words written so far")


def _sentences(scene: Scene, view: View) -> None:
    """The source, the right translation, and what each translator makes of it; wrong words are underlined."""
    frame = view.frame
    rows: list[Any] = [[Span("source", soft=True), " ".join(frame.source), ""]]
    right = " ".join(frame.reference) if frame.reference else "nobody knows: the grammar has no such sentence"
    rows.append([Span("right", soft=True), right, ""])
    for each in frame.written:
        fine = words.right_so_far(each.words, frame.reference)
        spans = [Span(f"{word} ", underlined=bool(frame.reference) and not good)
                 for word, good in zip(each.words, fine, strict=True)]  # fmt: skip
        score = f"BLEU {bleu([each.words], [frame.reference])[0]:.0f}" if frame.reference else ""
        rows.append([Span(TITLES[each.kind], colour=COLOURS[each.kind], bold=True), spans or "(nothing)", score])
    if frame.ignored:
        rows.append([Span("left out", soft=True), f"no words of this language: {' '.join(frame.ignored)[:80]}", ""])
    text(scene, "sentences", rows, table=True, left=2, title="Translations", hold=0.5)


def _looks(scene: Scene, view: View) -> None:
    """Where words and articles are looked for, over all sentences held out; what lessons say of it stands here."""
    scores = view.frame.scores
    rows: list[Any] = [[Span(name, soft=True) for name in (
        f"{HELD_OUT} new sentences", "exactly right", "looks most at the true word", "articles: at the article",
        "at its noun", "at it or next to it", "article right")]]  # fmt: skip
    for kind in view.config.kinds:
        found = [scores.get(f"{name}_{kind}") for name in ("exact", "aligned", "articles", "nouns", "near", "agree")]
        rows.append([Span(TITLES[kind], colour=COLOURS[kind], bold=True),
                     *("–" if value is None else f"{value:.0%}" for value in found)])  # fmt: skip
    text(scene, "looks", rows, table=True, title="Where it looks", hold=0.5)


def _tree(scene: Scene, view: View) -> None:
    """The search: at each word what was kept, and in grey the best that was dropped."""
    frame, config = view.frame, view.config
    longest = max((branch.depth for branch in frame.tree), default=1)
    first = min(config.tree_from, max(1, longest - DEEP + 1))  # of the words that are drawn
    seen = {n: branch for n, branch in enumerate(frame.tree) if first <= branch.depth < first + DEEP}
    place: dict[int, tuple[float, float]] = {}
    count: dict[int, int] = {}
    for n, branch in seen.items():
        place[n] = (branch.depth - first + 1, -count.setdefault(branch.depth, 0))
        count[branch.depth] += 1
    deep, high = len(count) or 1, max(count.values(), default=1)
    how = {"greedy": "the likeliest next word", "sample": "drawn by lot"}.get(
        config.decoding, f"a beam of {config.beam}"
    )
    panel = scene.panel(
        "tree", title=f"The search: {how}", x=(-0.2, deep + 0.6), y=(0.6 - high, 0.8), equal=False, aspect=0.7,
        x_names=["start" if first == 1 else "…", *map(str, range(first, first + deep))],
        x_label="word of the translation, and log probability so far",
        y_label="likeliest on top", y_names=[""],
    )  # fmt: skip
    edges: dict[str, list[Any]] = {"grid": [], "neutral": [], "positive": []}
    if longest > DEEP:
        panel.rail("tree_from", first, low=1, high=longest - DEEP + 1, label="Words from")
    for n, branch in seen.items():
        colour = "positive" if branch.best else "neutral" if branch.kept else "grid"
        edges[colour].append([place.get(branch.parent, (0.0, 0.0)), place[n]])
    for colour, name in (("grid", "dropped"), ("neutral", "kept"), ("positive", "the sentence")):
        panel.lines(np.array(edges[colour], np.float32).reshape(-1, 2, 2), colour=colour, name=name,
                    width=3 if colour == "positive" else 1.5)  # fmt: skip
    for n, branch in seen.items():
        said = f"{'(end)' if branch.word == '<end>' else branch.word} {branch.log_prob:.1f}".replace("-", "−")
        panel.text(*place[n], said, colour="text" if branch.kept else "neutral", centred=True)


def _found(scene: Scene, view: View) -> None:
    """The finished sentences, best first."""
    frame, penalty = view.frame, view.config.length_penalty
    rows: list[Any] = [[Span(name, soft=True) for name in
                        ("found", "log probability", "after the length penalty", "words", "BLEU")]]  # fmt: skip
    for said, log_prob, score in frame.sentences:
        value = f"{bleu([said], [frame.reference])[0]:.0f}" if frame.reference else "–"
        rows.append([" ".join(said) or "(nothing)", f"{log_prob:.2f}", f"{score:.2f}" if penalty else "none",
                     str(len(said)), value])  # fmt: skip
    text(scene, "found", rows, table=True, title="Sentences found", hold=0.5)
    if "bleu_beam" in frame.scores:
        judged: list[Any] = [
            [Span(name, soft=True) for name in ("32 new sentences", "log probability", "words", "BLEU")]
        ]
        for way, name in words.WAYS.items():
            log_prob, count, value = (frame.scores[f"{what}_{way}"] for what in ("log_prob", "words", "bleu"))
            judged.append(
                [name, f"{log_prob:.1f}", f"{count:.1f} of {frame.scores['words_right']:.1f}", f"{value:.0f}"]
            )
        text(scene, "judged", judged, table=True, title="Greedy and beam", hold=0.5)


def _arithmetic(scene: Scene, view: View) -> None:
    head, *rows = words.arithmetic(view)
    text(scene, "arithmetic", [[Span(name, soft=True) for name in head], *rows], table=True,
         title="BLEU's arithmetic", hold=0.5)  # fmt: skip
