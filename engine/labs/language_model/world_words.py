"""What is said of word vectors in the made world: titles, notes, a sentence, and the numbers that a lesson names."""

from __future__ import annotations

import math

from engine.contract.view import View
from engine.labs.language_model.made_world import NOUNS


def sum_of(view: View) -> str:
    """The sum that is asked for: a - b + c, in words."""
    a, b, c = (NOUNS[word] for word in view.frame.world.given)
    return f"{a} − {b} + {c}"


def title(view: View) -> str:
    """Which other word a - b + c is nearest to."""
    when = f"after {view.step} steps" if view.step else "before it has learned anything"
    return f"{sum_of(view)}: the nearest other word is {view.frame.world.nearest[0][0]} {when}"


def right_title(view: View) -> str:
    """How many of all analogies are right."""
    people, places = view.frame.scores["people"], view.frame.scores["places"]
    return f"{people:.0%} of the analogies of people are right, {places:.0%} of those of places"


def nearest_title(view: View) -> str:
    return f"Words nearest to {sum_of(view)}, but for these three"


def nearest_note(view: View) -> str:
    """Which word would be the nearest if none were left out."""
    return f"As is usual a, b and c are left out; of all words the nearest is {view.frame.world.of_all}."


def rows_title(view: View) -> str:
    return "Who stands beside whom, more often than by chance (PMI)"


def rows_names(view: View) -> list[str]:
    """What the rows of information are of."""
    a, b, c = (NOUNS[word] for word in view.frame.world.given)
    return [a, b, c, sum_of(view), view.frame.world.nearest[0][0]]


def rows_note(view: View) -> str:
    """How far the last two rows are apart."""
    return f"The last two rows differ by {gap(view):.2f} in the mean; entries go up to {most(view):.1f}."


def gap(view: View) -> float:
    """How far the row of a - b + c and that of the nearest word are apart, in the mean of their entries."""
    apart = [abs(float(x)) for x in (view.frame.world.rows[3] - view.frame.world.rows[4])]
    return sum(apart) / max(1, len(apart))


def most(view: View) -> float:
    """The largest entry of all rows."""
    return float(view.frame.world.rows.max(initial=0.0))


def say(view: View) -> str:
    """One sentence: what to look at now."""
    least = min(view.frame.scores["people"], view.frame.scores["places"])
    if not len(view.frame.embedding):
        return "Its numbers are no numbers any more: it has diverged, and a smaller learning rate keeps them finite."
    if not view.step:
        return "Random vectors: on Play words that stand beside the same words come to lie side by side."
    if least < 0.9:
        return "Words that have the same neighbours gather, and arrows of pairs begin to point one way."
    return "Arrows of pairs are parallel, whoever they join; click a word to make it c, and see where a − b leads."


def facts(view: View) -> dict[str, float | str]:
    """The numbers that the lesson on the made world names."""
    world, config = view.frame.world, view.config
    cosine = world.nearest[0][1]
    a, b, c = (NOUNS[word] for word in world.given)
    return {
        "step": view.step, "objective": config.objective, "model": config.model, "a": a, "b": b, "c": c,
        "reading": config.reading, "width": config.model_width, "nearest": world.nearest[0][0],
        "cosine": cosine if math.isfinite(cosine) else 0.0, "of_all": world.of_all, "gap": gap(view),
        "most": most(view), "gap_share": gap(view) / max(1e-6, most(view)),
    }  # fmt: skip
