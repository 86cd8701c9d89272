"""What is said of one policy: titles, a sentence, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.alignment.config import ASKED
from engine.labs.alignment.language import SENTENCES, spelled

NEAR = 0.03  # nats from the optimum: on the line, for the eye
COLLAPSED = 0.5  # the share of one sentence


def judged(config: Any) -> bool:
    """Whether what is believed is another thing than what is true."""
    return bool(config.judged != "none")


def at(view: View, metric: str, step: int) -> float:
    """What `metric` was at `step`, or at the first one after it; 0 where it was not measured."""
    steps, values = (np.asarray(row) for row in view.curves.get(metric, ((), ())))
    later = values[(steps >= step) & np.isfinite(values)] if len(steps) else values
    return float(later[0]) if len(later) else 0.0


def share(value: float) -> str:
    """A probability as per cent; never 100 where something is left."""
    return f"{min(value, 0.99):.0%}" if value < 1 - 1e-9 else "100%"


def signed(reward: float) -> str:
    """A reward with its sign; nothing gained has none that would say otherwise."""
    return f"{round(reward, 1) + 0.0:+.1f}".replace("-", "−") if math.isfinite(reward) else "–"


def map_title(view: View) -> str:
    """How far the sentences are from the line."""
    off = view.frame.scores["to_optimum"]
    if not math.isfinite(off):
        return f"All {SENTENCES:,} sentences: the policy has diverged"
    if not view.step:
        return f"All {SENTENCES:,} sentences that it could write"
    return f"All {SENTENCES:,} sentences, {off:.2f} nats off the line"


def one_colour(view: View) -> bool:
    """Whether there is but one opinion of a sentence."""
    return view.config.yours or (not judged(view.config) and view.config.method != "dpo")


def line_called(beta: float) -> str:
    """The line of the best policy: how many times as often it writes a sentence that is worth one more."""
    times = math.exp(1 / beta)
    told = f"{times:.3g}" if times < 1000 else f"10^{math.log10(times):.1f}"
    return f"best at this price: ×{told} as often per point of reward"


def colours(view: View) -> str:
    """What the colours of a sentence say."""
    if view.config.yours:
        return "colour: what the judge believes you feel"
    if one_colour(view):
        return "colour: what people think"
    whose = "the policy's own" if view.config.method == "dpo" else "the judge's"
    return f"card: people's opinion; dot on it: {whose}"


def written_title(view: View, again: int) -> str:
    """What the sentences on the cards are, and how many of them have a word `again` twice in a row."""
    if view.config.yours and len(view.config.choices) < ASKED:
        return f"Which do you like better? {len(view.config.choices)} chosen"
    if not view.step:
        return "Sixteen sentences that it writes now"
    return f"Sixteen sentences written now, {again} with a word twice in a row"


def judge_note(view: View) -> str:
    """What had been learned before the first step: by the reference, and by the judge."""
    config = view.config
    learned = "Before step 0 the writer learned its language"
    if config.yours:
        return f"{learned}. The judge, a model too, learns anew from each of your choices."
    if config.method == "dpo":
        return f"{learned}. Nobody judges: it learns from comparisons that people made."
    if not judged(config):
        return f"{learned}. Nobody judges: it is given the true reward."
    seen = "comparisons without end" if config.fresh else f"{len(view.frame.pairs):,} comparisons"
    return f"{learned}, and the judge, a model too, what people like, from {seen}."


def frontier_title(view: View) -> str:
    """What has been gained, and at what distance."""
    scores, config = view.frame.scores, view.config
    if config.yours:
        return f"Believed reward {signed(scores['believed'])}"
    if judged(config):
        if not view.step:
            return "Is what the judge believes true?"
        return f"Believed {signed(scores['believed'])}, true {signed(scores['true'])}"
    return f"True reward {signed(scores['true'])}"


def judge_title(view: View) -> str:
    """What the judge has made of the comparisons."""
    return f"The judge orders {view.frame.judged_right:.0%} of the pairs as people did"


def pairs_title(view: View) -> str:
    """How likely the policy makes winners and losers."""
    scores = view.frame.scores
    if "winners" not in scores:
        return "No pairs yet, log-probability"
    won, lost = (f"{scores[name]:.1f}".replace("-", "−") for name in ("winners", "losers"))
    return f"Winners {won}, losers {lost}, log-probability"


def pairs_note(view: View) -> str:
    """How many pairs are in order, and who has gained what the sentences in them have lost."""
    if not len(view.frame.pairs):
        return ""
    ordered = f"{view.frame.judged_right:.0%} of the pairs are in order."
    if view.config.fresh:  # sooner or later every sentence is in one
        return ordered
    had, has = shares(view)
    return (
        f"{ordered} Sentences in no pair: {had[0]:.0%} of all probability before, {has[0]:.0%} now; "
        f"those that only won: {had[1]:.0%} before, {has[1]:.0%} now."
    )


def shares(view: View) -> tuple[tuple[float, float], tuple[float, float]]:
    """What sentences in no pair, and those that only ever won, have of all probability: in the reference, and now."""
    frame = view.frame
    won, lost = (np.isin(np.arange(len(frame.ref)), frame.pairs[:, side]) for side in (0, 1))
    before, now = (np.nan_to_num(np.exp(of)) for of in (frame.ref, frame.log_probs))
    unseen, winning = ~won & ~lost, won & ~lost
    return (float(before[unseen].sum()), float(before[winning].sum())), (
        float(now[unseen].sum()),
        float(now[winning].sum()),
    )


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, config, scores = view.frame, view.config, view.frame.scores
    top = int(frame.log_probs.argmax())
    if not all(map(math.isfinite, scores.values())):
        return "The policy has diverged: a smaller learning rate keeps its weights finite."
    if config.yours and not len(frame.pairs):
        return (
            "Click the sentence that you like better; the judge learns from each click, and on Play the policy follows."
        )
    if view.step == 0:
        if config.method == "best_of_n":
            return "On Play one more sentence is drawn from the reference at each step, and the judge keeps the best."
        if config.method == "dpo":
            return "Press Play: from pairs it learns which sentences people like, and their dots move up."
        if config.method == "rejection":
            return "Press Play: the best quarter of what it writes is learned, and with no price dots go past the line."
        return f"Press Play: the writer is paid for what {_payer(config)}, and pays for changing how it writes."
    if config.method == "best_of_n":
        n = min(1 + view.step, config.candidates)
        return f"The best of {n} gains {scores['believed']:.2f} at {scores['kl']:.2f} nats; no gradient was needed."
    if float(np.exp(frame.log_probs[top])) > COLLAPSED and view.step > 5:
        return f"“{spelled(top)}” is {share(float(np.exp(frame.log_probs[top])))} of all that it writes."
    if not config.yours and judged(config) and scores["true"] < 0 < scores["believed"]:
        said = f"The judge believes {scores['believed']:+.2f}, the truth is {scores['true']:+.2f}: it is being fooled."
        return said.replace("-", "−")
    if "losers" in scores and scores["winners"] < at(view, "winners", 1) - 1:
        said = f"Winners have become rarer too: {scores['winners']:.1f} on average, losers {scores['losers']:.1f}."
        return said.replace("-", "−")
    if config.method == "rejection":
        return f"It learns the best quarter of what it writes: {scores['kl']:.2f} nats from the reference, at no price."
    if scores["to_optimum"] < NEAR:
        return f"On the line: {scores['to_optimum']:.3f} nats from the exact optimum at this price."
    return f"Sentences walk towards the line: {scores['to_optimum']:.2f} nats are left to the exact optimum."


def _payer(config: Any) -> str:
    return "the judge likes" if judged(config) else "people like"


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name: of the policy shown, rewards counted from what the reference gets."""
    frame, config = view.frame, view.config
    top = int(frame.log_probs.argmax())
    scores = {name: value if math.isfinite(value) else 0.0 for name, value in frame.scores.items()}
    n = min(1 + view.step, config.candidates)
    kl, believed, true = frame.frontier.T
    peak = int(true.argmax())
    told = {"true": 0.0, "winners": 0.0, "losers": 0.0} | scores
    had, has = shares(view)
    written = np.nan_to_num(np.exp(frame.log_probs))
    fell = {f"{name}_fell": at(view, name, 1) - told[name] for name in ("winners", "losers")}
    return {
        **told, **fell, "apart": told["winners"] - told["losers"], "fallen": most(view, "true") - told["true"],
        "short": math.log(n) - (n - 1) / n - told["kl"],
        "half_off": told["to_optimum"] / 2, "twice_kl": 2 * told["kl"], "noise": config.noise,
        "baseline": int(config.baseline),
        "step": view.step, "method": config.method, "taste": config.taste, "judge": config.judged, "beta": config.beta,
        "slope": 1 / config.beta, "seeds": config.seeds, "comparisons": config.comparisons, "fresh": int(config.fresh),
        "batch": config.batch_size, "best_value": config.beta * frame.log_z, "judged_right": frame.judged_right,
        "astray": float(written[np.abs(frame.log_probs - frame.best) > 1].sum()),  # more than a nat from the line
        "top": spelled(top), "top_share": float(np.exp(frame.log_probs[top])),
        "ref_top_share": float(np.exp(frame.ref.max())), "top_was": float(np.exp(frame.ref[top])),
        "peak": float(true[peak]), "peak_kl": float(kl[peak]), "cheapest_true": float(true[-1]),
        "cheapest_believed": float(believed[-1]),
        "best_kl": float((np.exp(frame.best) * (frame.best - frame.ref)).sum()),
        "best_true": float((np.exp(frame.best) * frame.truth).sum()),
        "winners_first": at(view, "winners", 1), "losers_first": at(view, "losers", 1),
        "unseen_before": had[0], "unseen": has[0], "won_before": had[1], "won": has[1],
        "kl_first": at(view, "kl", 1), "candidates": n, "bound": math.log(n) - (n - 1) / n,
        "true_most": most(view, "true"), "off_least": least(view, "to_optimum"),
        "off_first": at(view, "to_optimum", 1),
        "answered": len(frame.pairs) if config.yours else 0,
    }  # fmt: skip


def most(view: View, metric: str) -> float:
    """The highest that `metric` was, up to the moment on screen; 0 where it was not measured."""
    return float(_until_now(view, metric).max()) if len(_until_now(view, metric)) else 0.0


def least(view: View, metric: str) -> float:
    """The lowest that `metric` was, up to the moment on screen; 0 where it was not measured."""
    return float(_until_now(view, metric).min()) if len(_until_now(view, metric)) else 0.0


def _until_now(view: View, metric: str) -> Any:
    steps, values = (np.asarray(row, float) for row in view.curves.get(metric, ((), ())))
    return values[(steps <= view.step) & np.isfinite(values)]
