"""What is said of a transformer: what to look at now, the numbers that lessons name, titles and captions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.attention_heads import heads
from engine.labs.attention_heads.heads import BEFORE, BLANK, INDUCTION, MIRROR, PLAIN, Place

LONG = 4  # letters of a token that have room at the edge of a map
LOOKS_BACK = ("induction", "lookup")  # tasks that an induction head solves
ASKED = {
    "induction": "the next letter of a sequence that repeats", "lookup": "the digit that stood behind each letter",
    "reverse": "letters backwards", "sort": "letters in order", "text": "what comes next in a text",
}  # fmt: skip
KNOWN = 0.95  # share right from which a task counts as learned
HALF = 0.5  # of the first loss, and of a head's attention
DOES = {INDUCTION: "induction stripe", BEFORE: "the token before", MIRROR: "mirror image"}
WORDS = {1: "one", 2: "two", 3: "three", 4: "four"}


def facts(view: View) -> dict[str, float | str]:
    """Loss and share right, the step of each turn (0: not yet), the best scores, what heads cost and share.

    `third` is when a third was right first, and `took` the steps from there to `reached`, when 95 % was; `loss_half`
    and `stripe` are when the loss and the best induction score were half way, `apart` the steps between them.

    `cost_first` and `cost_last` are the most that losing one head of the first or the last layer adds to the loss, and
    `cost_least` the least of all; NaN with many heads.  `rows_apart` is how far two blanks' rows of one map differ at
    most, and `mirrored` how much attention the best head pays, from the blanks, to the letter that is to be written
    there; 1 and 0 where there are no blanks.
    """
    frame = view.frame
    rows_apart, mirrored = _blanks(view)
    (stripes, induction), (before, previous) = heads.top(frame.induction), heads.top(frame.previous)
    costs = frame.costs if frame.costs.size else np.full((1, 1), np.nan)
    third, reached = (first_step(view, "test_accuracy", level) for level in (1 / 3, KNOWN))
    return {
        "loss": now(view, "test_loss"), "right": now(view, "test_accuracy"), "third": third, "reached": reached,
        "took": reached - third, "loss_half": loss_half(view), "stripe": stripe(view),
        "apart": abs(loss_half(view) - stripe(view)), "induction": induction,
        "previous": previous, "stripe_head": _said(stripes), "before_head": _said(before),
        "cost_first": float(costs[0].max()),
        "cost_last": float(costs[-1].max()), "cost_least": float(costs.min()), "rows_apart": rows_apart,
        "mirrored": heads.top(mirrored)[1] if mirrored.size else 0.0,
        "cache": frame.cache[view.config.key_value_heads], "stands": _stands(view),
    }  # fmt: skip


def short(label: str) -> str:
    """A token as it stands at the edge of a map: a long piece of a word has its beginning."""
    return label if len(label) <= LONG else f"{label[: LONG - 1]}…"


def say(view: View) -> str:
    """One sentence: what to look at now."""
    right, loss, frame = now(view, "test_accuracy"), now(view, "test_loss"), view.frame
    told = f"{_percent(right)} right"
    if not math.isfinite(loss):
        return "The loss is no number any more: it has diverged, and a smaller learning rate keeps it finite."
    if frame.off:
        return (
            f"With heads switched off the loss is {frame.loss_off:.2f} instead of {frame.loss:.2f}; all go on training."
        )
    if not view.step and view.config.network:
        return "Its weights were trained on another page: each row is a token, dark where it looks; Play trains on."
    if not view.step:
        return f"It must name {ASKED[view.config.task]}; a row is a token, dark where it looks: press Play."
    if view.config.task not in LOOKS_BACK:
        head, share = _sharpest(frame)
        return (
            f"{_percent(right)} right, loss {loss:.2f}. Head {head} is the sharpest: {share:.0%} of a row on one token."
        )
    place, best = heads.top(frame.induction)
    head = _said(place)
    if best < PLAIN:
        return f"{told}, no induction stripe: the most that a head looks where it would stand is {best:.0%}."
    if right < KNOWN:
        return f"A stripe grows in head {head}: {best:.0%} of its attention is there now, and {told}."
    return f"{told}: head {head} looks {best:.0%} where a token like this one stood, and one place further."


def heads_title(view: View) -> str:
    """What the maps show, without which heads, and what it takes to keep their keys and values if that is asked."""
    frame = view.frame
    if frame.off:
        gone = ", ".join(f"{layer}.{head}" for layer, head in frame.off)
        return f"Without {gone} the loss is {frame.loss_off:.2f} instead of {frame.loss:.2f}"
    pair, scores = telling(view), kinds(view)
    kept = {kind: [place for place in pair if heads.does(scores, place) == kind] for kind in scores}
    does = {kind: _said(max(found, key=lambda place: float(scores[kind][place])))
            for kind, found in kept.items() if found}  # fmt: skip
    if INDUCTION in does:
        return f"Head {does[INDUCTION]} finds where a token like this one stood, and looks one place further"
    if MIRROR in does:
        return f"Head {does[MIRROR]} looks from each blank at the letter to be written there"
    if BEFORE in does:
        return f"Head {does[BEFORE]} looks at the token before each; dark is where a row looks"
    told, count = "each row is a token, dark where it looks", view.frame.weights.shape[0] * view.frame.weights.shape[1]
    return f"{len(pair)} of {count} heads: {told}" if count > len(pair) else told.capitalize()


def all_title(view: View) -> str:
    """That these are all heads, and what it takes to keep their keys and values if that is asked."""
    frame, title = view.frame, "All heads: click one to see it large"
    if not sharing(view):
        return title
    own = "own" if sets(view) == frame.weights.shape[1] else "shared"
    return f"{title}. Keys and values {own}: {frame.cache[view.config.key_value_heads]:,} bytes a token"


def kinds(view: View) -> dict[str, Any]:
    """How much each head (L, H) does of each thing that has a name."""
    frame = view.frame
    return heads.kinds(view.config.task, induction=frame.induction, previous=frame.previous, weights=frame.weights,
                       tokens=frame.tokens)  # fmt: skip


def telling(view: View) -> tuple[Place, ...]:
    """The heads that are drawn large, (layer, head) from 0: those that say most, or the one that was clicked."""
    layers, count = view.frame.weights.shape[:2]
    shown = view.config.shown
    chosen = (min(shown // 10, layers) - 1, min(max(shown % 10, 1), count) - 1) if shown > 10 else None
    return heads.telling(kinds(view), chosen)


def large(view: View, place: Place) -> str:
    """Lines below a large map: the head and what it does, and what the loss gains without it."""
    scores = kinds(view)
    does = heads.does(scores, place)
    told = f"Head {_said(place)}" + (f": {DOES[does]}, {scores[does][place]:.0%}" if does else "")
    costs = view.frame.costs
    gained = [f"without it: loss {_signed(costs[place])}"] if costs.size else []
    return "\n".join([told, _last(view, place), *gained])


def _last(view: View, place: Place) -> str:
    """Which token the last one looks at most, wherever it stands, and how much."""
    frame = view.frame
    shares = np.bincount(frame.tokens, weights=np.nan_to_num(frame.weights[place][-1]), minlength=len(frame.labels))
    most = int(shares.argmax())
    return f"the last “{frame.labels[frame.tokens[-1]]}” looks {shares[most]:.0%} at “{frame.labels[most]}”"


def _signed(gain: float) -> str:
    """A gain of loss, in two digits; none is +0.00."""
    return f"{round(gain, 2) + 0.0:+.2f}".replace("-", "−")


def _said(place: Place) -> str:
    return f"{place[0] + 1}.{place[1] + 1}"


def sets(view: View) -> int:
    """How many sets of keys and values the heads of a layer have among them."""
    return int(view.config.groups)


def sharing(view: View) -> list[tuple[int, int, str]]:
    """(first, last, words) for the heads of a layer, from 0, that have a set of keys and values together.

    Of one or two heads that share none nothing is said.
    """
    heads = view.frame.weights.shape[1]
    each = heads // sets(view)
    if each == 1 and heads <= 2:
        return []
    words = "own set" if each == 1 else "one set"
    if each == heads:
        words = f"{WORDS.get(each, str(each))} heads, one set of keys and values"
    return [(first, first + each - 1, words) for first in range(0, heads, each)]


def caption(view: View, layer: int, head: int) -> str:
    """Lines: the number of a head, counted from 1; what it does if that is plain; what the loss gains without it."""
    frame, place = view.frame, (layer, head)
    found = kinds(view)
    kind = heads.does(found, place)
    does = f"{kind} {found[kind][place]:.0%}" if kind else ""
    name = _said(place)
    first = [f"{name} {does}".rstrip()] if frame.weights.shape[1] <= 2 else [name, *([does] if does else [])]
    return "\n".join([*first, *([f"without: loss {_signed(frame.costs[place])}"] if frame.costs.size else [])])


def moment_title(view: View) -> str:
    """Loss and share right at the step on screen, and since when the task is learned."""
    loss, right, since = now(view, "test_loss"), now(view, "test_accuracy"), first_step(view, "test_accuracy", KNOWN)
    told = f"Loss {loss:.2f}, {_percent(right)} right"
    return told + (f"; {KNOWN:.0%} first at step {since}" if since else "")


def _percent(share: float) -> str:
    return f"{share:.1%}".replace(".0%", "%")


def now(view: View, metric: str) -> float:
    """A metric held out at the step on screen; before the first step what there is of it in the frame."""
    steps, values = view.curves.get(metric, (np.zeros(0), np.zeros(0)))
    seen = np.asarray(values)[np.asarray(steps) <= view.step]
    if len(seen):
        return float(seen[-1])
    frame = view.frame
    if metric == "test_loss":
        return float(frame.loss)
    wanted = frame.scored & (frame.targets >= 0)
    return float((frame.lens_tokens[-1] == frame.targets)[wanted].mean()) if wanted.any() else 0.0


def first_step(view: View, metric: str, level: float) -> int:
    """The first step up to the one on screen at which a metric is at `level` or above; 0 if there is none."""
    return _first(view, metric, lambda values: values >= level)


def loss_half(view: View) -> int:
    """The first step at which the loss is no more than half of the first; 0 if there is none."""
    return _first(view, "test_loss", lambda values: values <= HALF * values[0])


def stripe(view: View) -> int:
    """The first step at which the best head pays half of its attention where an induction head looks; 0 if none."""
    return first_step(view, "induction", HALF)


def _first(view: View, metric: str, true: Any) -> int:
    steps, values = (np.asarray(row) for row in view.curves.get(metric, (np.zeros(0), np.zeros(0))))
    steps, values = steps[steps <= view.step], values[steps <= view.step]
    return int(steps[np.argmax(found)]) if len(values) and (found := true(values)).any() else 0


def _sharpest(frame: Any) -> tuple[str, float]:
    """The head whose rows have the largest weight on one token, in the mean, and that weight."""
    largest = np.nan_to_num(frame.weights.max(-1).mean(-1))  # (L, H)
    layer, head = np.unravel_index(int(largest.argmax()), largest.shape)
    return _said((int(layer), int(head))), float(largest.max())


def _blanks(view: View) -> tuple[float, Any]:
    """How far two blanks' rows of one map differ at most, and how much each head (L, H) looks from a blank at the
    letter that is to be written there; 1 and nothing where there are no blanks to write into.
    """
    frame = view.frame
    if view.config.task != "reverse" or not (blank := frame.tokens == BLANK).any():
        return 1.0, np.zeros((0, 0))
    rows = frame.weights[:, :, blank]  # (L, H, n, T)
    return float((rows.max(2) - rows.min(2)).max()), heads.mirrored(frame.weights, frame.tokens)


def _stands(view: View) -> str:
    """How the run does, in words that are true of any."""
    loss, right = now(view, "test_loss"), now(view, "test_accuracy")
    if not math.isfinite(loss):
        return f"at step {view.step} it has diverged: its loss is no number"
    since = first_step(view, "test_accuracy", KNOWN)
    reached = f"with {KNOWN:.0%} first at step {since}" if since else f"and has not yet reached {KNOWN:.0%}"
    return f"at step {view.step} it gets {_percent(right)} right, {reached}, and its loss is {loss:.2f}"
