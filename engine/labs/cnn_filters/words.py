"""What is said of a network that reads pictures: one sentence, and the numbers that lessons name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.contract.view import View

METHODS = {"saliency": "Saliency", "integrated_gradients": "Integrated gradients", "grad_cam": "Grad-CAM",
           "occlusion": "Occlusion"}  # in the order of `Frame.attributions`  # fmt: skip
DEEP = 3  # layers from which on it is drawn what each tells about the class
RECENT = 20  # steps over which the loss on training pictures is averaged: a single minibatch says little


def facts(view: View) -> dict[str, Any]:
    """What is read right, the loss, what layers tell about the class, and how alike the maps of both networks are.

    `guessing` is the loss of equal chances.  What is not known yet is 0, and `tested` and `explained` say so.
    """
    frame, config = view.frame, view.config
    layers, before = frame.class_correlation, frame.first_correlation
    loss = recent_loss(view)
    told = list(map(float, layers)) if np.isfinite(layers).all() else []
    found: dict[str, Any] = {
        "tested": int(bool(frame.test)), "test": frame.test.get("test_accuracy", 0.0),
        "moved": frame.test.get("moved_accuracy", 0.0), "pooling": config.pooling, "depth": len(frame.rows),
        "skips": int(config.residual), "augmentation": config.augmentation, "loss": loss if loss is not None else 0.0,
        "trained": int(loss is not None and frame.step >= RECENT), "guessing": math.log(len(frame.classes)),
        "layers": len(told), "first_layer": told[0] if told else 0.0, "last_layer": told[-1] if told else 0.0,
        "second_layer": told[1] if len(told) > 1 else 0.0, "first_before": float(before[0]) if len(before) else 0.0,
        "explained": int(frame.taught and bool(len(frame.attributions)) and bool(np.isfinite(frame.alike).all())),
        "layers_told": _layers(told),
        "loss_told": "not known yet" if loss is None else f"{loss:.2f}",
    }  # fmt: skip
    found["changed"] = found["first_layer"] - found["first_before"]
    alike = dict.fromkeys(METHODS, 0.0)
    if found["explained"]:
        alike = dict(zip(METHODS, map(float, frame.alike), strict=True))
    others = [alike[name] for name in METHODS if name != "integrated_gradients"]
    said = {f"{name}_told": signed(value) for name, value in alike.items()}
    return {**found, **alike, **said, "others_most": max(others)}


def _layers(told: list[float]) -> str:
    """What the bars of layers say, if there are any."""
    if len(told) < DEEP:
        return f"There are no bars for this network, which are drawn from {DEEP} layers on if it is not too large"
    bars = "The bars *What each layer tells about the class*"
    return f"{bars} stand at {told[0]:.2f} for layer 1 and at {told[-1]:.2f} for the last"


def signed(value: float) -> str:
    """A correlation as it is written."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def recent_loss(view: View) -> float | None:
    """The mean loss on training pictures over the last `RECENT` steps, or None before the first and after diverging."""
    steps, values = view.curves.get("train_loss", ((), ()))
    kept = np.asarray(values, float)[np.asarray(steps) <= view.step][-RECENT:]
    return float(kept.mean()) if len(kept) and np.isfinite(kept).all() else None


def say(view: View) -> str:
    """One sentence: what to look at now."""
    frame, found = view.frame, facts(view)
    if not np.isfinite(frame.probabilities).all():
        return "It has diverged and its numbers are no numbers any more: reset it, and try a smaller learning rate."
    answer, sure = frame.classes[frame.answer], float(frame.probabilities[frame.answer])
    if not frame.taught:
        return "All weights are random as yet: press Play, and watch kernels, maps and answer take shape."
    if frame.step == 0 and view.config.stored and not found["explained"]:
        who = "your drawing" if frame.drawn else "this digit"
        return (f"It reads {found['test']:.0%} of digits it never saw, and {who} as “{answer}”, {sure:.0%} sure; "
                "Play trains it further.")  # fmt: skip
    if found["explained"]:
        return _maps(found)
    if view.beside and found["trained"] and not found["test"] > 0.5:
        return f"The loss on training pictures is {found['loss']:.2f}, where guessing gives {found['guessing']:.2f}."
    if not found["tested"]:
        return "It learns: test pictures have not been read yet."
    if found["test"] < 0.9:
        return (
            f"It learns: {found['test']:.0%} of the test pictures are read right, and this one is read as “{answer}”."
        )
    read = f"It reads {found['test']:.0%} of the test pictures"
    if view.beside:
        return f"{read}, and {found['moved']:.0%} once they are moved by a pixel."
    if found["layers"] > 2:
        return (f"{read}; layer 1 tells {found['first_layer']:.2f} about the class, the last layer "
                f"{found['last_layer']:.2f} (η²).")  # fmt: skip
    return f"{read}, and takes this one for “{answer}”, {sure:.0%} sure."


def _maps(found: dict[str, Any]) -> str:
    """Which method draws most alike for the trained network and for the one with random weights."""
    most = max(METHODS, key=lambda name: float(found[name]))
    return f"{METHODS[most]} draws most alike for both networks: rank correlation {signed(found[most])} of 1."


def taken_for(frame: Any) -> str:
    """What the network takes the picture for."""
    sure = f"“{frame.classes[frame.answer]}”, {frame.probabilities[frame.answer]:.0%} sure"
    if frame.label < 0:
        return sure
    return f"{sure} ({'right' if frame.answer == frame.label else f'it is “{frame.classes[frame.label]}”'})"
