"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.contract.device import generator
from engine.contract.states import copied
from engine.data import images
from engine.labs.cnn_filters import accuracy, trained_digits
from engine.labs.cnn_filters.config import AT_ONCE, CLASSES, LEAST, LONGEST, Config, milliseconds
from engine.labs.cnn_filters.frame import Frame, class_correlation, frame
from engine.measures import attribution
from engine.nets import optim, shelved
from engine.nets.convnet import Architecture, ConvNet, output_size, receptive_field

__all__ = ["Config", "Experiment", "Frame", "output_size", "receptive_field"]

FUSED = ("momentum", "nesterov", "adagrad", "adam", "adamw")  # torch has these in one call


class Plan(NamedTuple):
    """How an update is shared out over steps."""

    shares: int  # parts of the batch
    steps_per_update: int  # one for each part, and one to evaluate; or one for all
    evaluated: int  # test pictures evaluated at a time
    surveyed: int  # test pictures that a frame has time for


def plan(architecture: Architecture, batch_size: int) -> Plan:
    """All in one step if that is short, or else parts of a batch that are."""
    fixed, whole = milliseconds(architecture, 0), milliseconds(architecture, batch_size)
    each = (whole - fixed) / batch_size
    split = whole > AT_ONCE
    fits = max(LEAST, int((LONGEST - 2 - fixed) / each)) if split else batch_size
    shares = -(-batch_size // fits)
    # To evaluate is to go forward only: a third of what a layer costs and half of what a picture costs, but each twice.
    room = LONGEST - 4 if split else 4.0
    evaluated = int(min(50, max(LEAST, (room - fixed / 3) / each)))
    return Plan(shares, shares + split, evaluated, surveyed=int((4 - fixed / 3) / each * 2))


class Experiment:
    """One step is one update, if it takes less than 11 milliseconds.

    The update of a larger network is shared out over several steps, so that no other visitor waits for it: the
    gradient of each part of the batch is added up (with batch norm, each part has a mean of its own), and a last step
    evaluates some test pictures.  The test numbers are about the first 500 test pictures, each asked a few steps ago.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.images = images.load(config.data)
        self.architecture = config.architecture()
        self.model = ConvNet(self.architecture, generator(config.seed, "weights")).to(self.device).eval()
        if config.network:
            shelved.load(self.model, config.network)
        elif config.stored:
            trained_digits.load(self.model)
        self.twin = ConvNet(self.architecture, generator(config.seed, "twin")).to(self.device).eval()  # never trained
        settings = {"fused": True} if config.optimiser in FUSED and self.device.type == "cpu" else {}
        self.parameters = list(self.model.parameters())
        self.optimiser = optim.make(config.optimiser, self.parameters, config.learning_rate, **settings)

        self.batch_size = min(config.batch_size, len(self.images.train_x))
        self.plan = plan(self.architecture, self.batch_size)
        self.results = accuracy.Results(self.images, self.plan.evaluated, self.device)
        while config.stored and not self.results.asked.all():  # it can read: how well is known from the start
            self.results.evaluate(self.model)
        self.first_correlation = class_correlation(self.model, self.results, self.plan.surveyed, classes=CLASSES)
        self._order: tuple[int, Tensor] = (-1, torch.zeros(0))
        self.last = {"train_loss": float("nan"), "train_accuracy": float("nan")}
        self._look_at_picture()

    def step(self) -> dict[str, float]:
        update, share = divmod(self.step_count, self.plan.steps_per_update)
        if share < self.plan.shares:
            self._train(self._batch(update).tensor_split(self.plan.shares)[share])
        if share == self.plan.shares - 1:
            self.optimiser.step()
            self.optimiser.zero_grad()
        self.step_count += 1
        if share == self.plan.steps_per_update - 1:
            self.results.evaluate(self.model)
        return self.last | self.results.metrics()

    def _batch(self, update: int) -> Tensor:
        """Places of the training pictures of one update: each comes once in an epoch, in an order of its own."""
        per_epoch = len(self.images.train_x) // self.batch_size
        epoch, place = divmod(update, per_epoch)
        if self._order[0] != epoch:
            stream = generator(self.config.seed, f"order/{epoch}")
            self._order = (epoch, torch.randperm(len(self.images.train_x), generator=stream))
        return self._order[1][place * self.batch_size : (place + 1) * self.batch_size]

    def _train(self, places: Tensor) -> None:
        """Add the gradient of a part of the batch."""
        x = torch.from_numpy(self.images.train_x[places.numpy()])  # (B, 1, side, side)
        x = augment(x, self.config.augmentation, generator(self.config.seed, f"augment/{self.step_count}"))
        y = torch.from_numpy(self.images.train_y[places.numpy()]).to(self.device)
        self.model.train()
        logits = self.model(x.to(self.device))
        loss = F.cross_entropy(logits, y)
        (loss * (len(places) / self.batch_size)).backward()  # type: ignore[no-untyped-call]
        self.model.eval()
        right = (logits.argmax(1) == y).float().mean()
        self.last = {"train_loss": float(loss.detach()), "train_accuracy": float(right)}  # waits for the GPU

    def _look_at_picture(self) -> None:
        """The picture that is looked at, and what the untrained twin says about it, which never changes."""
        config, side = self.config, self.architecture.side
        known = not config.picture
        place = config.example % len(self.images.test_x)
        picture = self.images.test_x[place, 0] if known else images.unpack(config.picture, side)
        self.label = int(self.images.test_y[place]) if known else -1
        x = torch.from_numpy(np.ascontiguousarray(picture))[None, None]
        self.x = accuracy.shifted(x, config.shift_x, config.shift_y).to(self.device)  # (1, 1, side, side)
        self.twin_maps = self.explain(self.twin) if config.attribution else np.zeros((0, side, side), np.float32)

    def explain(self, model: ConvNet) -> attribution.Array:
        """The maps (4, side, side) of `attribution.METHODS` for the class that `model` takes the picture for."""
        target = int(model(self.x).argmax())
        maps = [attribution.attribute(model, self.x, target, method, steps=64) for method in attribution.METHODS]
        return np.stack([each[0, 0] for each in maps])

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        self._look_at_picture()
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        maps = self.explain(self.model) if self.config.attribution else self.twin_maps
        return frame(
            self.model, self.config, x=self.x, label=self.label, results=self.results, classes=self.images.classes,
            step=self.step_count, steps_per_update=self.plan.steps_per_update, surveyed=self.plan.surveyed,
            first_correlation=self.first_correlation, attributions=maps, twin_attributions=self.twin_maps,
        )  # fmt: skip

    def about(self) -> dict[str, str]:
        """What a file of the weights must say so that the network can be built again."""
        return {"architecture": self.architecture.to_json(), "data": self.config.data}

    def state_dict(self) -> dict[str, Any]:
        """Weights and running means, the optimiser's averages, a gradient half added up, and test results."""
        return {
            "step_count": self.step_count, "last": dict(self.last), "results": self.results.state_dict(),
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "optimiser": copied(self.optimiser.state_dict()["state"]),
            "gradients": [None if p.grad is None else p.grad.clone() for p in self.parameters],
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.last = state["step_count"], dict(state["last"])
        self.results.load_state_dict(state["results"])
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})
        for p, gradient in zip(self.parameters, state["gradients"], strict=True):
            p.grad = None if gradient is None else gradient.clone().to(p.device)


def augment(x: Tensor, kind: str, stream: torch.Generator) -> Tensor:
    """Pictures (N, 1, side, side), each moved at random by up to an eighth, and with "warp" turned and scaled too."""
    if kind == "none":
        return x
    moved = (torch.rand(len(x), 2, generator=stream) * 2 - 1) / 4  # in half sides
    turned, scaled = torch.zeros(len(x)), torch.ones(len(x))
    if kind == "warp":
        turned = (torch.rand(len(x), generator=stream) * 2 - 1) * 0.26  # 15 degrees
        scaled = 1 + (torch.rand(len(x), generator=stream) * 2 - 1) * 0.1
    c, s = scaled * turned.cos(), scaled * turned.sin()
    affine = torch.stack([torch.stack([c, -s, moved[:, 0]], 1), torch.stack([s, c, moved[:, 1]], 1)], 1)  # (N, 2, 3)
    return F.grid_sample(x, F.affine_grid(affine, list(x.shape), align_corners=False), align_corners=False)
