"""The knobs, and what they must not be together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import images
from engine.labs.vae import rows

BATCH = 64
LIKELIHOODS = ("gaussian", "bernoulli")  # what `engine.nets.autoencoders` can say about a pixel
FAR = 32.0  # how far a code can be dragged
DEAD = 0.01  # nats: a dimension that tells less about the row is dead
TIMES = {"standard": 1, "large": 4}  # as many neurons as `width` says
LONGEST = {"standard": 18.0, "large": 60.0}  # milliseconds that a step may take


def _from(least: int) -> str:
    """For `when=`: numbers from `least` up."""
    return "|".join(map(str, range(least, 17)))


@dataclass(frozen=True)
class Config(BaseConfig):
    beta: float = knob(1.0, low=0.0, high=100.0, log=True, live=True, group="price of a code", label="Price β",
                       when="divergence=kl|mmd",
                       help="What the divergence of the codes from the prior counts for. 1 is the ELBO.")  # fmt: skip
    divergence: str = knob(
        "kl", choices=("kl", "mmd", "none"), titles=("KL (VAE)", "MMD (WAE)", "None (plain)"), group="price of a code",
        help="KL holds each code's cloud to the prior, MMD only all codes together. With MMD, or without any, a code "
        "is a point.",
    )  # fmt: skip
    warm_up: int = knob(0, low=0, high=5000, group="price of a code", when="divergence=kl|mmd",
                        help="Steps in which β grows from 0 to its value.")  # fmt: skip
    latent: int = knob(2, low=1, high=16, group="network", label="Latent size",
                       help="How many numbers a code has.")  # fmt: skip
    hidden: int = knob(2, low=0, high=3, group="network", label="Hidden layers",
                       help="Of the encoder, and of the decoder. With 0 both are linear.")  # fmt: skip
    width: int = knob(128, low=16, high=256, log=True, group="network", when="hidden=1|2|3",
                      help="Neurons in each hidden layer.")  # fmt: skip
    size: str = knob("standard", choices=tuple(TIMES), group="network", when="hidden=1|2|3",
                     help="Large has four times as many neurons in each hidden layer. It is meant for a server with a "
                     "GPU; without one it learns more slowly.")  # fmt: skip
    likelihood: str = knob(
        "bernoulli", choices=LIKELIHOODS, titles=("Gaussian, learned σ", "Bernoulli"), group="network",
        when="data=digits|digits_28|mnist|fashion_mnist", help="What the decoder says about each pixel: a Gaussian "
        "around it, or how likely it is white. The ELBOs of the two cannot be compared: Bernoulli on grey pixels is a "
        "score and no probability. Data that are no pictures always get the Gaussian.",
    )  # fmt: skip
    learning_rate: float = knob(0.005, low=1e-4, high=0.1, log=True, live=True, group="network",
                                help="Step size of Adam.")  # fmt: skip
    seeds: int = knob(1, low=1, high=16, group="network",
                      help="Networks that differ in their seed alone, trained together.")  # fmt: skip
    shown: int = knob(0, low=0, high=15, look=True, group="network", when=f"seeds={_from(2)}",
                       help="Which of the networks is looked at.")  # fmt: skip
    data: str = knob("digits", choices=rows.DATASETS, titles=rows.TITLES, group="data",
                     help="What is put into codes.")  # fmt: skip
    example: int = knob(0, low=0, high=499, look=True, group="data", help="Which test row is encoded.")
    picture: str = knob("", length=(0, 1200), look=True, group="data", help="A drawn or uploaded picture, packed.")
    draw: int = knob(0, low=0, high=9999, look=True, group="view", help="Which random codes are decoded.")
    z1: float = knob(0.0, low=-FAR, high=FAR, look=True, group="view",
                     help="The code that is decoded: its number along the plane.")  # fmt: skip
    z2: float = knob(0.0, low=-FAR, high=FAR, look=True, group="view",
                     help="The code that is decoded: its number up the plane.")  # fmt: skip
    start: int = knob(4, low=0, high=9, look=True, group="walk", label="Walk from class",
                      help="The walk begins at a typical row of this class.")  # fmt: skip
    end: int = knob(9, low=0, high=9, look=True, group="walk", label="to class",
                    help="The walk ends at a typical row of this class.")  # fmt: skip
    across: int = knob(1, low=1, high=16, look=True, group="view", label="Dimension across",
                        when=f"latent={_from(3)}",
                       help="Which latent dimension lies across the plane, if there are more than two.")  # fmt: skip
    up: int = knob(2, low=1, high=16, look=True, group="view", label="Dimension up",
                    when=f"latent={_from(3)}",
                   help="Which latent dimension points up, if there are more than two.")  # fmt: skip

    def check(self) -> None:
        if self.data in images.DATASETS:
            images.require(self.data, self.picture)
        if self.cost > (longest := patience(LONGEST[self.size])):
            name = "size" if self.size == "large" else "seeds" if self.seeds > 1 else "width"
            raise ConfigError(name, getattr(self, name), f"one step would take about {self.cost:.0f} milliseconds, and "
                              f"everybody else on this server would wait; {longest:.0f} are allowed. Take "
                              "fewer seeds, fewer hidden layers or a smaller width")  # fmt: skip

    @property
    def says(self) -> str:
        """What p(x|z) is, one of `LIKELIHOODS`: only a pixel, from 0 to 1, can be Bernoulli."""
        return self.likelihood if self.data in images.DATASETS else "gaussian"

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the hidden layers."""
        return (TIMES[self.size] * self.width,) * self.hidden

    @property
    def cost(self) -> float:
        """About how many milliseconds one core takes for a step (torch 2.13)."""
        features = rows.features(self.data)
        ends = (features, *self.widths, self.latent)
        weights = 2 * sum(n * m for n, m in itertools.pairwise(ends))
        each = BATCH * 6 * weights / 2e7 + (0.3 if self.divergence == "mmd" else 0.02)
        return 1.0 + self.seeds * each
