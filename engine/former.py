"""Modules under the names that they had before the engine had packages: notebooks and scripts go on working.

One table for ``import engine.optim``, ``from engine.optim import make`` and ``engine.optim.make``; nothing is imported
before somebody asks for it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MODULES = {
    "adversarial_losses": "nets.gan_losses",
    "attacked": "labs.adversarial_examples.frame",
    "attacks": "labs.adversarial_examples.attacks",
    "attention_view": "labs.attention_heads.frame",
    "autoencoders": "nets.autoencoders",
    "basins": "labs.gradient_descent.basins",
    "bench": "runs.bench",
    "class_scores": "measures.class_scores",
    "classifiers": "labs.adversarial_examples.classifiers",
    "convnet": "nets.convnet",
    "convnet_view": "labs.cnn_filters.frame",
    "curvature": "labs.gradient_descent.curvature",
    "device": "contract.device",
    "diffusion_view": "labs.diffusion.frame",
    "drawing": "labs.diffusion.film",
    "epoch_cost": "labs.neural_network.cost",
    "export": "runs.export",
    "families": "labs.generative_families.families",
    "families_view": "labs.generative_families.frame",
    "feature_maps": "labs.double_descent.feature_maps",
    "few_steps": "labs.diffusion.few_steps",
    "flow": "nets.flow",
    "forged_digits": "labs.gan.digits",
    "forgery": "labs.gan.frame",
    "hosted": "runs.history",
    "images": "data.images",
    "judged": "labs.cnn_filters.accuracy",
    "latent_view": "labs.vae.frame",
    "limits": "runs.limits",
    "metrics": "measures.distances",
    "network_file": "contract.weights",
    "noise": "nets.denoiser",
    "observations": "labs.vae.rows",
    "openml": "data.openml",
    "optim": "nets.optim",
    "packing": "contract.states",
    "pictures": "data.pictures",
    "point_clouds": "data.point_clouds",
    "pool": "runs.pool",
    "portrait": "labs.neural_network.frame",
    "probe": "measures.attribution",
    "processes": "runs.processes",
    "race_view": "labs.gradient_descent.frame",
    "recurrent": "labs.lstm_gates.cells",
    "risk_theory": "labs.double_descent.risk_theory",
    "robustness": "labs.adversarial_examples.robustness",
    "round_cost": "labs.gan.cost",
    "routed": "labs.moe_routing.frame",
    "run": "runs.run",
    "sample_scores": "labs.diffusion.scores",
    "sampling": "nets.sampling",
    "sequence_tasks": "labs.lstm_gates.tasks",
    "sequence_view": "labs.lstm_gates.frame",
    "shelf": "data.shelf",
    "spectrum": "labs.double_descent.spectrum",
    "stacked": "nets.stacked",
    "surfaces": "labs.gradient_descent.surfaces",
    "sweeps": "labs.double_descent.sweeps",
    "text": "data.text",
    "token_tasks": "labs.attention_heads.tasks",
    "tokens": "labs.moe_routing.tokens",
    "trained_widths": "labs.double_descent.trained_widths",
    "transformer": "nets.transformer",
    "two_speeds": "labs.double_descent.two_speeds",
    "uploads": "data.uploads",
    "warm_start": "labs.diffusion.warm_start",
    "worker": "runs.worker",
}


class _Loader(Loader):
    """Hands out a module that exists already, and leaves it as it is."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"engine.{MODULES[spec.name.removeprefix('engine.')]}")
        self.own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own  # the import system has just put the former name there


class Names(MetaPathFinder):
    """Finds ``engine.<former name>``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package != "engine" or name not in MODULES:
            return None
        return importlib.util.spec_from_loader(fullname, _Loader())
