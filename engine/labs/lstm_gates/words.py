"""What is said of the three cells: a sentence, the numbers that lessons name, and the table in which they stand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.lstm_gates.config import TITLES, Config

LEAST = 1e-8  # the smallest share of the gradient that is drawn, and told
LEARNED = 0.1  # of the loss of guessing: below this a cell has learned its task
STEEP = 2.0  # scale of the recurrent weights from which on gradients can explode
LITTLE = 0.01  # a share of the gradient of which little can be learned
COUNTED = 0.9  # correlation with the depth from which on a number counts the brackets
NEWS = 25  # steps for which it is news that a cell has learned its task
FULL = 0.9  # share of a state at its bounds from which on it is said to be saturated
EXPLODED = 1e3  # times the loss of guessing: from there on a loss has exploded
PERCENT = "\N{NO-BREAK SPACE}%"
LOST = "no number"  # what is said of one that is not finite any more
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def spelled(value: float) -> str:
    """A number of any size in few characters: 0.0234, 1,234, 3·10²⁶."""
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return _powered(value)


def share(value: float) -> str:
    """A share of the gradient: 48 %, 3·10⁻⁵, 26 times as much, or under 10⁻⁸, where the chart ends."""
    if not math.isfinite(value):
        return LOST
    if value < LEAST:
        return "under 10⁻⁸"
    if value >= 2:
        return f"{spelled(value)} times as much"
    return _percent(value) if value >= 0.01 else _powered(value)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _percent(value: float) -> str:
    return f"{value:.0%}".replace("%", PERCENT) if math.isfinite(value) else LOST


def _powered(value: float) -> str:
    front, power = f"{value:.0e}".split("e")
    return f"{front}·10{str(int(power)).translate(SUPERSCRIPT)}".removeprefix("1·")


def numbers_shown(frame: Any) -> str:
    """Which numbers of the state are shown, if these are not all."""
    count = frame.gates["h"].shape[1]
    return f"first {count} of {frame.units} numbers" if count < frame.units else ""


def explosive(config: Config) -> bool:
    """Whether gradients may explode here, so that their length is to be seen."""
    return config.recurrent_scale > STEEP or config.optimiser == "gradient_descent"


def facts(view: View) -> dict[str, float | str]:
    """Numbers that texts may name, most of them with the ending of a cell: rnn, gru, lstm.

    For comparisons, 0 where there is none: `loss`, and as a share of that of guessing `ratio`; `learned`, the step
    since which it is below a tenth of it; `reach`, the share of the last step's gradient that gets back to step 1;
    `kept`, the mean of the gate that keeps; `saturated`, the share of the state beyond ±0.99.  In words, as the table
    on stage has them: `said`, `since` (`below` with its preposition), `back`, `keeps`, `bound`, the `first` gradient's
    length and the `longest`.
    """
    frame = view.frame
    found: dict[str, float | str] = {
        "cell": TITLES[frame.cell], "guessing": spelled(frame.guess), "step": view.step,
        "follows": _finite(abs(frame.counts)), "counting": _counting(frame),
    }  # fmt: skip
    for place, kind in enumerate(frame.cells):
        steps, losses = _values(view, f"loss_{kind}")
        lengths = _values(view, f"gradient_{kind}")[1]
        lengths = lengths[np.isfinite(lengths)]
        loss = float(losses[-1]) if len(losses) else math.nan
        below = np.flatnonzero(losses < LEARNED * frame.guess)
        since = int(steps[below[0]]) if len(below) else 0
        reach, kept, saturated = (float(each[place]) for each in (frame.gradient[:, 0], frame.kept, frame.saturated))
        found |= {
            f"loss_{kind}": _finite(loss), f"ratio_{kind}": _finite(loss / frame.guess), f"learned_{kind}": since,
            f"reach_{kind}": _finite(reach), f"kept_{kind}": _finite(kept), f"saturated_{kind}": _finite(saturated),
            f"said_{kind}": spelled(loss) if math.isfinite(loss) else LOST if len(losses) else "not known yet",
            f"since_{kind}": f"{since:,}" if since else "not yet",
            f"below_{kind}": f"since step {since:,}" if since else "not yet", f"back_{kind}": share(reach),
            f"keeps_{kind}": f"{kept:.2f}" if math.isfinite(kept) else "–", f"bound_{kind}": _percent(saturated),
            f"first_{kind}": spelled(float(lengths[0])) if len(lengths) else "–",
            f"longest_{kind}": spelled(float(lengths.max())) if len(lengths) else "–",
        }  # fmt: skip
    return found


def _counting(frame: Any) -> str:
    """Which number counts the open brackets, and how well."""
    if frame.depth is None:
        return "there are no brackets here"
    memory = "c" if frame.cell == "lstm" else "h"
    return (f"number {frame.counter + 1} of the {TITLES[frame.cell]}'s {memory} follows how many brackets are open, "
            f"with a correlation of {frame.counts:+.2f}".replace("-", "−"))  # fmt: skip


def wrong(frame: Any) -> Any:
    """At which steps (T,) the answer of the cell on show counts and is wrong; nobody knows where nothing is wanted."""
    found = np.array([said != want for said, want in zip(frame.said, frame.wanted, strict=False)], bool)
    found[: frame.asked] = False
    return found


def number_called(frame: Any) -> str:
    """The number of the memory that follows the brackets most closely, as a legend names it."""
    return f"the memory number that follows best: no. {frame.counter + 1} of {frame.units}, scaled"


def memory_title(view: View) -> str:
    """What the memory holds of the sequence on stage; before the first step, what there is to hold."""
    frame, title = view.frame, TITLES[view.frame.cell]
    if frame.added is None and frame.depth is None:
        asked = len(frame.wanted) - frame.asked
        return f"Which letters were they? The {title} has {asked - int(wrong(frame).sum())} of {asked} right"
    if frame.depth is None:
        if not view.step:
            return f"The sum of the marked numbers, and what the {title} says"
        error = float(np.abs(frame.answers[-1] - frame.added[-1]))
        if not math.isfinite(error):
            return f"The {title}'s answer if it were asked at each step: {LOST}"
        return f"The {title}'s answer if it were asked at each step; at the end it is off by {error:.2f}"
    if not view.step:
        return f"Does the {title} know if a bracket is open?"
    told = f"correlation {frame.counts:+.2f}".replace("-", "−")
    if abs(frame.counts) < COUNTED:
        return f"No number of its memory counts the brackets: {frame.counter + 1} is nearest, {told}"
    return f"Number {frame.counter + 1} of its memory counts the brackets: {told}"


def kept_and_written(frame: Any) -> tuple[Any, Any] | None:
    """Of the number that counts, at each step (T,): the share that is kept, and what is written; None without gates.

    What is written is turned round if the number counts downwards.
    """
    if frame.depth is None or frame.cell == "rnn":
        return None
    gates = {name: np.asarray(values[:, frame.counter]) for name, values in frame.gates.items()}
    sign = -1 if frame.counts < 0 else 1
    if frame.cell == "lstm":
        return gates["f"], sign * gates["i"] * gates["g"]
    return gates["z"], sign * (1 - gates["z"]) * gates["n"]


def gates_title(view: View) -> str:
    """How that number counts: what is kept and what is written at a bracket, in the mean of the sequence on stage."""
    frame = view.frame
    found = kept_and_written(frame)
    if found is None or not view.step:
        return "To count: keep all, add at “(”, take away at “)”"
    kept, written = found
    means = {token: written[[t == token for t in frame.tokens]] for token in "()"}
    adds = [f"{values.mean():+.2f} at “{token}”".replace("-", "−") for token, values in means.items() if len(values)]
    return f"How: it keeps {_percent(float(kept.mean()))} at each step and writes {', '.join(adds)}"


def gradient_title(view: View) -> str:
    """How much of the gradient gets back, and what that means for the cell on show."""
    found, kind = facts(view), view.frame.cell
    back, title = str(found[f"back_{kind}"]), TITLES[kind]
    if back == LOST:
        return "How much of the gradient reaches each earlier step"
    told = f"{back[0].upper()}{back[1:]} of the {title}'s gradient reaches step 1"
    return f"{told}: it has learned to remember" if found[f"learned_{kind}"] else f"{told}, before it has learned"


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, found = view.frame, facts(view)
    if lost := [kind for kind in frame.cells if _exploded(view, kind)]:
        kind, title = lost[0], TITLES[lost[0]]
        if found[f"said_{kind}"] == LOST:
            return f"The {title}'s numbers have left all bounds: clip the gradient, or take smaller steps."
        if float(found[f"saturated_{kind}"]) > FULL and float(found[f"reach_{kind}"]) < LITTLE:
            return f"Loss {found[f'said_{kind}']}: the {title}'s state is saturated, and hardly any gradient gets back."
        return f"The {title}'s loss explodes: {found[f'said_{kind}']}, where guessing costs {spelled(frame.guess)}."
    if not view.step:
        return _before(view)
    if view.config.task == "text":
        return "Compare what the three cells write: letters at random first, then what could be words."
    if view.config.task == "brackets" and float(found["follows"]) > COUNTED:
        counting = str(found["counting"])
        return f"{counting[0].upper()}{counting[1:]}."
    return _of_learning(view, found)


def _before(view: View) -> str:
    """What the untrained cell on show says, and what Play will do."""
    frame, who = view.frame, f"the {TITLES[view.frame.cell]}"
    if view.config.task == "text":
        return "Weights are random, and so is what the cells write: Play trains all three on the same text."
    if frame.depth is not None:
        count = f"{int(wrong(frame).sum())} of {len(frame.wanted)}"
        told = f"At each step {who} must say if a bracket is open"
        return f"{told}: untrained it errs {count} times; press Play."
    if frame.added is not None:
        return f"Weights are random: {who} says {frame.said[-1]}, right is {frame.wanted[-1]}; Play trains three cells."
    count = f"{int(wrong(frame).sum())} of {len(frame.wanted) - frame.asked}"
    return f"Weights are random: {who} repeats {count} letters wrongly; Play trains three cells."


def _of_learning(view: View, found: dict[str, float | str]) -> str:
    kinds = view.frame.cells
    learned = sorted((int(found[f"learned_{kind}"]), kind) for kind in kinds if found[f"learned_{kind}"])
    if not learned:
        if float(found["reach_lstm"]) < LITTLE:
            return f"Before it has learned to remember, the LSTM passes little gradient back: {found['back_lstm']}."
        return "None has learned it yet: watch whose loss leaves the line of guessing."
    since, newest = learned[-1]
    if len(learned) == len(kinds):
        return f"All three have learned it, the {TITLES[newest]} last, at step {since:,}."
    if view.step - since <= NEWS:
        return f"The {TITLES[newest]} has learned it: {found[f'back_{newest}']} of its gradient gets back to step 1."
    have = [TITLES[kind] for _, kind in learned]
    rest = [TITLES[kind] for kind in kinds if TITLES[kind] not in have]
    return f"Learned by the {' and the '.join(have)}; not yet by the {' and the '.join(rest)}."


def table(view: View, *, lengths: bool) -> list[list[str]]:
    """Rows of the table of the three cells, the first one their names; with the `lengths` of their gradients."""
    found, kinds = facts(view), view.frame.cells
    shown = {
        "said": f"loss (guessing: {found['guessing']})",
        "since": "below a tenth of guessing since step",
        "back": "gradient that gets back to step 1",
        "keeps": "kept at each step (gate f or z), mean",
        "bound": "numbers of the state beyond ±0.99",
    }
    if lengths:
        shown |= {"first": "length of the first gradient", "longest": "and of the longest so far"}
    rows = [[words, *(str(found[f"{name}_{kind}"]) for kind in kinds)] for name, words in shown.items()]
    return [["", *(TITLES[kind] for kind in kinds)], *rows]


def _exploded(view: View, kind: str) -> bool:
    """Whether a cell's loss is beyond all bounds, or no number any more."""
    losses = _values(view, f"loss_{kind}")[1]
    return bool(len(losses)) and not losses[-1] < EXPLODED * view.frame.guess


def _values(view: View, name: str) -> tuple[Any, Any]:
    """Steps and values of a metric up to the moment on screen."""
    steps, values = view.curves.get(name, (np.zeros(0), np.zeros(0)))
    steps, values = np.asarray(steps), np.asarray(values, dtype=np.float64)
    return steps[steps <= view.step], values[steps <= view.step]
