"""What does a convolution look for?

A small kernel slides over a picture and answers at every place with one number: how much this place looks like me.
Nobody tells the kernels what to look for; watch them become detectors of edges, then of strokes, then of digits, while
the network learns to read.  Then ask it which pixels it went by, and ask whether that answer can be trusted.

References: LeCun et al., "Gradient-based learning applied to document recognition", 1998; Zeiler and Fergus,
"Visualizing and understanding convolutional networks", ECCV 2014; He et al., "Deep residual learning for image
recognition", CVPR 2016; Zhang, "Making convolutional networks shift-invariant again", ICML 2019; Adebayo et al.,
"Sanity checks for saliency maps", NeurIPS 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine import images, judged, network_file, optim, probe, shelf
from engine.convnet import Architecture, ArchitectureError, ConvNet, output_size, receptive_field
from engine.convnet_view import Frame, look
from engine.device import generator
from engine.lab import Config as BaseConfig
from engine.lab import ConfigError, knob
from engine.packing import copied

__all__ = ["Config", "Experiment", "Frame", "output_size", "receptive_field"]

SIDES = {"digits": 8, "mnist": 28, "fashion_mnist": 28}
CLASSES = 10
TIMES = {"standard": 1, "large": 4}  # as many channels
FUSED = ("momentum", "nesterov", "adagrad", "adam", "adamw")  # torch has these in one call
AT_ONCE, LONGEST = 11.0, 18.0  # milliseconds: an update that takes less is one step; no step may take more
LEAST = 2  # pictures in a part of a batch
EXPLAINED = 30.0  # milliseconds that the four attributions may take


@dataclass(frozen=True)
class Config(BaseConfig):
    data: str = knob("digits", choices=images.DATASETS, titles=images.TITLES, group="data", help="What is to be read.")
    augmentation: str = knob(
        "none", choices=("none", "shift", "warp"), group="data",
        help="Training pictures moved by up to one eighth; with warp they are also turned and scaled a little.",
    )  # fmt: skip
    example: int = knob(0, low=0, high=499, live=True, group="picture", help="Which test picture is looked at.")
    picture: str = knob("", length=(0, 1200), live=True, group="picture", help="A drawn or uploaded picture, packed.")
    shift_x: int = knob(0, low=-4, high=4, live=True, group="picture", label="Shift to the right",
                        help="Pixels by which the picture is moved before the network sees it.")  # fmt: skip
    shift_y: int = knob(0, low=-4, high=4, live=True, group="picture", label="Shift down",
                        help="Pixels by which the picture is moved before the network sees it.")  # fmt: skip
    attribution: bool = knob(False, live=True, group="picture", label="Which pixels count?",
                             help="Four attributions, and the same for a network with random weights.")  # fmt: skip
    channels: tuple[int, ...] = knob(
        (16, 32), low=1, high=32, length=(1, 4), group="network", label="Blocks",
        help="Channels in each block: how many kernels look over the picture side by side.",
    )  # fmt: skip
    size: str = knob("standard", choices=tuple(TIMES), group="network", help="Large has 4 times the channels in every "
                     "block. It is meant for a server with a GPU; without one it learns more slowly.")  # fmt: skip
    depth: int = knob(
        2, low=1, high=50, group="network",
        help="Convolution layers in all, shared out over the blocks; each block has at least one.",
    )  # fmt: skip
    kernel: int = knob(3, low=1, high=7, group="network", help="Side of the sliding window, in pixels.")
    stride: int = knob(1, low=1, high=3, group="network", help="Pixels from one place to the next.")
    padding: int = knob(1, low=0, high=4, group="network", help="Black pixels added on every side.")
    dilation: int = knob(1, low=1, high=3, group="network", help="Pixels from one weight of the kernel to the next.")
    pooling: str = knob("max", choices=("max", "average", "none"), group="network",
                        help="How each block ends: of 2 × 2 numbers the largest, the mean, or all.")  # fmt: skip
    residual: bool = knob(False, group="network", label="Skip connections",
                          help="A way round every two of the layers that keep the size: x + f(x).")  # fmt: skip
    norm: str = knob("none", choices=("none", "batch", "layer", "group"), group="network", help="After each sum.")
    optimiser: str = knob("adam", choices=optim.ELEMENTWISE, titles=[optim.title(n) for n in optim.ELEMENTWISE],
                          group="training", help="How a gradient becomes a step.")  # fmt: skip
    learning_rate: float = knob(
        0.003, low=1e-5, high=1.0, log=True, live=True, group="training", help="Size of a step."
    )
    batch_size: int = knob(64, low=4, high=256, log=True, group="training", help="Pictures behind each update.")
    network: str = knob("", length=(0, 20), group="training", help="A network from the shelf, to go on from.")
    layer: int = knob(1, low=1, high=50, live=True, group="view", help="The convolution layer that is shown.")
    channel: int = knob(0, low=0, high=127, live=True, group="view",
                        help="The kernel that slides. 64 are drawn side by side; turn on for the next.")  # fmt: skip
    source: int = knob(0, low=0, high=127, live=True, group="view", help="The map it slides over.")

    def check(self) -> None:
        images.require(self.data, self.picture)
        try:
            architecture = self.architecture()
        except ArchitectureError as error:
            raise ConfigError("channels", ",".join(map(str, self.channels)), str(error).rstrip(".")) from None
        shortest = milliseconds(architecture, LEAST)
        if shortest > LONGEST:
            large = self.size == "large" and not self.network
            raise ConfigError(
                "size" if large else "depth", self.size if large else self.depth,
                f"one step of this network would take about {shortest:.0f} milliseconds, and everybody else here would "
                f"wait; {LONGEST:.0f} are allowed. Take {'the standard size, ' if large else ''}fewer layers, fewer "
                "channels, no norm, or more pooling"
            )  # fmt: skip
        if self.attribution and milliseconds(architecture, 100) > EXPLAINED:
            raise ConfigError("attribution", True, "for a network of this size it would hold up everybody else; take "
                              "fewer layers or channels, or switch it off")  # fmt: skip

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of each block."""
        return tuple(TIMES[self.size] * count for count in self.channels)

    def architecture(self) -> Architecture:
        """The network of these knobs, or the one from the shelf.  Raises `ArchitectureError` and `ConfigError`."""
        if self.network:
            return _taken(self.network, self.data)
        return Architecture(
            side=SIDES[self.data], classes=CLASSES, channels=self.widths, kernel=self.kernel, stride=self.stride,
            padding=self.padding, dilation=self.dilation, pooling=self.pooling, residual=self.residual,
            depth=max(self.depth, len(self.channels)), norm=self.norm,
        )  # fmt: skip


