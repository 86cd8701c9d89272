"""What is said of masked diffusion: titles, a sentence, and the numbers that its lesson names."""

from __future__ import annotations

from engine.contract.view import View
from engine.labs.language_model.bits import mean_bits


def title(view: View) -> str:
    """In how many passes the line is filled."""
    count = view.frame.film.count
    when = f"after {view.step} steps" if view.step else "before it has learned anything"
    return f"From blanks to text in {count} {'passes' if count > 1 else 'pass'}, {when}"


def blanks_title(view: View) -> str:
    """How many blanks of the held-out text are right."""
    hidden = [blank for blank in view.frame.blanks if blank.hidden]
    return f"Text that it never trains on: {sum(blank.right for blank in hidden)} of {len(hidden)} blanks right"


def fit(view: View) -> float:
    """Bits a token of the line, in the mean, when it and every fourth are hidden."""
    return mean_bits(view.frame.film.fits)


def text_fit(view: View) -> float:
    """The same of held-out text."""
    return mean_bits(view.frame.film.text_fits)


def line(view: View) -> list[list[str]]:
    """How well tokens fit those around them, of the line and of the held-out text."""
    return [["its tokens, three of four others given", f"{fit(view):.1f} bits", "–", "–"],
            ["held-out text, three of four others given", f"{text_fit(view):.1f} bits", "–", "–"]]  # fmt: skip


def say(view: View) -> str:
    """One sentence: what to look at now."""
    if not view.step:
        return "All begins blank, and each pass fills some of it: on Play it learns from pieces with any number hidden."
    if view.frame.film.count == 1:
        return "One pass fills all at once: no letter knows which ones its neighbours have become."
    return "Each line is a pass: what was filled before is given to the next, and is not changed any more."


def facts(view: View) -> dict[str, float | str]:
    """How well the line fits itself, and in how many passes, and in which order, it was filled."""
    return {"fit": fit(view), "text_fit": text_fit(view),
            "fit_apart": fit(view) - text_fit(view), "in_passes": view.frame.film.count,
            "order": view.config.order, "length": len(view.frame.film.texts)}  # fmt: skip
