"""What is said of a language model: titles, a sentence, and the numbers that lessons name."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.language_model import film_words, world_words
from engine.labs.language_model.bits import mean_bits
from engine.labs.language_model.config import EVERY
from engine.labs.language_model.units import parts

TABLE = {1: "how often each letter comes", 2: "bigram table: last letter"} | {
    n: f"{name} table: last {n - 1} letters"
    for n, name in ((3, "trigram"), (4, "4-gram"), (5, "5-gram"), (6, "6-gram"))
}
WORSE = 0.15  # bits above the fewest so far
BY_HEART, LATELY = 0.3, 20  # nats that training is ahead of held-out text, in the mean of the last steps
NAMES = {n: label.split(":")[0] for n, label in TABLE.items()}


def _bits(value: float) -> str:
    return f"{value:.2f} bits" if math.isfinite(value) else "no number of bits"


def writing_title(view: View) -> str:
    """The title of the hero."""
    if view.frame.film is not None:
        return film_words.title(view)
    if view.frame.blanks:
        hidden = [blank for blank in view.frame.blanks if blank.hidden]
        right = f"{sum(blank.right for blank in hidden)} of {len(hidden)} right"
        when = f"after {view.step} steps" if view.step else "before it has learned anything"
        return f"What it puts into blanks {when}: {right}"
    how = {"greedy": ", always the likeliest token", "beam": ", the likeliest line that a beam finds"}.get(
        view.config.decoding, "")  # fmt: skip
    if not view.step:
        return f"What it writes before it has learned anything{how}"
    return f"What it writes after {view.step} steps{how}"


def model(view: View) -> str:
    """What the model's line of bits is called."""
    return "this model" if view.frame.film is None else "this model, at most"


def alone_title(view: View) -> str:
    """The title of the line of a model that has learned to fill blanks."""
    return f"What it writes, a blank at the end each time, after {view.step} steps"


def bits_title(view: View) -> str:
    """How many bits a character costs now, and which table that beats."""
    if not view.step:
        return "How well does it predict text that it never sees?"
    beaten = ahead_of(view)
    now = f"{'at most ' * (view.frame.film is not None)}{_bits(view.frame.scores['bits'])}"
    now = now[0].upper() + now[1:]
    if view.frame.blanks and view.frame.film is None and not (worse(view) or by_heart(view)):
        table = "letter counts" if beaten == 1 else f"the {NAMES.get(beaten)}"
        return f"{now} a hidden character: {f'ahead of {table}' if beaten else 'no table is beaten yet'}"
    if by_heart(view):
        return f"{now} a character, and rising: it learns by heart what it trains on"
    if worse(view):
        return f"{now} a character, and it was {best(view):.2f} before"
    if not beaten:
        return f"{now} a character: no table that counts is beaten yet"
    return f"{now} a character: ahead of {'letter counts' if beaten == 1 else f'the {NAMES[beaten]}'}"


def best(view: View) -> float:
    """The fewest bits up to the step on screen."""
    steps, values = view.curves.get("bits", ((), ()))
    found = [float(value) for at, value in zip(steps, values, strict=True) if at <= view.step and math.isfinite(value)]
    return min(found, default=view.frame.scores["bits"])


def worse(view: View) -> bool:
    """Whether it has been better on held-out text before, by more than chance."""
    return bool(view.frame.scores["bits"] > best(view) + WORSE)


def by_heart(view: View) -> bool:
    """Whether it gets worse on held-out text because it is so much better on what it trains on."""
    return bool(worse(view) and training(view) < view.frame.scores["nats"] - BY_HEART)


def training(view: View) -> float:
    """Nats a token on what it trains on, in the mean of the last steps; before them those of the held-out text."""
    steps, values = view.curves.get("loss", ((), ()))
    lately = [float(value) for at, value in zip(steps, values, strict=True) if at <= view.step][-LATELY:]
    found = sum(lately) / len(lately) if lately else view.frame.scores["nats"]
    return found if math.isfinite(found) else 0.0


def ahead_of(view: View) -> int:
    """The longest of the tables up to four that the model is ahead of, together with all shorter ones; 0 if none."""
    scores, found = view.frame.scores, 0
    for n in (1, 2, 3, 4):
        if not scores["bits"] < scores[f"table_{n}"]:
            break
        found = n
    return found


