"""What is said of a run: a sentence, the titles of its pictures, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.scaling_laws.budgets import Bowl, Envelope, bends, bowls, bowls_exponent, compute, envelope, power
from engine.labs.scaling_laws.calculator import Spent, spelt, spend
from engine.labs.scaling_laws.config import PASSES
from engine.labs.scaling_laws.parametric import at_an_edge

GREEK = {"alpha": "α", "beta": "β"}
LEFT = ("Llama 65B",)  # models whose name stands on their left
APART = 0.05  # by which one exponent must exceed another to be called larger
MEASURED = (  # facts that there are once something was measured, or fitted
    "early_none", "late_none", "bend_none", "early_true", "late_true", "bend_true", "left", "bowls", "larger_bowls",
    "E", "off", "first_low", "first_high", "narrowed", "E_low", "E_high", "alpha", "beta", "exponent",
    "larger_exponent", "exponent_low", "exponent_high", "tenfold_n", "tenfold_d", "behind", "ahead", "budget",
    "small_then", "large_then", "small_last", "large_last", "p_small", "p_large", "all_small", "all_large",
    "nats_small", "nats_large",
)  # fmt: skip
SETTLED = 100  # steps
FIRST = 200  # steps before the first fit


def number(value: float | str) -> str:
    """A number with two decimals; a dash for one that there is not."""
    return f"{value:.2f}" if isinstance(value, float) and 0 < value < 1 else "–"


def times(passes: int) -> str:
    """How often data are shown."""
    return "shown once" if passes == 1 else f"{passes} times"


def tokens(k: int) -> str:
    return "one token" if k == 1 else f"{k} tokens"


def floor(view: View) -> tuple[float, str]:
    """What is taken off the loss, and what it is called; the true entropy until there is a fit."""
    frame, kind = view.frame, view.config.floor
    if kind == "none":
        return 0.0, "nothing"
    if kind == "fitted" and frame.laws:
        return frame.laws[0].E, "fitted E"
    return frame.entropy, "true entropy"


def start(frame: Any) -> float:
    """The compute from which an envelope says something: the smallest model's after `SETTLED` steps."""
    return float(6 * frame.parameters[0] * frame.batch * SETTLED)


def straight_line(frame: Any, edge: Envelope, off: float) -> Any:
    """The straight line through the envelope in logarithms, with `off` taken off: two points, or None."""
    some = (edge.compute >= start(frame)) & (edge.loss > off)
    if some.sum() < 10:
        return None
    C = np.log10(edge.compute[some])
    slope, height = np.polyfit(C, np.log10(edge.loss[some] - off), 1)
    ends = np.array([C[0], C[-1]])
    return np.column_stack([ends, slope * ends + height])


def opening(frame: Any) -> bool:
    """Whether too little was measured yet for a curve."""
    return len(frame.tokens) < 2


def compute_title(view: View) -> str:
    """What the hero shows."""
    count = len(view.frame.parameters)
    if opening(view.frame):
        return f"{count} sizes of one model: how far down does ten times more computing bring the best?"
    found = tenfold(view.frame)
    if not math.isfinite(found):
        return f"{count} sizes of one model, each against its own compute"
    return f"Ten times more compute leaves {found:.0%} of the gap to the entropy"


def likely(view: View, count: int) -> Any:
    """How much likelier than by chance each of the first `count` symbols is after each of them, (count, count)."""
    return view.config.vocabulary * view.frame.language[:count, :count]


def likeliest(view: View, count: int) -> tuple[int, int, float]:
    """The pair of the first `count` symbols that stands out most: the one before, the next, how much likelier."""
    some = likely(view, count)
    before, after = (int(place) for place in np.unravel_index(some.argmax(), some.shape))
    return before, after, float(some[before, after])


def language_title(before: int, after: int, times: float) -> str:
    """What is guessed, said of one square of it."""
    return f"After symbol {before}, symbol {after} comes {times:.1f} times as often as by chance"


