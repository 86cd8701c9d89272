"""What the curves of a GAN are made of, and along which ways of its loop something goes."""

from __future__ import annotations

from typing import Any

from engine.contract.view import View
from engine.labs.gan.config import STAGES, WEAK

NAMES = {"energy": "Energy distance", "mmd": "MMD²", "frechet": "Fréchet distance", "js": "JS divergence (nats)",
         "nearest": "Distance to the nearest training digit"}  # fmt: skip
FLOWS = {  # along which ways of the loop something goes in each stage
    STAGES["real"]: ("real",), STAGES["forge"]: ("noise", "forge"), STAGES["again"]: ("noise", "forge"),
    STAGES["discriminator"]: ("judge", "teach_d"), STAGES["generator"]: ("judge", "teach_g"),
    STAGES["together"]: ("judge", "teach_d", "teach_g"),
}  # fmt: skip


def of_players() -> dict[str, dict[str, Any]]:
    """The panel of curves of the Dirac-GAN."""
    return {"distance": {"series": {"distance": ("distance", "gradient")}, "y_title": "√(θ² + ψ²)",
                         "title": "How far both are from the equilibrium"}}  # fmt: skip


def of_fakes(view: View) -> dict[str, dict[str, Any]]:
    """How each panel of curves is drawn, if its metrics are there."""
    many = "energy_low" in view.curves
    what = "Classes" if view.config.data == "digits" else "Modes"
    modes = {"series": {"modes": ("covered", "train")}, "bands": {"modes": ("modes_low", "modes_high")},
             "title": f"{what} covered{', mean and range over the seeds' if many else ''}",
             "y_title": f"of {view.frame.modes_total}"}  # fmt: skip
    losses = {"series": {"discriminator_loss": ("discriminator", "class_1"),
                         "generator_loss": ("generator", "class_0")},
              "title": "Losses: neither says how good the fakes are", "y_title": "loss"}  # fmt: skip
    push = {"series": {"gradient": ("push", "gradient")}, "title": "How strongly the fakes are pushed",
            "y_title": "mean |gradient|", "log_y": True, "floor": 1e-12}  # fmt: skip
    measures = {name: _measure(name) for name in ("energy", "js", "nearest", "mmd", "frechet")}
    weak = {"series": {"unpushed": ("hardly pushed", "gradient")}, "y_title": "share of the fakes",
            "title": f"Fakes that are hardly pushed: |gradient| below {WEAK}"}  # fmt: skip
    return {"modes": modes, **measures, "losses": losses, "push": push, "unpushed": weak}


def _measure(name: str) -> dict[str, Any]:
    """One measure of how far the fakes are from the real points."""
    short = NAMES[name].split(" to ")[0].lower() if name in ("energy", "nearest") else NAMES[name]
    return {"series": {name: ("fake to real", "train")}, "title": NAMES[name], "y_title": short,
            "log_y": name not in ("js", "nearest"), "floor": 1e-6,
            "bands": {"js": ("js_low", "js_high")} if name == "js" else {}}  # fmt: skip
