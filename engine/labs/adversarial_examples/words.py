"""What is said of two networks under attack: how much each reads right, a sentence, and the numbers lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contract.view import View
from engine.labs.adversarial_examples import tally
from engine.labs.adversarial_examples.attack_names import NAMES as ALL
from engine.labs.adversarial_examples.attack_names import TITLES

NETWORKS = ("plain", "defended")
ATTACKS = {"random_sign": "random sign", "fgsm": "FGSM", "pgd": "PGD", "transfer": "PGD, transferred"}
SHORT = {"random_sign": "random", "fgsm": "fgsm", "pgd": "pgd", "transfer": "transfer"}  # as facts are called


def shares(frame: Any) -> NDArray[np.float64]:
    """Share of test pictures read right, (2, attacks, E): as measured, or else as counted in training, or NaN."""
    found = tally.shares(frame.right, frame.asked)
    early = found[:, : tally.EARLY]
    found[:, : tally.EARLY] = np.where(np.isfinite(early), early, frame.early)
    found[:, :, 0] = found[:, :1, 0]  # without a radius every attack is none
    return found


def place(view: View) -> int:
    """The radius among those measured that is nearest to the one of the attack."""
    return tally.nearest(view.frame.radii, view.config.radius)


def counted(view: View) -> str:
    """Which of the attacks whose accuracy is measured stands for the one that is chosen."""
    if view.config.attack in ("random_sign", "fgsm"):
        return str(view.config.attack)
    return "pgd" if view.config.source == "own" else "transfer"


def percent(share: float) -> str:
    """A share as it is written, or a dash where nothing is known."""
    return f"{share:.0%}" if math.isfinite(share) else "–"


def answers(view: View) -> tuple[list[str], list[str]]:
    """What both networks take the picture for, before the attack and under it."""
    seen, classes = view.frame.attacked, view.frame.classes
    before, after = ([classes[int(sure.argmax())] for sure in each] for each in (seen.before, seen.after))
    return before, after


def facts(view: View) -> dict[str, float | str]:
    """Shares of test pictures read right, as on screen: unchanged, and at the measured radius nearest to ε.

    They are `plain` and `defended`, and with `_random`, `_fgsm`, `_pgd`, `_transfer` those under attack; what is not
    measured yet is 0, and `measured` is 1 when all is.  `told` is a sentence about them that is true at any time.
    """
    frame, config, at = view.frame, view.config, place(view)
    share, changes = shares(frame), np.abs(frame.attacked.adversarial - frame.attacked.picture)
    found: dict[str, float | str] = {
        "eps": round(float(frame.radii[at]), 4), "attack": config.attack, "model": config.model,
        "training_eps": config.training_eps, "training_steps": config.training_steps,
        "pixels": int(frame.attacked.picture.size), "told": _told(view, share),
        "measured": int(np.isfinite(share[:, :, at]).all()),
    }  # fmt: skip
    for number, name in enumerate(NETWORKS):
        known = np.nan_to_num(share[number])
        found |= {name: float(known[0, 0]), f"{name}_change": float(changes[number].max())}
        found |= {f"{name}_{short}": float(known[tally.ATTACKS.index(kind), at]) for kind, short in SHORT.items()}
    transfer = float(share[1, tally.ATTACKS.index("transfer"), at])
    found["defended_transfer_told"] = percent(transfer) if math.isfinite(transfer) else "not measured yet"
    return found


def _told(view: View, share: NDArray[np.float64]) -> str:
    """What both networks read under the attack that is chosen, as far as it is known."""
    at, kind, parts = place(view), counted(view), []
    for name, clean, under in zip(NETWORKS, share[:, 0, 0], share[:, tally.ATTACKS.index(kind), at], strict=True):
        if not math.isfinite(clean):
            return "nothing is measured yet"
        known = math.isfinite(under)
        parts.append(f"the {name} network reads {clean:.0%} of the unchanged test pictures and "
                     f"{f'{under:.0%}' if known else 'a share not measured yet'} under {ATTACKS[kind]}")  # fmt: skip
    return f"at ε = {view.frame.radii[at]:g} {', '.join(parts)}"


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, seen = view.frame, view.frame.attacked
    if not np.isfinite(seen.before).all():
        return "A network has lost itself, its answers are no numbers any more: reset it, or take another network."
    if frame.step == 0 and view.config.stored:
        said = _picture(view).rstrip(".").partition("; the defended")[0]  # that it holds, is seen
        said = (
            f"Under attack the plain{said.partition(', and the plain')[2]}" if ", and the plain" in said else said
        )  # and ε as well
        return f"{said}: Play counts with how many test pictures this works."
    if frame.step == 0:
        return "Both networks only guess as yet: press Play, and watch their answers before and under the attack."
    if frame.step < frame.training_steps:
        return _picture(view)
    share, at, kind = shares(frame), place(view), counted(view)
    plain, defended = share[:, tally.ATTACKS.index(kind), at]
    if not math.isfinite(plain + defended):
        begun = "Accuracy" if view.config.stored else "Training is over, and accuracy"
        return f"{begun} is measured from small ε to large: {frame.measured:.0%} of it so far."
    if not at:
        return f"With so small an ε nothing changes: the plain network reads {plain:.0%} of the test pictures."
    second = "the other" if view.config.defence == "none" else "the defended one"
    return (f"At ε = {frame.radii[at]:g} under {ATTACKS[kind]} the plain network reads {plain:.0%} of the test "
            f"pictures, {second} {defended:.0%}.")  # fmt: skip


def _picture(view: View) -> str:
    """What the attack did to the plain network's answer, if that was right before."""
    seen, (before, after) = view.frame.attacked, answers(view)
    truth, config = view.frame.classes[seen.truth], view.config
    if before[0] != truth:
        return f"The plain network has not learned this “{truth}” yet: unchanged, it takes it for “{before[0]}”."
    name = TITLES[ALL.index(config.attack)]
    if after[0] == truth:
        return f"{name} has not fooled the plain network here: it still reads the “{truth}”."
    size = f"by {config.radius:g} at most" if config.norm == "inf" else f"by {config.radius:g} in all"
    holds = "; the defended one holds" if before[1] == after[1] == truth and config.defence != "none" else ""
    return f"{name} moved pixels {size}, and the plain network takes the “{truth}” for “{after[0]}”{holds}."
