"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.data import images
from engine.labs.adversarial_examples import attacks, classifiers, robustness, trained_digits
from engine.labs.adversarial_examples.config import INNER_STEPS, ROOM, Config
from engine.labs.adversarial_examples.frame import TRIED, Attacked, Frame, Pairs, attacked, pairs
from engine.labs.adversarial_examples.tally import EARLY, shares
from engine.nets import shelved
from engine.nets.convnet import ConvNet

__all__ = ["Config", "Experiment", "Frame"]

LEARNING_RATE = 0.005
GAME = 8.0  # milliseconds that its pictures may take
JUDGED = 25  # test pictures that each step looks at
AT_ONCE = 200  # of which it is known from the start how stored networks read them, plain and with one gradient


class Experiment:
    """One step is one update of both networks with the same minibatch; after the last, a piece of the curve.

    `model` is the network without defence, `defended` the other one.  Min over the weights, max over the change of the
    picture: the defended network takes its step on pictures that PGD has just moved against it (Madry et al., Eq. 2.1).
    """

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.images = images.load(config.data)
        self.model = self._network()
        second = self._network()
        if config.stored:
            trained_digits.load(self.model, second, attacked=config.defence == "adversarial_training")
        self.defended = classifiers.Rounded(second) if config.defence == "rounded_pixels" else second
        fused = self.device.type == "cpu"
        self.optimisers = [torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=fused)
                           for network in (self.model, self.defended)]  # fmt: skip
        gradients = 2 + INNER_STEPS  # in one step, at most
        self.batch_size = min(64, self._fitting(ROOM / gradients))
        self.x_test = torch.from_numpy(self.images.test_x[: robustness.PICTURES]).to(self.device)
        self.y_test = torch.from_numpy(self.images.test_y[: robustness.PICTURES]).to(self.device)
        self.right = torch.full((4, len(self.y_test)), -1, dtype=torch.int8)  # 1 right, 0 wrong, -1 not asked yet
        self.losses = (0.0, 0.0)
        self.curves = self._curves()
        self._forget_early()
        self.first = 0  # test picture that is evaluated first; of stored networks, which do not change, any
        if config.stored:
            self.first = int(torch.randint(len(self.y_test), (), generator=generator(config.seed, "first")))
            for place in range(0, AT_ONCE, JUDGED):
                self._evaluate_early(place, JUDGED)
        self._take_picture()

    def _network(self) -> nn.Module:
        """Both networks begin with the same weights."""
        config, g = self.config, generator(self.config.seed, "weights")
        architecture = config.architecture()
        if architecture is None:
            return classifiers.dense(config.sizes, g).to(self.device).eval()
        network = ConvNet(architecture, g)
        if config.model == "taken":
            shelved.load(network, config.network)
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

    def _forget_early(self) -> None:
        """For each network, attack of `tally.EARLY`, radius and test picture: 1 right, 0 wrong, -1 not asked yet."""
        self.early = torch.full((2, EARLY, len(self.curves.radii), len(self.y_test)), -1, dtype=torch.int8)

    def _take_picture(self) -> None:
        """The picture that is attacked, and its class, -1 if nobody knows it."""
        config, place = self.config, self.config.example % len(self.images.test_x)
        known = not config.picture
        given = self.images.test_x[place, 0] if known else images.unpack(config.picture, self.images.side)
        self.picture = torch.from_numpy(np.array(given, np.float32))[None, None].to(self.device)
        self.label = int(self.images.test_y[place]) if known else -1
        self._looked: tuple[int, Attacked] | None = None
        self._pairs: Pairs | None = None

    @property
    def done(self) -> bool:
        return self.step_count >= self.config.updates and self.curves.done

    @property
    def trained(self) -> int:
        """Updates so far."""
        return min(self.step_count, self.config.updates)

    def step(self) -> dict[str, float]:
        if self.step_count < self.config.updates:
            self._train()
            self._evaluate()
        elif not self.curves.done:
            self.curves.measure((self.model, self.defended))
            if self.config.stored and bool((self.right < 0).any()):
                self._evaluate()
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

    def _evaluate(self) -> None:
        """Some test pictures, plain and under FGSM, for both networks: each picture's turn comes every few steps."""
        count = min(JUDGED, self._fitting(1.5))
        first = (self.step_count * count + self.first) % len(self.y_test)
        span = slice(first, min(first + count, len(self.y_test)))
        x, y = self.x_test[span], self.y_test[span]
        for number, network in enumerate((self.model, self.defended)):
            moved = attacks.attack("fgsm", network, x, y, eps=self.config.radius, steps=1, norm=self.config.norm)
            with torch.no_grad():
                right = network(torch.cat([x, moved])).argmax(1) == torch.cat([y, y])
            self.right[2 * number : 2 * number + 2, span] = right.view(2, -1).to("cpu", torch.int8)
        self._evaluate_early(first, min(count, self._fitting(1.5) // (EARLY * len(self.curves.radii)) + 1))

    def _evaluate_early(self, first: int, count: int) -> None:
        """Some of these pictures at every radius, under attacks that a single gradient is enough for."""
        span = slice(first, min(first + count, len(self.y_test)))
        x, y = self.x_test[span], self.y_test[span]
        radii = torch.tensor(self.curves.radii, device=x.device).view(-1, 1, 1, 1, 1)
        dice = torch.rand(x.shape, generator=generator(self.config.seed, f"early/{self.step_count}", x.device),
                          device=x.device)  # fmt: skip
        ball = attacks.Ball(x, 1.0, self.config.norm)
        for number, network in enumerate((self.model, self.defended)):
            climbing = attacks.gradient(network, attacks.Goal(y, None), x)
            ways = torch.stack([ball.steepest(way) for way in (torch.where(dice < 0.5, -1.0, 1.0), climbing)])
            moved = (x + radii * ways[:, None]).clamp(0, 1)  # (EARLY, E, n, 1, side, side)
            with torch.no_grad():
                answers = network(moved.flatten(0, 2)).argmax(1).view(moved.shape[:3])
            self.early[number, :, :, span] = (answers == y).to("cpu", torch.int8)

    def _metrics(self) -> dict[str, float]:
        asked = self.right >= 0
        shares = ((self.right == 1).sum(1) / asked.sum(1).clamp_min(1)).tolist()
        names = ("plain_accuracy", "plain_attacked", "defended_accuracy", "defended_attacked")
        losses = {} if self.config.stored else dict(zip(("plain_loss", "defended_loss"), self.losses, strict=True))
        return losses | dict(zip(names, shares, strict=True))

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  A curve that was measured with other attacks is measured again.

        Raises `ConfigError` if another knob differs.
        """
        self.config.require_live(config)
        before, self.config = self.curves.settings, config
        curves = self._curves()
        if curves.settings != before:
            self.curves = curves
        if curves.settings.norm != before.norm:
            self._forget_early()
        self._take_picture()

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        if self._looked is None or self._looked[0] != self.trained:
            seen = attacked((self.model, self.defended), self.config, x=self.picture, label=self.label)
            self._looked = (self.trained, seen)  # the same until the weights or the knobs change
            self._pairs = self._play()
        curves, asked = self.curves, self.early >= 0
        early = shares((self.early == 1).sum(-1).numpy(), asked.sum(-1).numpy())
        return Frame(
            step=self.step_count, training_steps=self.config.updates, classes=self.images.classes,
            attacked=self._looked[1], radii=np.array(curves.radii, np.float32), right=curves.right.copy(),
            asked=curves.asked.copy(), early=early, pairs=self._pairs, measured=curves.place / len(curves.pieces),
        )  # fmt: skip

    def _play(self) -> Pairs | None:
        """The next few test pictures with and without the attack, once both networks have learned."""
        config, count = self.config, len(self.images.test_x)
        if self.trained < config.updates or (config.steps + 2) * config.cost(TRIED) > GAME:
            return None
        places = (config.example + 1 + np.arange(TRIED)) % count
        x = torch.from_numpy(self.images.test_x[places]).to(self.device)
        return pairs(self.model, config, x=x, y=torch.from_numpy(self.images.test_y[places]).to(self.device))

    def about(self) -> dict[str, str]:
        """What a file of the weights must say so that a convolutional network can be built again."""
        architecture = self.config.architecture()
        return {"data": self.config.data} | ({} if architecture is None else {"architecture": architecture.to_json()})

    def state_dict(self) -> dict[str, Any]:
        """Both networks and their optimisers, what was right, and what is measured of the curves."""
        return {
            "step_count": self.step_count, "losses": self.losses, "right": self.right.clone(),
            "networks": [{n: t.clone() for n, t in network.state_dict().items()}
                         for network in (self.model, self.defended)],
            "optimisers": [copied(o.state_dict()["state"]) for o in self.optimisers],
            "early": self.early.clone(), "curves": self.curves.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.losses, self.right = state["step_count"], state["losses"], state["right"].clone()
        for network, saved in zip((self.model, self.defended), state["networks"], strict=True):
            network.load_state_dict(saved)
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": copied(saved), "param_groups": groups})
        self.early = state["early"].clone()
        self.curves.load_state_dict(state["curves"])
        self._looked = None