def straight_title(view: View) -> str:
    """What the second picture shows."""
    off, kind = floor(view)
    edge = envelope(view.frame) if math.isfinite(tenfold(view.frame)) else None
    early, late = bends(edge, off, start(view.frame)) if edge is not None else (math.nan, math.nan)
    if not (math.isfinite(early) and math.isfinite(late)):
        return "The same in logarithms" + (f", {kind} taken off" if off else "")
    told = f"{kind} taken off" if off else "nothing taken off"
    digits = 2 if off else 4
    return f"Logarithms, {told}: slope {early:.{digits}f}, later {late:.{digits}f}".replace("-", "−")


def bowls_title(found: list[Bowl]) -> str:
    exponent = bowls_exponent(found)
    if math.isfinite(exponent):
        return f"Equal budgets: the best N grows as C to the power {exponent:.2f}"
    return "Equal budgets: too small, right, too large"


def floor_title(view: View) -> str:
    frame = view.frame
    if not frame.laws:
        return "Can the floor be found from losses alone?"
    return f"The fitted floor E is {frame.laws[0].E:.3f}, the true entropy {frame.entropy:.3f}"


def nats_title(view: View) -> str:
    return f"Log-likelihood of {tokens(view.config.answer)}: grows evenly"


def exact_title(view: View) -> str:
    k = view.config.answer
    return "Named right, one token" if k == 1 else f"All {k} tokens named right: “emerges”"


def passes_title(view: View) -> str:
    frame = view.frame
    if not len(frame.tokens):
        return "The same tokens again and again: as good as new ones?"
    above = frame.loss.mean(0)[:, -1] - frame.entropy
    if not np.isfinite(above).all():
        return "The losses are no numbers any more"
    return f"Nats above the entropy: {above[0]:.3f} with new data, {above[3]:.3f} shown 64 times"


def calculator_title(found: Spent) -> str:
    """What the calculator shows."""
    return f"Real models; best for your budget: {spelt(found.parameters)} parameters, {spelt(found.tokens)} tokens"


