"""How heads that talk mix their squares: before softmax their scores, after it their weights."""

from __future__ import annotations

import numpy as np

from engine.contract.view import View
from engine.labs.efficient_attention import words
from engine.scene.scene import Scene


def talk(scene: Scene, view: View) -> None:
    """The two tables (H, H) of the first kind whose heads talk: a row gives, a column takes."""
    each = next(each for each in view.frame.seen if each.mixing.size)
    names = [str(head + 1) for head in range(each.mixing.shape[-1])]
    for key, what, table in zip(("scores", "weights"), words.MIXED, each.mixing, strict=True):
        far = max(1.0, float(np.abs(np.nan_to_num(table)).max()))
        panel = scene.panel(
            key, title=f"{words.WHOSE[each.kind].capitalize()}: {what}", x=(-0.5, len(names) - 0.5),
            y=(len(names) - 0.5, -0.5), x_names=names, y_names=names, x_label="head that takes",
            y_label="head that gives", aspect=0.9, note="At step 0 each takes its own: heads that do not talk.",
        )  # fmt: skip
        panel.heatmap(table, extent=(0, len(names) - 1, 0, len(names) - 1), low=-far, high=far, palette="diverging",
                      discrete=True, name=f"share taken, to ±{far:.2g}")  # fmt: skip
