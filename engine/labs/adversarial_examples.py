"""Why does a little noise fool it?

Two networks start from the same weights.  One learns from pictures as they are, the other defends itself, for instance
by learning from pictures under attack.  Watch a change that nobody would notice turn one digit into another, while
random noise of the same size does nothing; then watch how much of that the defence takes away, and what it costs.

References: Szegedy et al., "Intriguing properties of neural networks", 2014; Goodfellow, Shlens, Szegedy, "Explaining
and harnessing adversarial examples", 2015; Madry et al., "Towards deep learning models resistant to adversarial
attacks", 2018; Tsipras et al., "Robustness may be at odds with accuracy", 2019; Xu, Evans, Qi, "Feature squeezing",
2018; Athalye, Carlini, Wagner, "Obfuscated gradients give a false sense of security", 2018.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from engine import attacked, attacks, classifiers, images, network_file, robustness, shelf
from engine.attacked import Frame
from engine.convnet import Architecture, ArchitectureError, ConvNet
from engine.device import generator
from engine.lab import Config as BaseConfig
from engine.lab import ConfigError, StillMissing, knob
from engine.packing import copied

__all__ = ["Config", "Experiment", "Frame"]

CLASSES = 10
INNER_STEPS = 3  # of the attack that adversarial training makes in every update
LEARNING_RATE = 0.005
JUDGED = 25  # test pictures that each step looks at
ROOM = 14.0  # milliseconds for the gradients of one step; the rest of it takes some too
TARGETS = ("none", *map(str, range(CLASSES)))


@dataclass(frozen=True)
class Config(BaseConfig):
    attack: str = knob("pgd", choices=attacks.NAMES, titles=attacks.TITLES, live=True, group="attack",
                       help="How the change of the picture is looked for.")  # fmt: skip
    norm: str = knob("inf", choices=attacks.NORMS, titles=("Largest pixel, ∞", "Euclidean, 2"), live=True,
                     group="attack", help="What ε bounds: the change of each pixel, or of all together.")  # fmt: skip
    eps: float = knob(0.15, low=0.0, high=0.5, live=True, group="attack", label="Radius ε", when="norm=inf",
                      help="By how much each pixel may change; black is 0 and white is 1.")  # fmt: skip
    eps_2: float = knob(0.6, low=0.0, high=5.0, live=True, group="attack", label="Radius ε", when="norm=2",
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
    training_eps: float = knob(0.15, low=0.0, high=0.5, live=True, group="defence", when="defence=adversarial_training",
                               label="ε of the training", help="How far the pictures are moved that it learns from; "
                               "0 is off.")  # fmt: skip
    data: str = knob("digits", choices=images.DATASETS, titles=images.TITLES, group="networks", help="What is read.")
    model: str = knob(
        "mlp", choices=("linear", "mlp", "cnn", "taken"), titles=("Linear", "MLP", "CNN", "Taken over"),
        group="networks", help="What both networks are. A network that was taken over is attacked as it came.",
    )  # fmt: skip
    network: str = knob("", length=(0, 20), group="networks", when="model=taken", help="A network from the shelf.")
    size: str = knob("small", choices=("small", "large"), group="networks", when="model=mlp|cnn",
                     help="Large has several times as many neurons.")  # fmt: skip
    training_steps: int = knob(400, low=50, high=4000, log=True, group="networks",
                               help="Updates of both networks; then the accuracy against ε is measured.")  # fmt: skip
    example: int = knob(5, low=0, high=499, live=True, group="picture", help="Which test picture is attacked.")
    picture: str = knob("", length=(0, 1200), live=True, group="picture", help="A drawn or uploaded picture, packed.")
    attribution: bool = knob(False, live=True, group="picture", label="Which pixels count?",
                             help="Integrated gradients before and after the attack, in the tab Inside.")  # fmt: skip

    def check(self) -> None:
        images.require(self.data, self.picture)
        if self.model == "taken" and not self.network:
            raise StillMissing("network", "", "upload a network, or take one over from the page on convolutions")
        try:
            milliseconds = 2 * self.cost(8) + INNER_STEPS * self.cost(8)
        except ArchitectureError as error:
            raise ConfigError("network", self.network, str(error).rstrip(".")) from None
        if max(milliseconds, 2 * self.cost(1) + 40 * self.cost(1) / 4) > 1.4 * ROOM:
            raise ConfigError(
                "network" if self.model == "taken" else "size", self.network or self.size,
                f"one step with so large a network would take {milliseconds:.0f} milliseconds, and everybody else on "
                f"this server would wait; {1.4 * ROOM:.0f} are allowed. Take a smaller network or the digits",
            )  # fmt: skip

    @property
    def radius(self) -> float:
        """eps in the norm that is chosen."""
        return self.eps if self.norm == "inf" else self.eps_2

    def architecture(self) -> Architecture | None:
        """The convolutional network of these knobs, or None.  Raises `ArchitectureError` and `ConfigError`."""
        side = images.side(self.data)
        if self.model == "taken":
            return classifiers.taken(self.network, side=side, classes=CLASSES)
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


class Experiment:
    """One step is one update of both networks with the same minibatch; after the last, a piece of the curve.

    `model` is the network without defence, `defended` the other one.  Min over the weights, max over the change of the
    picture: the defended network takes its step on pictures that PGD has just moved against it (Madry et al., Eq. 2.1).
    """

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.images = images.load(config.data)
        self.model = self._network()
        self.defended = classifiers.Rounded(self._network()) if config.defence == "rounded_pixels" else self._network()
        fused = self.device.type == "cpu"
        self.optimisers = [torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=fused)
                           for network in (self.model, self.defended)]  # fmt: skip
        gradients = 2 + INNER_STEPS  # in one step, at most
        self.batch_size = min(64, self._fitting(ROOM / gradients))
        self.x_test = torch.from_numpy(self.images.test_x[: robustness.PICTURES]).to(self.device)
        self.y_test = torch.from_numpy(self.images.test_y[: robustness.PICTURES]).to(self.device)
        self.judged = torch.full((4, len(self.y_test)), -1, dtype=torch.int8)  # 1 right, 0 wrong, -1 not asked yet
        self.losses = (0.0, 0.0)
        self.curves = self._curves()
        self._take_picture()

    def _network(self) -> nn.Module:
        """Both networks begin with the same weights."""
        config, g = self.config, generator(self.config.seed, "weights")
        architecture = config.architecture()
        network = classifiers.dense(config.sizes, g) if architecture is None else ConvNet(architecture, g)
        if config.model == "taken":
            network_file.fit(network, network_file.read(shelf.fetch(config.network)))
        return network.to(self.device).eval()

    def _fitting(self, milliseconds: float) -> int:
        """How many pictures' gradient fits into so much time."""
        fixed = self.config.cost(0)
        return max(1, int((milliseconds - fixed) / (self.config.cost(1) - fixed)))

    def _curves(self) -> robustness.Curves:
        c = self.config
        settings = robustness.Settings(norm=c.norm, steps=c.steps, step_size=c.step_size, seed=c.seed)
        gradients = {"random_sign": 1, "fgsm": 2, "pgd": c.steps + 1, "transfer": c.steps + 1}
        pictures = {name: self._fitting(ROOM / count) for name, count in gradients.items()}
        tried = robustness.PICTURES if c.cost(robustness.PICTURES) < 30 else robustness.PICTURES // 5
        return robustness.Curves(self.x_test[:tried], self.y_test[:tried], settings, pictures)

    def _take_picture(self) -> None:
        """The picture that is attacked, and its class, -1 if nobody knows it."""
        config, place = self.config, self.config.example % len(self.images.test_x)
        known = not config.picture
        given = self.images.test_x[place, 0] if known else images.unpack(config.picture, self.images.side)
        self.picture = torch.from_numpy(np.array(given, np.float32))[None, None].to(self.device)
        self.label = int(self.images.test_y[place]) if known else -1
        self._looked: tuple[int, attacked.Attacked] | None = None

    @property
    def done(self) -> bool:
        return self.step_count >= self.config.training_steps and self.curves.done

    @property
    def trained(self) -> int:
        """Updates so far."""
        return min(self.step_count, self.config.training_steps)

    def step(self) -> dict[str, float]:
        if self.step_count < self.config.training_steps:
            self._train()
            self._judge()
        elif not self.curves.done:
            self.curves.measure((self.model, self.defended))
        self.step_count += 1
        return self._metrics()

    def _train(self) -> None:
        config, step = self.config, self.step_count
        places = self._batch(step)
        x = torch.from_numpy(self.images.train_x[places]).to(self.device)  # (B, 1, side, side)
        y = torch.from_numpy(self.images.train_y[places]).to(self.device)
        moved = x
        if config.defence == "adversarial_training" and config.training_eps:
            moved = attacks.attack("pgd", self.defended, x, y, eps=config.training_eps, steps=INNER_STEPS,
                                   generator=generator(config.seed, f"attack/{step}", self.device))  # fmt: skip
        losses = []
        for number, (network, pictures) in enumerate(((self.model, x), (self.defended, moved))):
            if number == 0 and config.model == "taken":  # it is attacked as it came
                with torch.no_grad():
                    losses.append(float(F.cross_entropy(network(pictures), y)))
                continue
            network.train()
            loss = F.cross_entropy(network(pictures), y)
            self.optimisers[number].zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimisers[number].step()
            network.eval()
            losses.append(float(loss.detach()))  # waits for the GPU
        self.losses = (losses[0], losses[1])

    def _batch(self, step: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Places of the training pictures of one update: each comes once in an epoch, in an order of its own."""
        per_epoch = len(self.images.train_x) // self.batch_size
        epoch, place = divmod(step, per_epoch)
        if epoch != getattr(self, "_epoch", -1):
            self._epoch = epoch
            self._order = torch.randperm(
                len(self.images.train_x), generator=generator(self.config.seed, f"order/{epoch}")
            ).numpy()
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]

    def _judge(self) -> None:
        """Some test pictures, plain and under FGSM, for both networks: each picture's turn comes every few steps."""
        count = min(JUDGED, self._fitting(1.5))
        first = self.step_count * count % len(self.y_test)
        span = slice(first, min(first + count, len(self.y_test)))
        x, y = self.x_test[span], self.y_test[span]
        for number, network in enumerate((self.model, self.defended)):
            moved = attacks.attack("fgsm", network, x, y, eps=self.config.radius, steps=1, norm=self.config.norm)
            with torch.no_grad():
                right = network(torch.cat([x, moved])).argmax(1) == torch.cat([y, y])
            self.judged[2 * number : 2 * number + 2, span] = right.view(2, -1).to("cpu", torch.int8)

    def _metrics(self) -> dict[str, float]:
        asked = self.judged >= 0
        shares = ((self.judged == 1).sum(1) / asked.sum(1).clamp_min(1)).tolist()
        names = ("plain_accuracy", "plain_attacked", "defended_accuracy", "defended_attacked")
        return dict(zip(("plain_loss", "defended_loss", *names), (*self.losses, *shares), strict=True))

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  A curve that was measured with other attacks is measured again.

        Raises `ConfigError` if another knob differs.
        """
        self.config.require_live(config)
        before, self.config = self.curves.settings, config
        curves = self._curves()
        if curves.settings != before:
            self.curves = curves
        self._take_picture()

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        if self._looked is None or self._looked[0] != self.trained:
            self._looked = (self.trained, attacked.look(self))  # the same until the weights or the knobs change
        curves = self.curves
        return Frame(
            step=self.step_count, training_steps=self.config.training_steps, classes=self.images.classes,
            attacked=self._looked[1], radii=np.array(curves.radii, np.float32), right=curves.right.copy(),
            asked=curves.asked.copy(), measured=curves.place / len(curves.pieces),
        )  # fmt: skip

    def about(self) -> dict[str, str]:
        """What a file of the weights must say so that a convolutional network can be built again."""
        architecture = self.config.architecture()
        return {"data": self.config.data} | ({} if architecture is None else {"architecture": architecture.to_json()})

    def state_dict(self) -> dict[str, Any]:
        """Both networks and their optimisers, what was judged, and the part of the curve that is measured."""
        return {
            "step_count": self.step_count, "losses": self.losses, "judged": self.judged.clone(),
            "networks": [{n: t.clone() for n, t in network.state_dict().items()}
                         for network in (self.model, self.defended)],
            "optimisers": [copied(o.state_dict()["state"]) for o in self.optimisers],
            "curves": self.curves.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.losses, self.judged = state["step_count"], state["losses"], state["judged"].clone()
        for network, saved in zip((self.model, self.defended), state["networks"], strict=True):
            network.load_state_dict(saved)
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": copied(saved), "param_groups": groups})
        self.curves.load_state_dict(state["curves"])
        self._looked = None