def judged(view: View, score: str = "bits") -> tuple[Any, Any]:
    """The steps at which it was judged, and its bits, or another score, there; the first is step 0."""
    steps, values = (np.asarray(each, dtype=float) for each in view.curves.get(score, ((), ())))
    at = steps % EVERY == 0
    if not len(values):
        return np.zeros(1), np.array([view.frame.scores[score]])
    first = values[:1] if steps[0] < EVERY else np.array([np.nan])
    steps, values = np.concatenate([[0], steps[at]]), np.concatenate([first, values[at]])
    kept = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), 300)).round().astype(int))
    return steps[kept], values[kept]


def surprise_title(view: View) -> str:
    return "Text that it never trains on: what surprises it?"


def next_title(view: View) -> str:
    """How many tokens may be drawn."""
    frame, config = view.frame, view.config
    prompt = frame.prompt[-18:].replace("\n", "⏎")
    if config.decoding == "beam":
        return f"What may come after “{prompt}”"
    left = f"{frame.left:,} of {frame.vocabulary:,} tokens left" if frame.left > 1 else "one token left"
    return f"What may come after “{prompt}”: {left}"


def tokens_title(view: View) -> str:
    """How the sentence is cut."""
    cut, unit = view.frame.cut, view.config.unit
    if unit == "characters":
        return f"Tokens are characters: {len(cut.tokens)} of them here"
    if not cut.merges:
        return f"Tokens are bytes: {len(cut.tokens)} for {cut.characters} characters"
    left, right, count = cut.latest[0]
    return f"Tokens, merge by merge: number {cut.merges} joins {left} and {right}, side by side {count:,} times"


def shorter_title(view: View) -> str:
    """How long a token of the sentence is."""
    cut = view.frame.cut
    each = cut.characters / max(1, len(cut.tokens))
    return f"{len(cut.tokens)} tokens, {each:.2f} characters each" if cut.most else "Nothing is merged"


def numbers_title(view: View) -> str:
    """How many numbers there are, and what share are embeddings."""
    places = view.frame.places
    every, share = sum(places.values()), places.get("embedding and output", 0)
    return f"{every:,} numbers, {share / max(1, every):.0%} of them for the tokens themselves"


@lru_cache(maxsize=8)
def known_words(text_key: str) -> frozenset[str]:
    """The words of the whole text, in small letters."""
    return frozenset(_words("".join(parts(text_key))))


def _words(said: str) -> list[str]:
    return [word for word in "".join(c.lower() if c.isalpha() else " " for c in said).split() if word]


def written_words(view: View) -> tuple[int, float]:
    """How many whole words of three letters or more it wrote, and what share of them stand in the text."""
    said = "".join(piece.text for piece in view.frame.written)
    found = [word for word in _words(said)[1:-1] if len(word) > 2]  # the first and the last may be torn
    known = known_words(view.config.text_key)
    return len(found), sum(word in known for word in found) / max(1, len(found))


def repeats(view: View) -> float:
    """What share of the runs of four tokens that it wrote had been written before."""
    said = [piece.text for piece in view.frame.written]
    runs = Counter(zip(said, said[1:], said[2:], said[3:], strict=False))
    every = sum(runs.values())
    return (every - len(runs)) / max(1, every)


def surprises(pieces: Sequence[Any]) -> float:
    """Bits a token, in the mean, of tokens that came with these probabilities."""
    return mean_bits(piece.chance for piece in pieces)


def line(view: View) -> list[list[str]]:
    """What can be counted of the line that it wrote, and of the text that it never trains on."""
    count, share = written_words(view)
    frame = view.frame
    shown = [["the held-out text shown", f"{surprises(frame.held):.1f} bits", "all", "–"]]
    if frame.blanks:
        shown = [["blanks, from both sides", f"{surprises(frame.held):.1f} bits", "–", "–"],
                 ["blanks, all after them hidden too", f"{left_alone(view):.1f} bits", "–", "–"]]  # fmt: skip
    if frame.film is not None:
        shown = [shown[0], *film_words.line(view)]
    return [
        ["", "surprise a token, to the model itself", "words of three letters or more that the text has",
         "runs of four tokens that came before"],
        ["the line that it writes", f"{surprises(frame.written):.1f} bits",
         f"{share:.0%} of {count}" if count else "none written", f"{repeats(view):.0%}"],
        *shown,
    ]  # fmt: skip


