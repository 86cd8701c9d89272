"""The knobs, and what they must not be together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, StillMissing, knob
from engine.data import images
from engine.labs.adversarial_examples import attack_names
from engine.nets import shelved
from engine.nets.architecture import Architecture, ArchitectureError

CLASSES = 10


INNER_STEPS = 3  # of the attack that adversarial training makes in every update


ROOM = 14.0  # milliseconds for the gradients of one step; the rest of it takes some too


STORED: dict[str, Any] = {"data": "digits_28", "model": "mlp", "size": "small"}  # what the stored networks are


TARGETS = ("none", *map(str, range(CLASSES)))


@dataclass(frozen=True)
class Config(BaseConfig):
    attack: str = knob("pgd", choices=attack_names.NAMES, titles=attack_names.EXPLAINED, live=True, group="attack",
                       help="How the change of the picture is looked for.")  # fmt: skip
    norm: str = knob("inf", choices=attack_names.NORMS, titles=("Largest pixel, ∞", "Euclidean, 2"), live=True,
                     group="attack", help="What ε bounds: the change of each pixel, or of all together.")  # fmt: skip
    eps: float = knob(0.05, low=0.0, high=0.5, live=True, group="attack", label="Largest change ε", when="norm=inf",
                      help="By how much each pixel may change; black is 0 and white is 1.")  # fmt: skip
    eps_2: float = knob(0.6, low=0.0, high=5.0, live=True, group="attack", label="Largest change ε", when="norm=2",
                        help="Square root of the sum of all squared changes; black is 0 and white is 1.")  # fmt: skip
    steps: int = knob(10, low=1, high=40, live=True, group="attack", when="attack=bim|pgd|deepfool|cw|one_pixel",
                      help="How often the attack looks where to go; generations for one pixel.")  # fmt: skip
    step_size: float = knob(0.25, low=0.02, high=2.0, live=True, group="attack", when="attack=bim|pgd",
                            label="Size of a step / ε", help="How far one step goes, as a share of ε.")  # fmt: skip
    restarts: int = knob(1, low=1, high=5, live=True, group="attack", when="attack=pgd",
                         help="Random starts; the one that ends best for the attack is shown.")  # fmt: skip
    target: str = knob("none", choices=TARGETS, titles=("Any other", *TARGETS[1:]), live=True, group="attack",
                       label="Target class", help="What the network should answer.")  # fmt: skip
    source: str = knob("own", choices=("own", "other"), titles=("Its own", "The other network's"), live=True,
                       group="attack", label="Gradient", help="Whose gradient the attack on each network follows: "
                       "with the other's it has to transfer.")  # fmt: skip
    defence: str = knob(
        "adversarial_training", choices=("adversarial_training", "rounded_pixels", "none"), group="defence",
        help="What the second network does: learn from attacked pictures, or round each pixel to nine levels first.",
    )  # fmt: skip
    training_eps: float = knob(0.1, low=0.0, high=0.5, live=True, group="defence", when="defence=adversarial_training",
                               label="ε of the training", help="How far the pictures are moved that it learns from; "
                               "0 is off.")  # fmt: skip
    data: str = knob("digits_28", choices=images.DATASETS, titles=images.TITLES, group="networks", help="What is read.")
    model: str = knob(
        "mlp", choices=("linear", "mlp", "cnn", "taken"), titles=("Linear", "MLP", "CNN", "Taken over"),
        group="networks", help="What both networks are. A network that was taken over is attacked as it came.",
    )  # fmt: skip
    network: str = knob("", length=(0, 20), group="networks", when="model=taken", help="A network from the shelf.")
    size: str = knob("small", choices=("small", "large"), group="networks", when="model=mlp|cnn",
                     help="Large has several times as many neurons.")  # fmt: skip
    start: str = knob("trained", choices=("trained", "scratch"), titles=("Trained earlier", "Random"),
                      label="First weights", group="networks", when="data=digits_28",
                      help="Those of two stored MLPs, a plain one and one that adversarial training made, which learn "
                      "nothing more; or random, and both learn here.")  # fmt: skip
    training_steps: int = knob(400, low=50, high=4000, log=True, group="networks", help="Updates of both networks, if "
                               "they begin at random; then the accuracy against ε is measured.")  # fmt: skip
    example: int = knob(0, low=0, high=499, look=True, group="picture", help="Which test picture is attacked.")
    picture: str = knob("", length=(0, 1200), look=True, group="picture", help="A drawn or uploaded picture, packed.")
    attribution: bool = knob(False, look=True, group="picture", label="Which pixels count?",
                             help="Integrated gradients before and after the attack, in the tab Inside.")  # fmt: skip

    def check(self) -> None:
        images.require(self.data, self.picture)
        if self.model == "taken" and not self.network:
            raise StillMissing("network", "", "upload a network, or take one over from the page on convolutions")
        try:
            milliseconds = 2 * self.cost(8) + INNER_STEPS * self.cost(8)
        except ArchitectureError as error:
            raise ConfigError("network", self.network, str(error).rstrip(".")) from None
        if max(milliseconds, 2 * self.cost(1) + 40 * self.cost(1) / 4) > (longest := patience(1.4 * ROOM)):
            raise ConfigError(
                "network" if self.model == "taken" else "size", self.network or self.size,
                f"one step with so large a network would take {milliseconds:.0f} milliseconds, and everybody else on "
                f"this server would wait; {longest:.0f} are allowed. Take a smaller network or the digits",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """Whoever wants the stored networks gets them as they were built; who changes that begins at random."""
        if self.start == "scratch" or self.stored:
            return self
        if turned != "start":
            return replace(self, start="scratch")
        return replace(self, picture="", **STORED)

    @property
    def stored(self) -> bool:
        """Whether both networks are stored ones, which have learned before and do not go on."""
        return self.start == "trained" and all(getattr(self, name) == value for name, value in STORED.items())

    @property
    def updates(self) -> int:
        """How often both networks are updated before the accuracy is measured."""
        return 0 if self.stored else self.training_steps

    @property
    def radius(self) -> float:
        """eps in the norm that is chosen."""
        return self.eps if self.norm == "inf" else self.eps_2

    def architecture(self) -> Architecture | None:
        """The convolutional network of these knobs, or None.  Raises `ArchitectureError` and `ConfigError`."""
        side = images.side(self.data)
        if self.model == "taken":
            return shelved.architecture(self.network, side=side, classes=CLASSES)
        widths = (16, 32) if side == 8 else (8, 16)
        return Architecture(side=side, classes=CLASSES, channels=tuple(n * self.scale for n in widths), depth=2) \
            if self.model == "cnn" else None  # fmt: skip

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden neurons and outputs of a network without convolutions."""
        hidden = () if self.model == "linear" else (64 * self.scale,) * 2
        return (images.side(self.data) ** 2, *hidden, CLASSES)

    @property
    def scale(self) -> int:
        return 1 if self.size == "small" else 2 if self.model == "cnn" else 4

    def cost(self, pictures: int) -> float:
        """About how many milliseconds one core takes for the gradient of so many pictures (torch 2.13)."""
        architecture = self.architecture()
        if architecture is not None:
            each = 3e-7 if architecture.side == 8 else 5e-7  # larger maps do not fit into the cache
            return 0.1 + 0.2 * architecture.depth + pictures * each * architecture.multiplications
        weights = sum(n * m for n, m in itertools.pairwise(self.sizes))
        return 0.25 + pictures * 2e-7 * weights
