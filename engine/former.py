"""Modules under the names that they had before the engine had packages: notebooks and scripts go on working.

One table for ``import engine.optim``, ``from engine.optim import make`` and ``engine.optim.make``, and a second one for
names that have left their module since; nothing is imported before somebody asks for it.

What no script or notebook used stays out: the `look` and `draw` of the modules that made a frame (an experiment's own
`frame` does), a logger, the choices of two knobs (`transformer.FEED_FORWARD` and `NORMS`), the names of recurrent cells
(`recurrent.TITLES`, a table by kind now), the share of a text that is held out (`sequence_tasks.HELD_OUT`, for which
every lab has `engine.data.text.TRAIN_SHARE`), and one step of reading tables (`numerals.decimal_sign`).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

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
    "console": "contract.console",
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
    "numerals": "data.numerals",
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
    "records": "data.records",
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
    "sheets": "data.sheets",
    "shelf": "data.shelf",
    "spectrum": "labs.double_descent.spectrum",
    "square": "data.square",
    "stacked": "nets.stacked",
    "surfaces": "labs.gradient_descent.surfaces",
    "surround": "data.surround",
    "sweeps": "labs.double_descent.sweeps",
    "tables": "data.tables",
    "text": "data.text",
    "token_tasks": "labs.attention_heads.tasks",
    "tokens": "labs.moe_routing.tokens",
    "trained_widths": "labs.double_descent.trained_widths",
    "transformer": "nets.transformer",
    "two_speeds": "labs.double_descent.two_speeds",
    "uploads": "data.uploads",
    "warm_start": "labs.diffusion.warm_start",
    "whole_file": "contract.whole_file",
    "worker": "runs.worker",
}

MOVED = {  # a former module's name, and where what it meant is today
    "attacks.TITLES": "labs.adversarial_examples.attack_names.TITLES",
    "attention_view.HELD_OUT": "labs.attention_heads.config.HELD_OUT",
    "attention_view.judged": "labs.attention_heads.frame.held_out_metrics",
    "attention_view.probe": "labs.attention_heads.frame.shown_sequence",
    "autoencoders.LIKELIHOODS": "labs.vae.config.LIKELIHOODS",
    "basins.fitting": "labs.gradient_descent.config.fitting",
    "classifiers.taken": "nets.shelved.architecture",
    "convnet.DEEPEST": "nets.architecture.DEEPEST",
    "convnet.WIDEST": "nets.architecture.WIDEST",
    "drawing.Drawing": "labs.diffusion.film.Trajectory",
    "families_view.Judge": "labs.generative_families.frame.Evaluator",
    "families_view.TITLES": "labs.generative_families.config.TITLES",
    "forged_digits.Judge": "labs.gan.digits.DigitEvaluator",
    "forgery.Judge": "labs.gan.frame.PlaneEvaluator",
    "hosted.Hosted": "runs.timeline.Timeline",
    "judged.JUDGED": "labs.cnn_filters.accuracy.EVALUATED",
    "lab.Experiment": "contract.experiment.Experiment",
    "latent_view.DEAD": "labs.vae.config.DEAD",
    "latent_view.FAR": "labs.vae.config.FAR",
    "latent_view.looked_at": "labs.vae.frame.shown_row",
    "limits.data_folder": "contract.folder.data_folder",
    "observations.Observations": "labs.vae.rows.DataSet",
    "pool.InlinePool": "runs.inline.InlinePool",
    "pool.current": "runs.current",
    "pool.start": "runs.start",
    "pool.stop": "runs.stop",
    "portrait.detail": "labs.neural_network.resolution.detail",
    "recurrent.write": "labs.lstm_gates.cells.generate",
    "routed.dense_widths": "labs.moe_routing.model.dense_widths",
    "token_tasks.TASKS": "labs.attention_heads.vocabulary.TASKS",
    "token_tasks.TRAIN_SHARE": "data.text.TRAIN_SHARE",
    "tokens.LIMIT": "labs.moe_routing.config.LIMIT",
    "tokens.Reader": "labs.moe_routing.model.Reader",
    "tokens.TRAIN_SHARE": "data.text.TRAIN_SHARE",
    "tokens.normalised": "labs.moe_routing.model.normalised",
    "transformer.milliseconds": "nets.transformer_cost.milliseconds",
    "worker.resident_mb": "runs.memory.resident_mb",
}
SPLIT = {name.partition(".")[0] for name in MOVED}


class Split(ModuleType):
    """A former module whose names stand in several modules today, most of them in `main`."""

    def __init__(self, name: str, main: str) -> None:
        super().__init__(f"engine.{name}", f"Names of the former engine.{name}, of which most are in engine.{main}.")
        self.__spec__ = ModuleSpec(self.__name__, None)
        self._main = f"engine.{main}"
        self._moved = {old.partition(".")[2]: new for old, new in MOVED.items() if old.partition(".")[0] == name}

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [each for each in dir(self) if not each.startswith("_")]
        module, _, new = self._moved.get(name, "").rpartition(".")
        return getattr(importlib.import_module(f"engine.{module}" if module else self._main), new or name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(importlib.import_module(self._main)), *self._moved})


class _Loader(Loader):
    """Hands out a module that exists already, and leaves it as it is; for one that was split, a `Split`."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        name = spec.name.removeprefix("engine.")
        module = Split(name, MODULES[name]) if name in SPLIT else importlib.import_module(f"engine.{MODULES[name]}")
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
