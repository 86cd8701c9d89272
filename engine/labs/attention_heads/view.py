"""What is drawn of a transformer: the heads that say most, the moment they learn, all heads, and one taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import LEFT, RIGHT, Figure, Picture, Text
from engine.contract.view import Turn, View
from engine.figures.bars import bars
from engine.figures.lens import logit_lens
from engine.labs.attention_heads import words
from engine.labs.attention_heads.heads import BEFORE, INDUCTION, MIRROR, does, stripes
from engine.labs.attention_heads.words import LOOKS_BACK
from engine.scene import maps
from engine.scene.curves import curves as curves_panel
from engine.scene.head import attention_head
from engine.scene.panel import Panel
from engine.scene.sampler import next_token
from engine.scene.scene import Scene
from engine.scene.text import text

SHARING = {"multi_head": "multi-head", "grouped": "grouped by two", "multi_query": "multi-query"}
STRIPE = {INDUCTION: "class_2", BEFORE: "class_4", MIRROR: "class_0"}  # colours of what is outlined
NAMED = 16  # with more heads than this the maps have no captions
LARGE, APART = 440, 385  # pixels: how tall the first row of the stage is, and that of one head taken apart
WIDTH = 940  # pixels of the stage, about
HEADER = 62  # of a panel: its title and its edges


def stage(view: View) -> Scene:
    """Two heads large beside the moment when they learn; all heads; and one of them stage by stage."""
    frame, config = view.frame, view.config
    tokens = [words.short(frame.labels[token]) for token in frame.tokens]
    below = _all_height(view)
    scene = Scene(height=LARGE + below + APART)
    _telling(scene, view, tokens)
    if config.task == "text":
        next_token(scene, "next", title=following(frame), logits=frame.logits, labels=frame.labels)
    else:
        _moment(scene, view)
    if below:
        scene.row(below / LARGE)
        _all(scene, view, tokens)
    scene.row(APART / LARGE)
    head = frame.head
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
    cache = {f"{SHARING[name]}{' (here)' if name == view.config.key_value_heads else ''}": size
             for name, size in frame.cache.items()}  # fmt: skip
    stored = bars(cache, key="cache", title="Cache of keys and values, all layers", x_title="bytes for each token",
                  column=LEFT, form=",d")  # fmt: skip
    scene = Scene(height=460)
    next_token(
        scene, "next", title=following(frame), logits=frame.logits, labels=labels,
        note="The line in each bar is what the network says; temperature, top-k and top-p change the bars.",
    )  # fmt: skip
    return [lens, worth, stored, Picture("sampler", scene, column=RIGHT)]


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on a map takes that head apart; a token drawn by lot is added to the sequence on screen."""
    if pick["panel"] in ("heads", "all"):
        heads = view.frame.weights.shape[1]
        large = pick["panel"] == "heads"
        layer, head = words.telling(view)[pick["index"]] if large else divmod(pick["index"], heads)
        return Turn({"shown": (layer + 1) * 10 + head + 1})
    if pick["kind"] == "sample":
        return Turn({"tokens": _longer(view, pick["index"])})
    return None


