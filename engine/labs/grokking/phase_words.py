"""What is said of the phase picture: a sentence, the numbers that lessons name, and a table of first steps."""

from __future__ import annotations

from typing import Any

from engine.contract.figure import Figure, Table, Text
from engine.labs.grokking.config import DECAYS, NETWORKS, SHARES


def say(phases: Any) -> str:
    """One sentence: how far the networks are."""
    by_heart, known = int((phases.by_heart > 0).sum()), int((phases.known > 0).sum())
    if by_heart < NETWORKS / 2:
        return f"{NETWORKS} networks learn the cells that they are shown; {by_heart} know theirs by heart."
    if not known:
        return f"{by_heart} of {NETWORKS} networks know their cells by heart, and none of them knows the new ones."
    return f"{by_heart} of {NETWORKS} networks know their cells by heart, and {known} of them the new ones too."


def facts(phases: Any) -> dict[str, float | str]:
    """How many networks knew what so far, and how well those without decay, and with most of it, do at best.

    The first steps (0: none) are at a decay of 1 with a share of 0.8 and of 0.6, and, less, at 0.3 with 0.8.
    """
    known, one, less = phases.known, DECAYS.index(1.0), DECAYS.index(0.3)
    six = int(known[one, SHARES.index(0.6)])
    return {
        "networks": NETWORKS, "by_heart": int((phases.by_heart > 0).sum()), "known": int((known > 0).sum()),
        "known_undecayed": int((known[0] > 0).sum()), "new_undecayed": float(phases.new_accuracy[0].max()),
        "by_heart_most": int((phases.by_heart[-1] > 0).sum()), "train_most": float(phases.train_accuracy[-1].max()),
        "since_80": int(known[one, -1]), "since_60": six,
        "since_less": int(known[less, -1]), "until_60": f"until step {six}" if six else "longer than this run",
    }  # fmt: skip


def first_steps(phases: Any) -> list[Figure]:
    """Of every network when it first knew its cells by heart, and when the new ones."""
    rows = []
    for decay, hearts, news in zip(DECAYS, phases.by_heart.tolist(), phases.known.tolist(), strict=True):
        told = [f"{heart or '–'} / {new or '–'}" for heart, new in zip(hearts, news, strict=True)]
        rows.append([f"{decay:g}", *told])
    return [
        Table(["Weight decay", *(f"share {share:g}" for share in SHARES)], rows[::-1],
              title="The step at which a network first knew its cells by heart / the new ones"),
        Text("By heart: 99 % of the cells shown are right. Known: 95 % of those that are new in both orders.", "note"),
    ]  # fmt: skip