def tenfold(frame: Any) -> float:
    """The share of the loss above the entropy that is left after ten times more compute, along the envelope; or NaN."""
    edge = envelope(frame)
    if edge is None or frame.step < FIRST:  # before, most curves are still at the start
        return math.nan
    some = edge.compute >= start(frame)
    if not some.any() or edge.compute[some][-1] < 10 * edge.compute[some][0]:
        return math.nan
    return float(10 ** power(edge.compute[some], edge.loss[some] - frame.entropy))


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, config = view.frame, view.config
    if len(frame.tokens) and not np.isfinite(frame.loss[..., -1]).all():
        return "The losses are no numbers any more: it has diverged, and a smaller learning rate keeps them finite."
    if config.across == "repeats":
        if not len(frame.tokens):
            return (
                "Four copies of one model will read equally many tokens: all new, or a 4th, 16th or 64th of them new."
            )
        above = frame.loss.mean(0)[:, -1] - frame.entropy
        return (
            f"Nats above the entropy: {above[0]:.3f} new, {above[1]:.3f} shown 4 times, {above[3]:.3f} shown 64 times."
        )
    if not len(frame.tokens):
        return (f"On Play {len(frame.parameters)} models learn to guess the next symbol (token): see how far "
                "their circles sink towards green.")  # fmt: skip
    if not frame.laws:
        fitted = f"From step {FIRST} on a law is fitted to all sizes."
        ahead = crossing(frame).get("behind", 0.0) > 0
        return (
            "At a compute that both have had, the smallest model is ahead of the largest. " if ahead else ""
        ) + fitted
    law = frame.laws[0]
    if at_an_edge(law):
        return ("An exponent of the fitted law is at the edge of what is looked for: these losses tell neither floor "
                "nor split. Rules may weaken too slowly, or the learning rate is too small or was turned.")  # fmt: skip
    return (f"Of ten times more compute the fitted law puts {10**law.exponent:.1f} times into parameters and "
            f"{10 ** (1 - law.exponent):.1f} times into tokens.")  # fmt: skip


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name; what there is not, or not yet, is -1."""
    frame, config = view.frame, view.config
    told: dict[str, Any] = {
        "step": view.step, "across": config.across, "entropy": frame.entropy, "floor": config.floor,
        "guess": math.log(config.vocabulary), "count": len(frame.parameters), "answer": config.answer,
        "smallest": int(frame.parameters[0]), "largest": int(frame.parameters[-1]),
    }  # fmt: skip
    return told | _sizes(frame, config) | _passes(frame, config) | _served(config)


def _sizes(frame: Any, config: Any) -> dict[str, Any]:
    told: dict[str, float] = dict.fromkeys(MEASURED, math.nan)
    edge = envelope(frame) if config.across == "sizes" else None
    if edge is not None:
        for name, off in (("none", 0.0), ("true", frame.entropy)):
            early, late = bends(edge, off, start(frame))
            told |= {f"early_{name}": early, f"late_{name}": late, f"bend_{name}": early / late if late else math.nan}
        told |= {"left": tenfold(frame), "bowls": bowls_exponent(bowls(frame))} | crossing(frame)
        told["larger_bowls"] = told["bowls"] + APART
    if frame.laws:
        law = frame.laws[0]
        told |= {"E": law.E, "off": abs(law.E - frame.entropy), "E_low": frame.floors[-1, 1],
                 "E_high": frame.floors[-1, 2], "first_low": frame.floors[0, 1], "first_high": frame.floors[0, 2],
                 "narrowed": _spread(frame.floors[0]) / max(_spread(frame.floors[-1]), 1e-9),
                 "alpha": law.alpha, "beta": law.beta,
                 "exponent": law.exponent, "exponent_low": frame.exponents[-1, 1],
                 "exponent_high": frame.exponents[-1, 2], "tenfold_n": 10**law.exponent,
                 "tenfold_d": 10 ** (1 - law.exponent), "larger_exponent": law.exponent + APART}  # fmt: skip
    if edge is not None:
        p, L, k = frame.right.mean(0)[:, -1], frame.loss.mean(0)[:, -1], config.answer
        told |= {"p_small": p[0], "p_large": p[-1], "all_small": p[0] ** k, "all_large": p[-1] ** k,
                 "nats_small": -k * L[0], "nats_large": -k * L[-1]}  # fmt: skip
    return {name: float(value) if math.isfinite(value) else -1.0 for name, value in told.items()}


def _spread(row: Any) -> float:
    """How far apart the floors of single trainings lie."""
    return float(row[2] - row[1])


def crossing(frame: Any) -> dict[str, float]:
    """Losses of the smallest and the largest model at equal compute, early and at the end of the smaller's curve."""
    C, L = np.log(compute(frame)), frame.loss.mean(0)
    first, last = C[-1, 0], C[0, -1]  # where both curves are
    if last <= first:
        return {}
    low = math.log(start(frame))
    then = min(max(first, low), last)
    small, large = (float(np.interp(then, C[s], L[s])) for s in (0, -1))
    return {"budget": math.exp(then), "small_then": small, "large_then": large, "behind": large - small,
            "small_last": float(L[0, -1]), "large_last": float(L[-1, -1]),
            "ahead": float(L[0, -1] - L[-1, -1])}  # fmt: skip


def _passes(frame: Any, config: Any) -> dict[str, float]:
    there = config.across == "repeats" and len(frame.tokens) > 0 and np.isfinite(frame.loss[..., -1]).all()
    told: dict[str, float] = {}
    for n, passes in enumerate(PASSES):
        loss = float(frame.loss.mean(0)[n, -1]) if there else -1.0
        told[f"loss_{passes}"] = loss
        told[f"above_{passes}"] = loss - frame.entropy if there else -1.0
        told[f"read_{passes}"] = float(np.nan_to_num(read(frame)[n], nan=-1.0)) if there else -1.0
    told["four_worse"] = told["above_4"] - told["above_1"]
    told["many_worse"] = told["above_64"] - told["above_1"]
    return told


def read(frame: Any) -> Any:
    """Loss on what is read (S,): a mean over the last batches measured, as one alone is noise."""
    return frame.trained[..., -6:].mean((0, 2))


def _served(config: Any) -> dict[str, float | str]:
    found = spend(config)
    return {"served": config.served, "best_n": spelt(found.parameters), "best_d": spelt(found.tokens),
            "served_n": spelt(found.served_parameters), "served_d": spelt(found.served_tokens),
            "smaller": found.parameters / found.served_parameters,
            "longer": found.served_tokens / found.tokens}  # fmt: skip
