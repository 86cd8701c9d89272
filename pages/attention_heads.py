"""Attention heads: all of them while they learn, one taken apart, and what each is worth."""

from __future__ import annotations

import numpy as np
import streamlit as st

from engine.scene.sampler import next_token
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.text import text_input
from ui.lens_chart import logit_lens
from ui.page import View, lab_page, views
from ui.plain import plain
from ui.player import Player
from ui.press import whole
from ui.scene import show

SLUG = "attention_heads"
drawn = views(SLUG)
SHARING = {"multi_head": "multi-head", "grouped": "grouped by two", "multi_query": "multi-query"}


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
            scene, "next", title=drawn.following(frame), logits=frame.logits, labels=frame.labels,
            note="The line in each bar is what the network says; temperature, top-k and top-p change the bars.",
        )  # fmt: skip
        pick = show(scene, key=f"{view.key}.sampler")
        turn = drawn.answer(view, pick) if pick else None
        if turn is not None:
            view.player.turn(**turn.knobs)
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


lab_page(SLUG, curves=curves, inside=inside, extra=extra)
