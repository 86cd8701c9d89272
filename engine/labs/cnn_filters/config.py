"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import images
from engine.nets import shelved
from engine.nets.architecture import Architecture, ArchitectureError
from engine.nets.optimiser_names import ELEMENTWISE, title

SIDES = {name: images.side(name) for name in images.DATASETS}


CLASSES = 10


TIMES = {"standard": 1, "large": 4}  # as many channels


AT_ONCE, LONGEST = 11.0, 18.0  # milliseconds: an update that takes less is one step; no step may take more


STORED = ("data", "network", "channels", "size", "depth", "kernel", "stride", "padding", "dilation", "pooling",
          "residual", "norm")  # of these knobs, at their defaults, there is a stored network  # fmt: skip


LEAST = 2  # pictures in a part of a batch


EXPLAINED = 30.0  # milliseconds that the four attributions may take


@dataclass(frozen=True)
class Config(BaseConfig):
    data: str = knob("digits_28", choices=images.DATASETS, titles=images.TITLES, group="data",
                     help="What is to be read.")  # fmt: skip
    augmentation: str = knob(
        "none", choices=("none", "shift", "warp"), group="data",
        help="Training pictures moved by up to one eighth; with warp they are also turned and scaled a little.",
    )  # fmt: skip
    example: int = knob(0, low=0, high=499, look=True, group="picture", help="Which test picture is looked at.")
    picture: str = knob("", length=(0, 1200), look=True, group="picture", help="A drawn or uploaded picture, packed.")
    shift_x: int = knob(0, low=-4, high=4, look=True, group="picture", label="Shift to the right",
                        help="Pixels by which the picture is moved before the network sees it.")  # fmt: skip
    shift_y: int = knob(0, low=-4, high=4, look=True, group="picture", label="Shift down",
                        help="Pixels by which the picture is moved before the network sees it.")  # fmt: skip
    attribution: bool = knob(False, look=True, group="picture", label="Which pixels count?",
                             help="Four attributions, and the same for a network with random weights.")  # fmt: skip
    channels: tuple[int, ...] = knob(
        (8, 16), low=1, high=32, length=(1, 4), group="network", label="Blocks",
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
    start: str = knob(
        "trained", choices=("trained", "scratch"), titles=("Trained earlier", "Random"), label="First weights",
        group="training", when="data=digits_28", help="Those of a stored network that learned from these digits "
        "before, where there is one for the other knobs: 8 and 16 channels and all else as at first. Or random.",
    )  # fmt: skip
    optimiser: str = knob("adam", choices=ELEMENTWISE, titles=[title(n) for n in ELEMENTWISE],
                          group="training", help="How a gradient becomes a step.")  # fmt: skip
    learning_rate: float = knob(
        0.003, low=1e-5, high=1.0, log=True, live=True, group="training", help="Size of a step."
    )
    batch_size: int = knob(64, low=4, high=256, log=True, group="training", help="Pictures behind each update.")
    network: str = knob("", length=(0, 20), group="training", help="A network from the shelf, to go on from.")
    entered: bool = knob(False, look=True, group="view", label="Inside a layer",
                         help="One kernel of the layer at work, in place of the whole network.")  # fmt: skip
    layer: int = knob(1, low=1, high=50, look=True, group="view", help="The convolution layer that is shown.")
    channel: int = knob(0, low=0, high=127, look=True, group="view",
                        help="The kernel that slides. 64 are drawn side by side; turn on for the next.")  # fmt: skip
    source: int = knob(0, low=0, high=127, look=True, group="view", help="The map it slides over.")

    def check(self) -> None:
        images.require(self.data, self.picture)
        try:
            architecture = self.architecture()
        except ArchitectureError as error:
            raise ConfigError("channels", ",".join(map(str, self.channels)), str(error).rstrip(".")) from None
        shortest = milliseconds(architecture, LEAST)
        if shortest > (longest := patience(LONGEST)):
            large = self.size == "large" and not self.network
            raise ConfigError(
                "size" if large else "depth", self.size if large else self.depth,
                f"one step of this network would take about {shortest:.0f} milliseconds, and everybody else here would "
                f"wait; {longest:.0f} are allowed. Take {'the standard size, ' if large else ''}fewer layers, fewer "
                "channels, no norm, or more pooling"
            )  # fmt: skip
        if self.attribution and milliseconds(architecture, 100) > patience(EXPLAINED):
            raise ConfigError("attribution", True, "for a network of this size it would hold up everybody else; take "
                              "fewer layers or channels, or switch it off")  # fmt: skip

    def settle(self, turned: str) -> Config:
        """Whoever wants the stored network gets it as it was built; who changes that begins with random weights."""
        if self.start == "scratch" or self.stored:
            return self
        if turned != "start":
            return replace(self, start="scratch")
        knobs = self.knobs()
        return replace(self, **{name: knobs[name].default for name in STORED}, picture="")

    @property
    def stored(self) -> bool:
        """Whether it begins with the weights of the stored network, which is one of the knobs' defaults."""
        fits = all(getattr(self, name) == self.knobs()[name].default for name in STORED)
        return self.start == "trained" and fits

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of each block."""
        return tuple(TIMES[self.size] * count for count in self.channels)

    def architecture(self) -> Architecture:
        """The network of these knobs, or the one from the shelf.  Raises `ArchitectureError` and `ConfigError`."""
        if self.network:
            return shelved.architecture(self.network, side=SIDES[self.data], classes=CLASSES)
        return Architecture(
            side=SIDES[self.data], classes=CLASSES, channels=self.widths, kernel=self.kernel, stride=self.stride,
            padding=self.padding, dilation=self.dilation, pooling=self.pooling, residual=self.residual,
            depth=max(self.depth, len(self.channels)), norm=self.norm,
        )  # fmt: skip


def milliseconds(architecture: Architecture, pictures: int) -> float:
    """About how long one core takes for forward, backward and update with so many pictures.

    Fitted to measurements with torch 2.13: what each layer costs whatever its size, and what each number costs.
    """
    numbers = sum(row.outputs * row.side_conv**2 for row in architecture.rows)
    a_layer = 0.22 if architecture.norm == "none" else 0.3
    return a_layer * architecture.depth + pictures * (numbers / 1e5 + architecture.multiplications / 2e7)
