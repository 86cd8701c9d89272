"""Mixture of experts: a router and its experts learn together, beside two dense networks."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ui import charts
from ui.controls import says
from ui.inputs.text import text_input
from ui.page import View, lab_page
from ui.player import Player

SLUG = "moe_routing"
NETWORKS = {"moe": ("mixture of experts", "train"), "equal_compute": ("dense, equal compute", "neutral"),
            "equal_size": ("dense, equal size", "test")}  # fmt: skip


def curves(view: View) -> None:
    """Errors of the three networks; balance and specialisation, which are not the same; what is dropped."""
    if not view.curves:
        st.info("Press Play: errors, balance and specialisation are drawn here, step by step.",
                icon=":material/show_chart:")  # fmt: skip
        return
    common = {"ghost": view.ghosts, "marker": view.marker, "height": 280}
    text = view.config.data == "text"
    charts.curves(view.curves, series=NETWORKS, log_y=not text, floor=1e-5, key=f"{view.key}.error",
                  title="Test error of three networks, trained on the same batches",
                  y_title="cross-entropy (nats)" if text else "share of variance left", **common)  # fmt: skip
    left, right = st.columns(2)
    with left:
        charts.curves(view.curves, series={"violation": ("imbalance: largest load / mean − 1", "gradient")},
                      title="Balanced? 0 is perfect", y_title="max violation", key=f"{view.key}.balance",
                      **common)  # fmt: skip
    with right:
        other = "character" if text else "cluster"
        charts.curves(view.curves, series={"information": (f"mutual information of expert and {other}", "positive"),
                                           "dropped": ("share of choices dropped", "gradient")},
                      title="Specialised? 1 is perfect", y_title="share", key=f"{view.key}.special",
                      **common)  # fmt: skip


def inside(view: View) -> None:
    """What is stored, what is used, and each expert's numbers."""
    frame = view.frame
    st.markdown("##### Stored and used")
    rows = ["| | hidden neurons | parameters stored | used for a token | operations for a token | test error |",
            "|:--|--:|--:|--:|--:|--:|"]  # fmt: skip
    for (name, _), size, score in zip(NETWORKS.values(), frame.sizes, frame.scores, strict=True):
        neurons = f"{size.neurons:,}" if size.neurons else "linear"
        rows.append(f"| {name} | {neurons} | {size.stored:,} | {size.used:,} | {size.flops:,} | {score:.3f} |")
    st.markdown("\n".join(rows))
    linear = ""
    if not view.config.width and view.config.top_k + view.config.shared > 1:
        linear = (" Linear maps that are added up are no more than one: that is why the dense network of equal compute "
                  "is a single one, and computes less than the mixture.")  # fmt: skip
    st.caption("Only the layer in question counts, with its router. A multiplication and its addition are two "
               f"operations. The hidden neurons of the mixture are those of one expert.{linear}")  # fmt: skip
    st.markdown("##### Experts")
    rows = ["| expert | load | error where it is first choice | bias |", "|:--|--:|--:|--:|"]
    for i, (load, error, bias) in enumerate(zip(frame.load, frame.errors, frame.bias, strict=True)):
        rows.append(f"| {i + 1} | {load:.1%} | {'–' if np.isnan(error) else f'{error:.3f}'} | {bias:+.3f} |")
    st.markdown("\n".join(rows))


def extra(player: Player) -> None:
    """A text of the visitor's own."""
    if says(SLUG, type(player.wanted), "data") == "text":
        text_input(player)


lab_page(SLUG, curves=curves, inside=inside, extra=extra)
