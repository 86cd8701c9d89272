"""What is said of a mixture of experts: what to look at now, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View

IDLE = 0.01  # share of all choices up to which an expert does not count as working
NEAR = 0.5  # by less than this a guess is off that counts as right; the numbers' standard deviation is about 1
FREQUENT = 20  # characters, the most frequent first


def facts(view: View) -> dict[str, float | str]:
    """Errors of the three networks, loads, balance, and how much an expert tells of its tokens.

    `began` experts worked after the first step, `working` do now, and the busiest has the load `most`.  `told` is the
    share of places at experts whose cluster is guessed right as the commonest one of that expert; NaN on text, where
    `gathered` of the 20 most frequent characters send more than half of their tokens to one expert.  `common` is how
    the answers of the last shared expert correlate with the slope that all clusters have in common; 0 without one.
    """
    frame, config = view.frame, view.config
    moe, compute, size = frame.scores
    return {
        "step": view.step, "moe": moe, "equal_compute": compute, "equal_size": size, "ahead": compute - moe,
        "beyond": abs(size - moe), "experts": config.experts, "began": began(view), "working": working(frame),
        "most": float(frame.load.max()), "violation": frame.violation, "information": frame.information,
        "told": told(frame), "dropped": dropped(frame), "alike": frame.alike, "likeness": _signed(frame.alike),
        "pairs": f"any two routed experts correlate by {_signed(frame.alike)}",
        "common": _common(view), "gathered": gathered(frame), "stands": _stands(view),
    }  # fmt: skip


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, config = view.frame, view.config
    moe, idle = frame.scores[0], config.experts - working(frame)
    if not math.isfinite(moe):
        return "The error is no number any more: it has diverged, and a smaller learning rate keeps it finite."
    if not view.step:
        return _before(view)
    if config.experts == 1:
        return f"One expert has all tokens, as a dense network has; its error is {moe:.3f}."
    if idle and working(frame) <= config.top_k:
        return f"Collapsed: expert {int(frame.load.argmax()) + 1} gets everything, and {idle} learn nothing any more."
    if dropped(frame) > IDLE:
        return f"{dropped(frame):.0%} of the choices found no seat and are dropped; error {moe:.3f}."
    if frame.passage:
        means = f"mutual information {frame.information:.2f}, where 1 would mean that it tells the character"
        return f"The expert tells something of its character: {means}."
    means = f"mutual information {frame.information:.2f}: the expert gives away the cluster of {told(frame):.0%}"
    return f"{working(frame)} of {config.experts} experts work; {means} of tokens."


def _before(view: View) -> str:
    """What is there before the first step, and what Play will do."""
    frame, experts = view.frame, view.config.experts
    if experts == 1:
        return f"One small network has all tokens: Play teaches it, its error is {frame.scores[0]:.2f} now."
    if frame.passage:
        return f"A router sends each character to one of {experts} small networks: Play teaches both what comes next."
    to = "its area's expert" if view.config.top_k == 1 else f"{view.config.top_k} of {experts} experts"
    told = f"Each dot, a token, has a number to be guessed by {to}"
    if not view.config.balance_loss:
        return f"{told}: Play trains them, and nothing keeps their shares even."
    return f"{told}: press Play, and dots fill when it is right."


def plane_title(view: View) -> str:
    """What is to be seen on the plane: who shares the tokens, and who has none."""
    experts, busy = view.config.experts, working(view.frame)
    if experts == 1:
        return f"One expert has all the tokens: {right(view.frame):.0%} guessed right"
    if not view.step and busy == experts:
        return f"{experts} untrained experts guess {right(view.frame):.0%} of the dots right"
    if busy == experts:
        return f"{experts} experts share the tokens: {right(view.frame):.0%} guessed right"
    idle = [str(i + 1) for i, load in enumerate(view.frame.load) if load <= IDLE]
    have = f"{busy} of {experts} experts share the tokens"
    if busy == 1:
        have = f"Expert {int(view.frame.load.argmax()) + 1} has all the tokens"
    if len(idle) > 3:
        return f"{have}, and the other {len(idle)} have nothing to learn from"
    if len(idle) == 1:
        return f"{have}, and expert {idle[0]} has none"
    return f"{have}, and experts {', '.join(idle[:-1])} and {idle[-1]} have none"


def right(frame: Any) -> float:
    """Share of the dots whose number is guessed right; who was dropped has guessed nothing."""
    found = (np.abs(frame.guessed - frame.wanted) < NEAR) & ~frame.dropped
    return float(found.mean()) if len(frame.wanted) else math.nan


def working(frame: Any) -> int:
    """How many experts get more than `IDLE` of the choices."""
    return int((frame.load > IDLE).sum())


def began(view: View) -> int:
    """How many experts did after the first step; before it, how many do."""
    loads = [values for name, (_, values) in view.curves.items() if name.startswith("load.")]
    return sum(bool(values[0] > IDLE) for values in loads if len(values)) if loads else working(view.frame)


def dropped(frame: Any) -> float:
    """Share of the choices that found their expert full."""
    return float(frame.flow[:, -1].sum())


def told(frame: Any) -> float:
    """Share of the places at experts whose cluster is the commonest one at that expert; NaN on text."""
    kept = frame.flow[:, :-1]
    return float(kept.max(0).sum() / kept.sum()) if not frame.passage and kept.sum() > 0 else math.nan


def gathered(frame: Any) -> int:
    """How many of the most frequent characters send more than half of their tokens to one expert."""
    return int((frame.character_flow[:FREQUENT] > 0.5).any(axis=1).sum())


def _common(view: View) -> float:
    """Correlation of the last shared expert's answers with the common slope over the plane."""
    answers = view.frame.expert_answers
    if not view.config.shared or not answers.size:
        return 0.0
    across = np.linspace(-1, 1, answers.shape[1])
    slope = 0.894 * across + 0.447 * across[:, None]  # (y, x), as in tokens.py
    last = answers[-1]
    return float(np.corrcoef(last.ravel(), slope.ravel())[0, 1]) if last.std() > 0 else 0.0


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "−") if math.isfinite(number) else "no number"


def _stands(view: View) -> str:
    """How the run does, in words that are true of any."""
    frame, experts = view.frame, view.config.experts
    if not math.isfinite(frame.scores[0]):
        return f"at step {view.step} the run has diverged: its error is no number"
    return (
        f"at step {view.step} {working(frame)} of {experts} experts work, the busiest with {frame.load.max():.0%} of "
        f"the choices (imbalance {frame.violation:.2f}); the mutual information is {frame.information:.2f}, the error "
        f"{frame.scores[0]:.2f}"
    )
