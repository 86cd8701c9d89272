"""Attention heads: all of them while they learn, one taken apart, and what each is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.scene.head import attention_head
from engine.scene.sampler import next_token
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.text import text_input
from ui.lens_chart import logit_lens
from ui.page import View, lab_page
from ui.plain import plain
from ui.player import Player
from ui.press import whole
from ui.scene import show

SLUG = "attention_heads"
SHARING = {"multi_head": "multi-head", "grouped": "grouped by two", "multi_query": "multi-query"}
LOOKS_BACK = ("induction", "lookup")  # tasks that an induction head solves
NAMED = 16  # with more heads than this the maps have no captions


def stage(view: View) -> None:
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
        next_token(scene, "next", title=_next(frame), logits=frame.logits, labels=frame.labels)
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
    _picked(view, show(scene, key=view.key))


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


def _next(frame: Any) -> str:
    return f"What follows “{''.join(frame.labels[token] for token in frame.tokens[-12:])}”"


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
        x=(0, 1.03 * max(60, view.look.last_step)), y=(-0.03, 1.1), x_label="step", y_label="share", equal=False,
    )  # fmt: skip
    for metric, (name, colour) in lines.items():
        steps, values = view.curves.get(metric, (np.zeros(0), np.zeros(0)))
        if len(steps):
            scaled = values / values[0] if metric == "test_loss" else values
            thinned = slice(None, None, max(1, len(steps) // 400))
            panel.path(np.column_stack([steps, scaled])[thinned], colour=colour, name=name)


def _picked(view: View, pick: dict[str, Any] | None) -> None:
    """A click on a map takes that head apart; a token drawn by lot is added to the sequence."""
    if not pick:
        return
    if pick["panel"] == "heads":
        heads = view.frame.weights.shape[1]
        view.player.turn(shown=(pick["index"] // heads + 1) * 10 + pick["index"] % heads + 1)
    elif pick["kind"] == "sample":
        _append(view, pick["index"])
    else:
        return
    st.rerun(scope="app")


def _append(view: View, index: int) -> None:
    """Add a token to the sequence on screen, which is the visitor's own from then on."""
    text = view.config.tokens if view.frame.own else "".join(_typed(view.frame.labels[t]) for t in view.frame.tokens)
    view.player.turn(tokens=(text + _typed(view.frame.labels[index]))[-200:])


def _typed(label: str) -> str:
    """The character behind a label: spaces and ends of lines are written as signs."""
    return {"\u2423": " ", "\u23ce": "\n", "\u21e5": "\t"}.get(label, label)


def curves(view: View) -> None:
    """Loss, share right, and what the heads do."""
    if not view.curves:
        st.info("Press Play: loss and scores are drawn here, step by step.", icon=":material/show_chart:")
        return
    common = {"ghost": view.ghosts, "marker": view.marker, "height": 280}
    charts.curves(view.curves, series={"test_loss": ("held out", "test"), "loss": ("training", "train")},
                  title="Loss where the next token can be known", y_title="cross-entropy", key=f"{view.key}.loss",
                  **common)  # fmt: skip
    charts.curves(
        view.curves,
        series={"test_accuracy": ("held out", "test"), "accuracy": ("training", "train")},
        title="Share of tokens predicted right",
        y_title="share",
        key=f"{view.key}.accuracy",
        **common,
    )
    scores = {"induction": ("induction", "class_2"), "previous_token": ("token before", "class_4")}
    charts.curves(view.curves, series=scores, title="How much the best head looks where", y_title="share of attention",
                  key=f"{view.key}.scores", **common)  # fmt: skip
    st.caption(
        "Held out are periods of repetition that training leaves out, or the end of a text; for the other tasks "
        "new sequences. The induction score is the attention to what followed the last tokens like this one, the other "
        "that to the token before, each for the best head. Attention was computed by "
        + ("torch's F.scaled_dot_product_attention in training, and written out here." if view.frame.fused else
           "the matrix products under Source.")
    )  # fmt: skip


def inside(view: View) -> None:
    """The prediction after every layer, what a head is worth, the next token, and the cache of keys and values."""
    frame = view.frame
    labels = frame.labels
    logit_lens(
        [labels[t] for t in frame.tokens],
        [labels[t] if known else "" for t, known in zip(frame.targets, frame.scored, strict=True)],
        [[labels[t] for t in row] for row in frame.lens_tokens], frame.lens_shares, frame.lens, key=f"{view.key}.lens",
        title="What it would say after each layer (logit lens)",
    )  # fmt: skip
    left, right = st.columns(2)
    with left:
        if frame.costs.size:
            costs = {f"head {i + 1}.{j + 1}": float(cost) for (i, j), cost in np.ndenumerate(frame.costs)}
            charts.bars(costs, title="What switching one head off costs", x_title="loss gained",
                        key=f"{view.key}.costs", token="negative")  # fmt: skip
        else:
            st.info("With more than 8 heads, switch some off beside the stage to see what they are worth.",
                    icon=":material/toggle_off:")  # fmt: skip
        cache = {f"{SHARING[name]}{' (here)' if name == view.config.key_value_heads else ''}": size / 1000
                 for name, size in frame.cache.items()}  # fmt: skip
        charts.bars(cache, title="Cache of keys and values, all layers", x_title="kB for each token",
                    key=f"{view.key}.cache", token="positive")  # fmt: skip
    with right:
        scene = Scene(height=460)
        next_token(
            scene, "next", title=_next(frame), logits=frame.logits, labels=frame.labels,
            note="The line in each bar is what the network says; temperature, top-k and top-p change the bars.",
        )  # fmt: skip
        pick = show(scene, key=f"{view.key}.sampler")
        if pick and pick["kind"] == "sample":
            _append(view, pick["index"])
            st.rerun(scope="app")


def extra(player: Player) -> None:
    """Heads to switch off, and the text to learn from."""
    config = player.wanted
    look = player.on_stage.look if player.on_stage else None
    known = {(layer + 1) * 10 + head + 1: f"{layer + 1}.{head + 1}"
             for layer in range(config.layers) for head in range(config.heads)}  # fmt: skip
    key = f"{SLUG}.off.pills"
    st.session_state[key] = [head for head in config.off if head in known]

    def switch() -> None:
        player.turn(off=tuple(sorted(st.session_state[key])))

    st.pills("Switch heads off", list(known), format_func=known.__getitem__, selection_mode="multi", key=key,
             on_change=whole(switch), help="Only where you look: training goes on with all heads.")  # fmt: skip
    if config.task == "text":
        text_input(player)
    if look is not None and look.frame is not None and look.frame.ignored and config.tokens:
        st.caption(f"No tokens of this task, and left out: {plain(look.frame.ignored, most=40)}")


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
