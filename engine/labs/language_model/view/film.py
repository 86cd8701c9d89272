"""What is drawn of masked diffusion: a line from blanks alone to its last token, pass by pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.language_model import words
from engine.labs.language_model.config import ORDERS
from engine.scene.prose import prose
from engine.scene.scene import Scene

BLANK = "·"
ROWS = 9  # lines of a film: of more passes some are left out
PASSES = (1, 4, 8, 16)  # on buttons


def film(scene: Scene, view: View) -> None:
    """Each line a pass; a token stands on its colour from when it was filled, the darker the later."""
    config, shown = view.config, view.frame.film
    prompt = view.frame.prompt.replace("\n", "⏎")
    pieces: list[str] = []
    strength: list[float] = []
    told: list[Any] = []
    for n in np.unique(np.linspace(0, shown.count, min(ROWS, shown.count + 1)).round().astype(int)).tolist():
        pieces.append(f"\n{prompt}" if n else prompt)
        strength.append(0.0)
        told.append((f"after pass {n}" if n else "before the first pass", [("filled", _filled(shown, n))]))
        for text, at in zip(shown.texts, shown.passes, strict=True):
            there = at <= n
            pieces.append(text if there else BLANK)
            strength.append(at / shown.count if there else 0.0)
            told.append((f"“{text}”, pass {at}" if there else "blank", []))
    panel = prose(
        scene, "writing", title=words.writing_title(view), pieces=pieces, strength=np.array(strength),
        scale=("filled first", "last"), told=told, aspect=0.6, weight=1.25,
        note="A line for each pass, from blanks alone to the whole text.",
    )  # fmt: skip
    panel.buttons([(str(n), {"passes": str(n)}) for n in PASSES], label="Passes",
                  chosen=PASSES.index(config.passes) if config.passes in PASSES else None)  # fmt: skip
    panel.buttons([(title, {"order": order}) for order, title in ORDERS.items()], label="Which blanks a pass fills",
                  chosen=list(ORDERS).index(config.order))  # fmt: skip
    panel.rail("temperature", config.temperature, low=0.0, high=2.0, label="Temperature",
               marks=[(0.3, "careful"), (1.0, "1"), (1.7, "bold")])  # fmt: skip


def _filled(shown: Any, n: int) -> str:
    return f"{sum(at <= n for at in shown.passes)} of {len(shown.passes)}"
