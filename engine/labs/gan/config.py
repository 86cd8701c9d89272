"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.bounds import patience
from engine.contract.knobs import Config as LabConfig
from engine.contract.knobs import ConfigError, StillMissing, knob
from engine.data import cloud_shapes
from engine.labs.gan import cost as round_cost
from engine.nets.optimiser_names import title

EXTENT = (-1.4, 1.4, -1.4, 1.4)  # left, right, bottom, top of what is shown of the plane
START = 0.8  # where the fake point of the Dirac-GAN begins; the real one is at 0
WEAK = 0.1  # a fake whose gradient is shorter counts as hardly pushed
TIMES = {"standard": 1, "large": 4}  # as many neurons as the knobs say
LOSS_TITLES = {  # of `engine.nets.gan_losses`
    "non_saturating": "Non-saturating", "saturating": "Saturating (minimax)", "least_squares": "Least squares",
    "wasserstein": "Wasserstein",
}  # fmt: skip
STAGES = {  # of one round, with their titles in slow motion
    "real": "Draw real points",
    "forge": "Forge fakes",
    "discriminator": "Train the discriminator",
    "again": "Forge again",
    "generator": "Train the generator",
    "together": "Train both at once",
}
OPTIMISERS = ("adam", "rmsprop", "momentum", "gradient_descent")


@dataclass(frozen=True)
class Config(LabConfig):
    data: str = knob(
        "ring", choices=(*cloud_shapes.SHAPES, "digits", "dirac"),
        titles=(*cloud_shapes.TITLES, "Digits", "One point (Dirac-GAN)"),
        help="What is to be forged. The Dirac-GAN has one number on each side: the smallest GAN.",
    )  # fmt: skip
    points: str = knob("", length=(0, 6000), when="data=drawn", help="Drawn points, packed.")
    loss: str = knob(
        "wasserstein", choices=tuple(LOSS_TITLES), titles=tuple(LOSS_TITLES.values()),
        help="What the two make small.",
    )  # fmt: skip
    train: str = knob(
        "both", choices=("both", "discriminator", "generator"), live=True,
        help="Who learns. The other one stands still.",
    )  # fmt: skip
    slow_motion: bool = knob(False, live=True, help="One step is one stage of a round, not a round.")
    critic_steps: int = knob(
        3, low=1, high=10, live=True, group="game", label="Discriminator steps",
        help="Steps of the discriminator for each step of the generator.",
    )  # fmt: skip
    updates: str = knob(
        "alternating", choices=("alternating", "simultaneous"), group="game",
        help="Alternating: the generator answers the discriminator as it is now. Simultaneous: as it was before.",
    )  # fmt: skip
    penalty: float = knob(
        0.1, low=0.0, high=100.0, log=True, live=True, group="game", when="loss=wasserstein",
        label="Gradient penalty λ", help="Weight of (|gradient of D| - 1)², between real and fake points.",
    )  # fmt: skip
    spectral_norm: bool = knob(
        False, group="game", help="After each step the discriminator's matrices are scaled to spectral norm 1."
    )
    noise: str = knob("gaussian", choices=("gaussian", "uniform"), group="networks", help="What the generator is fed.")
    noise_size: int = knob(2, low=1, high=16, group="networks", help="Numbers of noise behind each fake point.")
    generator_hidden: tuple[int, ...] = knob(
        (64, 64, 64), low=1, high=128, length=(0, 4), group="networks", label="Generator", help="Neurons in each layer."
    )
    discriminator_hidden: tuple[int, ...] = knob(
        (64, 64, 64), low=1, high=128, length=(0, 4), group="networks", label="Discriminator",
        help="Neurons in each layer.",
    )  # fmt: skip
    size: str = knob(
        "standard", choices=tuple(TIMES), group="networks", when="data=" + "|".join((*cloud_shapes.SHAPES, "digits")),
        help="Large has four times as many neurons in each hidden layer of both networks. They settle less easily: "
        "expect fewer modes at first. It is meant for a server with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    generator_optimiser: str = knob(
        "adam", choices=OPTIMISERS, titles=[title(n) for n in OPTIMISERS], group="training",
        help="Of the generator.",
    )  # fmt: skip
    generator_rate: float = knob(
        0.0007, low=1e-5, high=1.0, log=True, live=True, group="training", label="Generator rate", help="Its step size."
    )
    discriminator_optimiser: str = knob(
        "adam", choices=OPTIMISERS, titles=[title(n) for n in OPTIMISERS], group="training",
        help="Of the discriminator.",
    )  # fmt: skip
    discriminator_rate: float = knob(
        0.002, low=1e-5, high=1.0, log=True, live=True, group="training", label="Discriminator rate",
        help="Its step size.",
    )  # fmt: skip
    beta1: float = knob(
        0.0, low=0.0, high=0.95, live=True, group="training", label="Adam's β₁",
        help="How much Adam remembers of earlier gradients. In a game these point to where the other one was.",
    )  # fmt: skip
    batch_size: int = knob(128, low=8, high=512, group="training", help="Real points, and as many fakes, for a step.")
    seeds: int = knob(1, low=1, high=8, group="run", help="Pairs of networks trained together: seed, seed + 1, …")
    shown: int = knob(0, low=0, high=7, look=True, group="view", help="Which of these pairs is drawn.")

    def check(self) -> None:
        if self.data == "drawn":
            if not self.points:
                raise StillMissing("points", "", f"draw at least {cloud_shapes.FEWEST} points on the pad")
            cloud_shapes.require(self.points)
        if (cost := self.cost) > (longest := patience(round_cost.LONGEST[self.size])):
            knobs = self.knobs()
            furthest = max(("seeds", "critic_steps", "batch_size"), key=lambda n: getattr(self, n) / knobs[n].default)
            name = "size" if self.size == "large" else furthest
            raise ConfigError(
                name, getattr(self, name), f"a round would take about {cost:.0f} milliseconds, and everybody else on "
                f"this server would wait; {longest:.0f} are allowed. Lower seeds, batch_size, critic_steps, "
                "discriminator_hidden or generator_hidden",
            )  # fmt: skip

    def sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The layers of the generator and of the discriminator, inputs first."""
        if self.data == "dirac":
            return (self.noise_size, 2), (2, 1)
        features, times = 64 if self.data == "digits" else 2, TIMES[self.size]
        G, D = ([times * n for n in hidden] for hidden in (self.generator_hidden, self.discriminator_hidden))
        return (self.noise_size, *G, features), (features, *D, 1)

    @property
    def cost(self) -> float:
        """About how many milliseconds one core takes for a round."""
        G, D = self.sizes()
        return round_cost.milliseconds(
            G, D, pairs=self.seeds, batch=self.batch_size, critic_steps=self.critic_steps,
            penalised=self.loss == "wasserstein", spectral_norm=self.spectral_norm,
        )  # fmt: skip

    def plan(self) -> tuple[str, ...]:
        """The stages of one round, names of `STAGES`."""
        critic = ("real", "forge", "discriminator") * self.critic_steps
        if self.train == "discriminator":
            return critic
        if self.train == "generator":
            return ("again", "generator")
        return (*critic[:-1], "together") if self.updates == "simultaneous" else (*critic, "again", "generator")
