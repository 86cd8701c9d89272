"""The marks on a timeline: where something was changed, and what, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.contract.described import describe
from engine.contract.knobs import Config
from engine.runs.history import Intervention

BY_HAND = "changed by hand"
MOST = 1_000  # of a run: each is told to whoever watches, with every picture


@dataclass
class _Mark:
    step: int
    before: Config
    after: Config
    by_hand: bool = False


def marks(first: Config, interventions: Sequence[Intervention]) -> list[tuple[int, str]]:
    """The steps at which a run that began with `first` was changed, in order, with what was done there.

    All values of a drag are one mark, which stands where it ended.
    """
    found: list[_Mark] = []
    before, after, by_hand = first, first, False
    for intervention in interventions:
        if isinstance(intervention.change, Config):
            after = intervention.change
        else:
            by_hand = True
        if intervention.held:
            continue
        if found and found[-1].step == intervention.step:
            found[-1].after, found[-1].by_hand = after, found[-1].by_hand or by_hand
        else:
            found.append(_Mark(intervention.step, before, after, by_hand))
        before, by_hand = after, False
    return [(mark.step, _words(mark.before, mark.after, mark.by_hand)) for mark in found]


def steps(interventions: Sequence[Intervention]) -> tuple[int, ...]:
    """The steps of the marks alone."""
    return tuple(dict.fromkeys(i.step for i in interventions if not i.held))


@lru_cache(maxsize=4 * MOST)  # all of a run are asked for whenever one is added
def _words(before: Config, after: Config, by_hand: bool) -> str:
    turned = describe(after, before.seen_as(after))  # looking leaves no mark
    return ", ".join([text for text in (turned, BY_HAND if by_hand else "") if text]) or "set back"
