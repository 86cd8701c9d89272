"""What is drawn of a transformer: the maps of all heads, the moment when they learn, and one head stage by stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import LEFT, RIGHT, Figure, Picture, Text
from engine.contract.view import Turn, View
from engine.figures.bars import bars
from engine.figures.lens import logit_lens
from engine.scene.curves import curves as curves_panel
from engine.scene.head import attention_head
from engine.scene.sampler import next_token
from engine.scene.scene import Scene
from engine.scene.text import text

LOOKS_BACK = ("induction", "lookup")  # tasks that an induction head solves
SHARING = {"multi_head": "multi-head", "grouped": "grouped by two", "multi_query": "multi-query"}
NAMED = 16  # with more heads than this the maps have no captions


def stage(view: View) -> Scene:
    """All heads, the moment when they learn, and one head stage by stage."""
    frame, config = view.frame, view.config
    layers, heads = frame.weights.shape[:2]
    scene = Scene(height=770)
    maps = frame.weights.copy()
    for layer, head in frame.off:
        maps[layer - 1, head - 1] = np.nan
    scene.heat_grid(
        "heads", title=_all_heads(frame), images=maps.reshape(-1, *maps.shape[2:]), low=0, high=1, columns=heads,
        captions=[_caption(frame, layer, head) for layer in range(layers) for head in range(heads)]
        if layers * heads <= NAMED else [], chosen=(frame.head.layer - 1) * heads + frame.head.head - 1, weight=1.2,
    )  # fmt: skip
    if config.task == "text":
        next_token(scene, "next", title=following(frame), logits=frame.logits, labels=frame.labels)
    else:
        _moment(scene, view)
    scene.row()
    head, tokens = frame.head, [frame.labels[token] for token in frame.tokens]
    off = "" if head.on else ", switched off"
    attention_head(
        scene, "head", title=f"Head {head.layer}.{head.head}{off}, stage by stage: point at a pair", tokens=tokens,
        queries=head.queries, keys=head.keys, values=head.values, scores=head.scores, bias=head.bias, seen=head.seen,
        weights=head.weights, found=head.found, on=head.on,
    )  # fmt: skip
    if frame.ignored and config.tokens:
        text(scene, "ignored", [f"No tokens of this task, and left out: {frame.ignored[:40]}"])
    return scene


def curves(view: View) -> Scene:
    """Loss, share right, and what the heads do."""
    scene = Scene(height=860)
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    if not view.curves:
        return scene
    curves_panel(scene, "loss", series={"test_loss": ("held out", "test"), "loss": ("training", "train")},
                 title="Loss where the next token can be known", y_title="cross-entropy", **common)  # fmt: skip
    scene.row()
    curves_panel(scene, "accuracy", series={"test_accuracy": ("held out", "test"), "accuracy": ("training", "train")},
                 title="Share of tokens predicted right", y_title="share", **common)  # fmt: skip
    scene.row()
    scores = {"induction": ("induction", "class_2"), "previous_token": ("token before", "class_4")}
    curves_panel(scene, "scores", series=scores, title="How much the best head looks where",
                 y_title="share of attention", **common)  # fmt: skip
    text(scene, "explained", [
        "Held out are periods of repetition that training leaves out, or the end of a text; for the other tasks "
        "new sequences. The induction score is the attention to what followed the last tokens like this one, the other "
        "that to the token before, each for the best head. Attention was computed by "
        + ("torch's F.scaled_dot_product_attention in training, and written out here." if view.frame.fused else
           "the matrix products under Source.")
    ])  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """The prediction after every layer, what a head is worth, the next token, and the cache of keys and values."""
    frame, labels = view.frame, view.frame.labels
    lens = logit_lens(
        [labels[t] for t in frame.tokens],
        [labels[t] if known else "" for t, known in zip(frame.targets, frame.scored, strict=True)],
        [[labels[t] for t in row] for row in frame.lens_tokens], frame.lens_shares, frame.lens, key="lens",
        title="What it would say after each layer (logit lens)",
    )  # fmt: skip
    costs = {f"head {i + 1}.{j + 1}": float(cost) for (i, j), cost in np.ndenumerate(frame.costs)}
    worth: Figure = Text("With more than 8 heads, switch some off beside the stage to see what they are worth.",
                         tone="hint", column=LEFT)  # fmt: skip
    if costs:
        worth = bars(costs, key="costs", title="What switching one head off costs", x_title="loss gained",
                     colour="negative", column=LEFT)  # fmt: skip
    cache = {f"{SHARING[name]}{' (here)' if name == view.config.key_value_heads else ''}": size / 1000
             for name, size in frame.cache.items()}  # fmt: skip
    stored = bars(cache, key="cache", title="Cache of keys and values, all layers", x_title="kB for each token",
                  column=LEFT)  # fmt: skip
    scene = Scene(height=460)
    next_token(
        scene, "next", title=following(frame), logits=frame.logits, labels=labels,
        note="The line in each bar is what the network says; temperature, top-k and top-p change the bars.",
    )  # fmt: skip
    return [lens, worth, stored, Picture("sampler", scene, column=RIGHT)]


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on a map takes that head apart; a token drawn by lot is added to the sequence on screen."""
    if pick["panel"] == "heads":
        heads = view.frame.weights.shape[1]
        return Turn({"shown": (pick["index"] // heads + 1) * 10 + pick["index"] % heads + 1})
    if pick["kind"] == "sample":
        return Turn({"tokens": _longer(view, pick["index"])})
    return None


def following(frame: Any) -> str:
    """What the next token is asked of: the end of the sequence on screen."""
    return f"What follows “{''.join(frame.labels[token] for token in frame.tokens[-12:])}”"


def _all_heads(frame: Any) -> str:
    if not frame.off:
        return "Every head: rows look at columns. Click one"
    gone = ", ".join(f"{layer}.{head}" for layer, head in frame.off)
    return f"Without {gone} the loss is {frame.loss_off:.2f} instead of {frame.loss:.2f}"


def _caption(frame: Any, layer: int, head: int) -> str:
    """The number of a head, counted from 1, and what it does if that is plain."""
    found = {"induction": frame.induction[layer, head], "token before": frame.previous[layer, head]}
    kind = max(found, key=found.__getitem__)
    return f"{layer + 1}.{head + 1}" + (f" {kind} {found[kind]:.0%}" if found[kind] > 0.3 else "")


def _moment(scene: Scene, view: View) -> None:
    """The loss beside what explains it, on one scale from 0 to 1."""
    looks_back = view.config.task in LOOKS_BACK
    lines = {"test_loss": ("Loss, as a share of the first", "test"), "test_accuracy": ("Share right", "train")}
    if looks_back:
        lines |= {
            "induction": ("Best induction score", "class_2"),
            "previous_token": ("Best token-before score", "class_4"),
        }
        del lines["test_accuracy"]
    panel = scene.panel(
        "moment", title="The moment: loss falls as the stripe appears" if looks_back else "Loss and share right",
        x=(0, 1.03 * max(60, view.last_step)), y=(-0.03, 1.1), x_label="step", y_label="share", equal=False,
    )  # fmt: skip
    for metric, (name, colour) in lines.items():
        steps, values = view.curves.get(metric, (np.zeros(0), np.zeros(0)))
        if len(steps):
            scaled = values / values[0] if metric == "test_loss" else values
            thinned = slice(None, None, max(1, len(steps) // 400))
            panel.path(np.column_stack([steps, scaled])[thinned], colour=colour, name=name)


def _longer(view: View, index: int) -> str:
    """The sequence on screen, which is the visitor's own from then on, with one more token."""
    text = view.config.tokens if view.frame.own else "".join(_typed(view.frame.labels[t]) for t in view.frame.tokens)
    return str((text + _typed(view.frame.labels[index]))[-200:])


def _typed(label: str) -> str:
    """The character behind a label: spaces and ends of lines are written as signs."""
    return {"\u2423": " ", "\u23ce": "\n", "\u21e5": "\t"}.get(label, label)