def following(frame: Any) -> str:
    """What the next token is asked of: the end of the sequence on screen."""
    return f"What follows “{''.join(frame.labels[token] for token in frame.tokens[-12:])[-14:]}”"


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name."""
    return words.facts(view)


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view)


def _all_height(view: View) -> int:
    """How tall the row of all heads is; 0 if there are no more than those that are large."""
    layers, heads = view.frame.weights.shape[:2]
    if layers * heads <= len(words.telling(view)):
        return 0
    tall = maps.height(layers * heads, _across(view), captions=_captions(view), groups=words.sharing(view),
                       width=(WIDTH / 2 if view.beside else WIDTH) - 40)  # fmt: skip
    return int(min(640, max(300, tall + HEADER)))


def _columns(layers: int, heads: int) -> int:
    """Maps in a row: the heads of a layer; where each layer has one head, the layers."""
    return min(layers, 4) if heads == 1 else heads


def _across(view: View) -> int:
    """Maps in a row of the panel of all heads: all of them if they are few and share nothing."""
    layers, heads = view.frame.weights.shape[:2]
    few = layers * heads <= 4 and not words.sharing(view) and not view.beside
    return layers * heads if few else _columns(layers, heads)


def _captions(view: View) -> list[str]:
    layers, heads = view.frame.weights.shape[:2]
    if layers * heads > NAMED:
        return []
    return [words.caption(view, layer, head) for layer in range(layers) for head in range(heads)]


def _telling(scene: Scene, view: View, tokens: list[str]) -> None:
    """The maps of the two heads that say most, with a line around what they say."""
    frame, pair, scores = view.frame, words.telling(view), words.kinds(view)
    weights = _weights(frame)
    outlines = [
        (n, stripe, STRIPE[kind]) for n, place in enumerate(pair) if (kind := does(scores, place))
        for stripe in stripes(kind, frame.weights[place], frame.tokens)
    ]  # fmt: skip
    shown = (frame.head.layer - 1, frame.head.head - 1)
    maps.attention_maps(
        scene, "heads", title=words.heads_title(view), weights=np.stack([weights[place] for place in pair]),
        tokens=tokens, captions=[words.large(view, place) for place in pair], weight=1.75, outlines=outlines,
        chosen=pair.index(shown) if view.config.shown and shown in pair else None, axes=("each token", "looks at"),
        aspect=1.75,
    )  # fmt: skip


def _all(scene: Scene, view: View, tokens: list[str]) -> None:
    """The map of every head; those that are switched off are hatched."""
    frame, heads = view.frame, view.frame.weights.shape[1]
    weights = _weights(frame)
    maps.attention_maps(
        scene, "all", title=words.all_title(view), weights=weights.reshape(-1, *weights.shape[2:]), tokens=tokens,
        captions=_captions(view), columns=_across(view), groups=words.sharing(view),
        chosen=(frame.head.layer - 1) * heads + frame.head.head - 1,
    )  # fmt: skip


def _weights(frame: Any) -> Any:
    """The maps (L, H, T, T), not a number where a head is switched off."""
    weights = frame.weights.copy()
    for layer, head in frame.off:
        weights[layer - 1, head - 1] = np.nan
    return weights


def _moment(scene: Scene, view: View) -> None:
    """Loss and share right, and where the best heads look, on one scale from 0 to 1: when which of them turns."""
    looks_back = view.config.task in LOOKS_BACK
    lines = {"test_loss": ("Loss, as a share of the first", "test"), "test_accuracy": ("Share right", "positive")}
    if looks_back:
        lines |= {
            "induction": ("Induction stripe, best head", "class_2"),
            "previous_token": ("Token before, best head", "class_4"),
        }
    last = 1.03 * max(60, view.last_step)
    panel = scene.panel(
        "moment", title=words.moment_title(view), x=(0, last), y=(-0.03, 1.1), x_label="step", y_label="share",
        equal=False,
    )  # fmt: skip
    if looks_back:
        panel.lines(
            [[[0, words.HALF], [last, words.HALF]]], colour="neutral", width=1, name="Half of the answers right"
        )
    for metric, (name, colour) in lines.items():
        steps, values = view.curves.get(metric, (np.zeros(0), np.zeros(0)))
        if len(steps):
            scaled = values / values[0] if metric == "test_loss" else values
            thinned = slice(None, None, max(1, len(steps) // 400))
            panel.path(np.column_stack([steps, scaled])[thinned], colour=colour, name=name)
    if looks_back:
        _turns(panel, view, last)


def _turns(panel: Panel, view: View, last: float) -> None:
    """When the loss and the stripe were half way: written where no curve runs."""
    turns = {"loss": (words.loss_half(view), "test"), "stripe": (words.stripe(view), "class_2")}
    steps = [step for step, _ in turns.values()]
    if not all(steps):
        return
    left = min(steps) > last / 3  # below the loss that has not fallen yet, above the stripe that is not there
    x, top = (min(steps) / 2, 0.72) if left else ((max(steps) + last) / 2, 0.4)
    for place, (what, (step, colour)) in enumerate(turns.items()):
        panel.points([[step, words.HALF]], size=5, shape="ring", colours=[colour])
        panel.text(x, top - 0.13 * place, f"{what}: step {step}", centred=True)


def _longer(view: View, index: int) -> str:
    """The sequence on screen, which is the visitor's own from then on, with one more token."""
    text = view.config.tokens if view.frame.own else "".join(_typed(view.frame.labels[t]) for t in view.frame.tokens)
    return str((text + _typed(view.frame.labels[index]))[-200:])


def _typed(label: str) -> str:
    """The character behind a label: spaces and ends of lines are written as signs."""
    return {"\u2423": " ", "\u23ce": "\n", "\u21e5": "\t"}.get(label, label)
