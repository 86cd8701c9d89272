"""The loss written out with numbers, for one pair of sentences or for one that was written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.alignment.language import spelled

Rows = list[list[str]]


def written_out(view: View) -> tuple[str, Rows, str, str]:
    """A title, a table with its header first, the formula, and a sentence, for the method of this run."""
    frame, method = view.frame, view.config.method
    if method == "best_of_n":
        return _best(view)
    if method == "dpo":
        return _direct(view) if len(frame.pairs) else _nobody()
    return _sentence(view)


def _nobody() -> tuple[str, Rows, str, str]:
    return ("One pair", [["Sentence", "Reward"]], r"-\ln \sigma(\Delta)", "Nobody has compared two sentences yet.")


def _apart(frame: Any) -> tuple[int, int]:
    """The first comparison of two different sentences."""
    told = frame.pairs[frame.pairs[:, 0] != frame.pairs[:, 1]]
    winner, loser = (told if len(told) else frame.pairs)[0].tolist()
    return winner, loser


def _direct(view: View) -> tuple[str, Rows, str, str]:
    frame, beta = view.frame, view.config.beta
    pair = _apart(frame)
    raised = [float(frame.log_probs[i] - frame.ref[i]) for i in pair]
    rows = [[f"{role}: {spelled(i)}", f"{frame.log_probs[i]:.3f}", f"{frame.ref[i]:.3f}", f"{beta * up:+.3f}"]
            for role, i, up in zip(("winner", "loser"), pair, raised, strict=True)]  # fmt: skip
    margin = beta * (raised[0] - raised[1])
    return (
        "DPO's loss of one pair", [["Sentence", "ln π", "ln π_ref", "β (ln π − ln π_ref)"], *rows],
        rf"-\ln \sigma({margin:.3f}) = {np.logaddexp(0, -margin):.3f}",
        "The difference of the last column goes into the logistic function. At step 0 it is 0, and the loss is ln 2 = "
        "0.693, whatever the pair.",
    )  # fmt: skip


def _sentence(view: View) -> tuple[str, Rows, str, str]:
    frame, beta = view.frame, view.config.beta
    i = int(frame.written[0])
    raised = float(frame.log_probs[i] - frame.ref[i])
    rows = [["reward, as believed", f"{frame.believed[i]:+.3f}"], ["ln π", f"{frame.log_probs[i]:.3f}"],
            ["ln π_ref", f"{frame.ref[i]:.3f}"], ["β (ln π − ln π_ref)", f"{beta * raised:+.3f}"]]  # fmt: skip
    if view.config.method == "rejection":
        return (f"What “{spelled(i)}” is worth", [["Term", "Number"], *rows],
                r"-\ln \pi(x)\;\text{of the best quarter}",
                "Only the order of rewards counts here, and distance costs nothing.")  # fmt: skip
    priced = frame.believed[i] - beta * raised
    return (
        f"What “{spelled(i)}” is worth", [["Term", "Number"], *rows],
        rf"r - \beta \ln\frac{{\pi}}{{\pi_\text{{ref}}}} = {priced:+.3f}",
        f"On average over all sentences it is {frame.scores['value']:+.3f}; what is worth more becomes likelier. At "
        f"the optimum every sentence is worth the same, β ln Z = {beta * frame.log_z:+.3f}.",
    )  # fmt: skip


def _best(view: View) -> tuple[str, Rows, str, str]:
    frame = view.frame
    n = min(1 + view.step, view.config.candidates)
    bound = math.log(n) - (n - 1) / n
    return (
        f"What the best of {n} costs",
        [
            ["Term", "Nats"],
            ["KL, over all sentences", f"{frame.scores['kl']:.4f}"],
            ["ln n − (n − 1)/n", f"{bound:.4f}"],
        ],
        rf"\mathrm{{KL}} \le \ln {n} - \tfrac{{{n - 1}}}{{{n}}} = {bound:.4f}",
        "They would be equal if no two candidates were ever the same sentence.",
    )  # fmt: skip