@lru_cache(maxsize=64)
def _taken(key: str, data: str) -> Architecture:
    """The architecture of a network on the shelf.  Raises `ConfigError`."""
    try:
        file = network_file.read(shelf.fetch(key))
        architecture = Architecture.from_json(file.about.get("architecture", ""))
        network_file.fit(ConvNet(architecture, generator(0, "weights")), file)
    except (shelf.ShelfError, network_file.NetworkFileError, ArchitectureError) as error:
        raise ConfigError("network", key, str(error).rstrip(".")) from None
    if (architecture.side, architecture.classes) != (SIDES[data], CLASSES):
        raise ConfigError("network", key, f"it reads pictures of {architecture.side} × {architecture.side} pixels; "
                          f"those of this data set have {SIDES[data]} × {SIDES[data]}")  # fmt: skip
    return architecture


def milliseconds(architecture: Architecture, pictures: int) -> float:
    """About how long one core takes for forward, backward and update with so many pictures.

    Fitted to measurements with torch 2.13: what each layer costs whatever its size, and what each number costs.
    """
    numbers = sum(row.outputs * row.side_conv**2 for row in architecture.rows)
    a_layer = 0.22 if architecture.norm == "none" else 0.3
    return a_layer * architecture.depth + pictures * (numbers / 1e5 + architecture.multiplications / 2e7)


class Plan(NamedTuple):
    """How an update is shared out over steps."""

    shares: int  # parts of the batch
    steps_per_update: int  # one for each part, and one to judge; or one for all
    judging: int  # test pictures judged at a time
    surveyed: int  # test pictures that a frame has time for


def plan(architecture: Architecture, batch_size: int) -> Plan:
    """All in one step if that is short, or else parts of a batch that are."""
    fixed, whole = milliseconds(architecture, 0), milliseconds(architecture, batch_size)
    each = (whole - fixed) / batch_size
    split = whole > AT_ONCE
    fits = max(LEAST, int((LONGEST - 2 - fixed) / each)) if split else batch_size
    shares = -(-batch_size // fits)
    # To judge is to go forward only: a third of what a layer costs and half of what a picture costs, but each twice.
    room = LONGEST - 4 if split else 4.0
    judging = int(min(50, max(LEAST, (room - fixed / 3) / each)))
    return Plan(shares, shares + split, judging, surveyed=int((4 - fixed / 3) / each * 2))


class Experiment:
    """One step is one update, if it takes less than 11 milliseconds.

    The update of a larger network is shared out over several steps, so that no other visitor waits for it: the
    gradient of each part of the batch is added up (with batch norm, each part has a mean of its own), and a last step
    judges some test pictures.  The test numbers are about the first 500 test pictures, each judged a few steps ago.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.images = images.load(config.data)
        self.architecture = config.architecture()
        self.model = ConvNet(self.architecture, generator(config.seed, "weights")).to(self.device).eval()
        if config.network:
            network_file.fit(self.model, network_file.read(shelf.fetch(config.network)))
        self.twin = ConvNet(self.architecture, generator(config.seed, "twin")).to(self.device).eval()  # never trained
        settings = {"fused": True} if config.optimiser in FUSED and self.device.type == "cpu" else {}
        self.parameters = list(self.model.parameters())
        self.optimiser = optim.make(config.optimiser, self.parameters, config.learning_rate, **settings)

        self.batch_size = min(config.batch_size, len(self.images.train_x))
        self.plan = plan(self.architecture, self.batch_size)
        self.results = judged.Results(self.images, self.plan.judging, self.device)
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
            self.results.judge(self.model)
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
        self.x = judged.shifted(x, config.shift_x, config.shift_y).to(self.device)  # (1, 1, side, side)
        self.twin_maps = self.explain(self.twin) if config.attribution else np.zeros((0, side, side), np.float32)

    def explain(self, model: ConvNet) -> probe.Array:
        """The maps (4, side, side) of `probe.METHODS` for the class that `model` takes the picture for."""
        target = int(model(self.x).argmax())
        return np.stack([probe.attribute(model, self.x, target, method, steps=64)[0, 0] for method in probe.METHODS])

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
        return look(self, maps)

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
