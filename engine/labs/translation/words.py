"""What is said of the translators: titles, a sentence, the arithmetic of BLEU, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.translation.config import HELD_OUT, TITLES
from engine.labs.translation.scores import ORDERS, bleu, brevity, matches

ARTICLE_WORDS = ("lo", "la", "nu", "na")
PARTS = ("short", "middle", "long")
WAYS = {"greedy": "greedily", "beam": "by a beam of 4", "penalty": "by a beam of 4, length penalty 1"}


def inside_boxes(frame: Any) -> int:
    """How many boxed rows look most into their box."""
    if not frame.weights.size:
        return 0
    return sum(int(frame.weights[row].argmax()) == column for row, column in frame.boxes)


def matrix_title(view: View) -> str:
    """The title of the hero."""
    frame = view.frame
    if view.config.kinds[0] == "none":
        return "Without attention it looks nowhere: one vector holds the sentence"
    if not frame.boxes:
        return "Each row: how much it looks at which source word"
    found, asked = inside_boxes(frame), len(frame.boxes)
    if not view.step:
        return "Will dark cells move into the boxes?"
    return f"It looks into the box for {found} of {asked} words"


def lengths_title(view: View) -> str:
    """The title of the bars: BLEU of all, for each translator."""
    told = ", ".join(f"{view.frame.scores[f'bleu_{kind}']:.0f} {TITLES[kind]}" for kind in view.config.kinds)
    if not view.step:
        return "How good, by length? (BLEU)"
    return f"BLEU by length; all: {told}"


def tested_on(view: View) -> str:
    """Which sentences BLEU is of."""
    if view.frame.known:
        return f"{HELD_OUT} sentences, and training uses them too: the grammar has few"
    return f"{HELD_OUT} sentences that training never uses"


def marks(view: View) -> list[tuple[str, str]]:
    """What it would write in each row, and whether that is the right word."""
    frame = view.frame
    right = frame.reference if len(frame.reference) >= len(frame.rows) else ()
    colours = ["neutral"] * len(frame.rows)
    for j in range(len(frame.rows) if right else 0):
        colours[j] = "positive" if frame.guesses[j][0] == right[j] else "gradient"
    return [(_end(word), colour) for (word, _), colour in zip(frame.guesses, colours, strict=True)]


def _end(word: str) -> str:
    return "(end)" if word == "<end>" else "(nothing)" if word.startswith("<") else word


def right_so_far(words: tuple[str, ...], reference: tuple[str, ...]) -> list[bool]:
    """Which of `words` stand where the reference has them."""
    return [j < len(reference) and word == reference[j] for j, word in enumerate(words)]


def arithmetic(view: View) -> list[list[str]]:
    """Rows of BLEU's arithmetic for the sentence of the first translator: n-grams, and what becomes of them."""
    words, reference = view.frame.written[0].words, view.frame.reference
    rows = [["runs of words", "written", "also in the right one", "clipped to how often", "precision"]]
    for order in range(1, ORDERS + 1):
        clipped, found, every = matches(words, reference, order)
        share = f"{clipped} / {every} = {100 * clipped / every:.1f} %" if every else "none are that long: 0 %"
        rows.append([f"of {order}", str(every), str(found), str(clipped), share])
    score, precisions, short = bleu([words], [reference])
    c, r = len(words), len(reference)
    length = f"exp(1 − {r}/{c}) = {short:.3f}" if 0 < c < r else "no words: 0" if not c else "1"
    product = " · ".join(f"{p / 100:.2f}" for p in precisions)
    rows.append(
        ["all", f"{c} words, {r} are right", f"brevity penalty {length}", f"({product})^¼", f"BLEU {score:.1f}"]
    )
    return rows


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, scores, first = view.frame, view.frame.scores, view.config.kinds[0]
    if frame.ignored:
        return f"No words of this language, and left out: {' '.join(frame.ignored)[:60]}."
    if not all(math.isfinite(chance) for _, chance in frame.guesses):
        return "Its numbers are no numbers any more: it has diverged, and a smaller learning rate keeps them finite."
    if view.config.look_at and first != "attention":
        return (
            "Forced looks change nothing here: only the recurrent translator with attention can be told where to look."
        )
    if view.config.look_at and frame.weights.size:
        return "You say where it looks in the marked rows; see what it writes there now."
    if frame.known and not view.step:
        return (
            "So few sentences are in this grammar that it is tested on those that it is trained on: BLEU says little."
        )
    if not view.step:
        worth = f"Untrained its BLEU is {scores[f'bleu_{first}']:.0f} of 100"
        return f"{worth}: Play shows it pairs of sentences, but never which word belongs to which."
    few = " (on sentences trained on)" if frame.known else ""
    told = f"BLEU {scores[f'bleu_{first}']:.0f}{few}, {scores[f'exact_{first}']:.0%} exactly right"
    if first == "none":
        return f"One vector for the whole sentence: {told}."
    aligned = scores[f"aligned_{first}"]
    if aligned < 0.5:
        return f"It looks for where to look: {aligned:.0%} of its words in the right place, {told}."
    beside = f"; without attention BLEU {scores['bleu_none']:.0f}" if "bleu_none" in scores else ""
    return f"It looks at the right word for {aligned:.0%} of its words (articles apart): {told}{beside}."


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name.

    Of the sentences held out, for each translator: BLEU, its thirds, and how many are exactly right; 0 for one that is
    not trained.  Of the sentence on screen: the words in the box, `verb_at` (how much the row of the last word looks
    into its box), what an article looks at, BLEU and its n-grams, and what the search found.
    """
    frame, config = view.frame, view.config
    told: dict[str, float | str] = {
        "step": view.step, "pair": config.pair, "models": config.models, "clauses": config.clauses,
        "boxes": len(frame.boxes), "in_box": inside_boxes(frame), "agreement": config.agreement,
        "decoding": config.decoding, "penalty": config.length_penalty, "encoder": config.encoder,
        "source": " ".join(frame.source), "right": " ".join(frame.reference),
        "written": " ".join(frame.written[0].words) or "(nothing)", "words": len(frame.written[0].words),
        "asked": len(frame.reference), "log_prob": frame.written[0].log_prob, "forced": len(config.look_at),
        "first": config.kinds[0],
    }  # fmt: skip
    for kind in TITLES:
        for name in (
            "bleu",
            "exact",
            "aligned",
            "articles",
            "nouns",
            "near",
            "agree",
            *(f"bleu_{part}" for part in PARTS),
        ):
            value = frame.scores.get(f"{name}_{kind}", 0.0)
            told[f"{name}_{kind}"] = value if math.isfinite(value) else 0.0
    for way in WAYS:
        told |= {f"{name}_{way}": frame.scores.get(f"{name}_{way}", 0.0) for name in ("bleu", "words", "log_prob")}
    told |= {"judged": int("bleu_beam" in frame.scores), "words_right": frame.scores.get("words_right", 0.0)}
    return told | _of_bleu(frame) | _of_rows(frame, config)


def _of_bleu(frame: Any) -> dict[str, float | str]:
    words, reference = frame.written[0].words, frame.reference
    score, precisions, short = bleu([words], [reference])
    clipped, found, every = matches(words, reference, 1)
    return {"score": score, "short": short, "clipped": clipped, "unclipped": found, "unigrams": every,
            "pairs_right": matches(words, reference, 2)[0], "triples_right": matches(words, reference, 3)[0],
            "precision_1": precisions[0] / 100, "length_share": brevity(len(words), len(reference))}  # fmt: skip


def _of_rows(frame: Any, config: Any) -> dict[str, float | str]:
    """Of the last boxed row, and of rows that somebody made look elsewhere."""
    told: dict[str, float | str] = {"last_word": "", "last_in_box": 0.0, "last_box": "", "forced_word": "",
                                    "forced_at": "", "forced_right": "", "forced_chance": 0.0,
                                    "articles_near": 0.0, "articles_right": 0.0}  # fmt: skip
    if not frame.weights.size:
        return told
    if frame.boxes:
        row, column = frame.boxes[-1]
        told |= {"last_word": frame.rows[row], "last_box": frame.source[column],
                 "last_in_box": float(frame.weights[row, column])}  # fmt: skip
    for place in config.look_at[:1]:
        row, column = place // 100 - 1, place % 100 - 1
        if row < len(frame.rows) and column < len(frame.source):
            word, chance = frame.guesses[row]
            told |= {"forced_word": _end(word), "forced_at": frame.source[column], "forced_right": frame.rows[row],
                     "forced_chance": chance}  # fmt: skip
    articles = [(row, column) for row, column in frame.boxes if frame.rows[row] in ARTICLE_WORDS]
    if articles:
        near = [np.abs(np.arange(frame.weights.shape[1]) - column) <= 2 for _, column in articles]
        told |= {
            "articles_near": float(np.mean([frame.weights[row][close].sum() for (row, _), close in
                                            zip(articles, near, strict=True)])),
            "articles_right": float(np.mean([frame.guesses[row][0] == frame.rows[row] for row, _ in articles])),
        }  # fmt: skip
    return told