def left_alone(view: View) -> float:
    """Bits a blank, in the mean, if all that stands after it is hidden too."""
    return mean_bits(blank.before for blank in view.frame.blanks if blank.hidden)


def say(view: View) -> str:
    """One sentence: what to look at now."""
    scores, step = view.frame.scores, view.step
    if view.frame.world is not None:
        return world_words.say(view)
    if not math.isfinite(scores["bits"]):
        return "Its numbers are no numbers any more: it has diverged, and a smaller learning rate keeps them finite."
    if view.frame.film is not None and not (by_heart(view) or worse(view)):
        return film_words.say(view)
    if not step and view.frame.blanks:
        return "Some tokens are hidden: on Play it learns to guess them from what stands before and after."
    if not step:
        part = " (� is part of a letter)" if any("�" in piece.text for piece in view.frame.written) else ""
        tokens = "pieces of words" if view.config.unit == "bpe" else view.config.unit
        return f"Untrained it picks {tokens} at random{part}: on Play the same line gets better."
    if by_heart(view):
        return (
            "It learns by heart what it trains on, and gets worse at the rest: give it a longer text, or some dropout."
        )
    if worse(view):
        return f"It was better before, {_bits(best(view))} a character: a smaller learning rate may bring it back."
    beaten = ahead_of(view)
    if view.frame.blanks and not beaten:
        return "First it learns which tokens are common at all, whatever stands around a blank."
    if view.frame.blanks:
        return "What stands before and after a blank tells what it hides: blue guesses are right, orange ones are not."
    if beaten < 2:
        return "First it learns which letters and pieces are common at all."
    if beaten < 4:
        return "Then which ones stand side by side: pieces become words, and nobody told it what a word is."
    return "Now whole words and their endings: it is ahead of a table that has counted all runs of four letters."


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name.

    Bits and nats on held-out text, the tables' bits, how many words it wrote and the share of real ones, the share of
    runs of four tokens that come again, how many tokens the knobs leave, and where the numbers of the model sit.
    """
    frame, config = view.frame, view.config
    scores = {name: value if math.isfinite(value) else 0.0 for name, value in frame.scores.items()}
    if frame.world is not None:
        return scores | world_words.facts(view)
    count, share = written_words(view)
    every = sum(frame.places.values())
    cut = frame.cut
    told: dict[str, float | str] = {
        **scores, "step": view.step, "unit": config.unit, "model": config.model, "decoding": config.decoding,
        "own": int(bool(config.text_key)), "rank": config.rank, "width": config.model_width,
        "temperature": config.temperature, "top_p": config.top_p, "merges": config.merges, "words": count,
        "real": share, "repeats": repeats(view), "left": frame.left, "vocabulary": frame.vocabulary,
        "ahead": ahead_of(view), "numbers": every, "for_tokens": frame.places.get("embedding and output", 0) / every,
        "surprise": surprises(frame.held),
        "line": surprises(frame.written),
        "line_share": surprises(frame.written) / max(surprises(frame.held), 1e-9),
        "objective": config.objective, "masked": config.masked, "left_alone": left_alone(view),
        "cut_tokens": len(cut.tokens), "cut_characters": cut.characters,
        "cut_merges": cut.merges, "characters_a_token": cut.characters / max(1, len(cut.tokens)),
        "written": "".join(piece.text for piece in frame.written)[:80].replace("\n", " "),
    }  # fmt: skip
    if frame.film is not None:
        told |= film_words.facts(view)
    told["training"] = training(view)
    told["gap_nats"] = scores["nats"] - training(view)
    told["tokens"] = frame.text[1]
    told["passes"] = view.step * config.batch_size * config.context / max(1, frame.text[1])
    told["best"] = best(view) if math.isfinite(best(view)) else 0.0
    return told


__all__ = ["TABLE", "facts", "say"]
