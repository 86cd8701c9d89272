"""The knobs, and what they must not be together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import cloud_shapes

NAMES = ("vae", "gan", "flow", "diffusion")
TITLES = {"vae": "Autoencoder (VAE)", "gan": "Adversarial (GAN)", "flow": "Flow (RealNVP)", "diffusion": "Diffusion"}
EXTENT = (-1.35, 1.35, -1.35, 1.35)  # left, right, bottom, top of what is shown: all that diffusion can draw
MEASURED, HELD_OUT = 300, 120  # samples and real points behind a measure; points behind a likelihood
WEIGHTED = 40  # codes behind the bound of a VAE's likelihood
SIDE = 40  # cells along a map
ROUND = 16  # updates in which diffusion draws its samples once
TIMES = {"standard": 1, "large": 4}  # as many neurons as `width` says
LONGEST = {"standard": 20.0, "large": 60.0}  # milliseconds that a step may take


@dataclass(frozen=True)
class Config(BaseConfig):
    data: str = knob("ring", choices=cloud_shapes.SHAPES, titles=cloud_shapes.TITLES, group="data",
                     help="What all of them learn.")  # fmt: skip
    points: str = knob("", length=(0, 6000), group="data", when="data=drawn", help="Drawn points, packed.")
    families: tuple[str, ...] = knob(
        NAMES, choices=NAMES, titles=tuple(TITLES[name] for name in NAMES), length=(1, 4),
        label="Who learns", help="The families that are trained beside each other.",
    )  # fmt: skip
    sampling_steps: int = knob(20, low=1, high=100, log=True, live=True, label="Diffusion: steps to a sample",
                               group="drawing", when="families=diffusion",
                               help="How often the network is asked on the way from noise to a sample.")  # fmt: skip
    objective: str = knob(
        "noise", choices=("noise", "flow"), titles=("Noise prediction", "Flow matching"), label="Diffusion: objective",
        group="drawing", when="families=diffusion",
        help="What its network is asked: which noise was added, or in which direction noise lies, seen from the data.",
    )  # fmt: skip
    beta: float = knob(1.0, low=0.0, high=10.0, live=True, group="autoencoder", label="Price of a code β",
                       when="families=vae", help="1 is the evidence lower bound. Less is a finer code, more a blunter "
                       "one.")  # fmt: skip
    blur: float = knob(0.2, low=0.02, high=1.0, log=True, group="autoencoder", label="Blur σ at the start",
                       when="families=vae", help="Standard deviation of what the decoder says.")  # fmt: skip
    learn_blur: bool = knob(True, group="autoencoder", when="families=vae", help="The blur is learned as well.")
    gan_loss: str = knob(
        "wasserstein", choices=("wasserstein", "non_saturating"), group="GAN", label="Loss", when="families=gan",
        titles=("Wasserstein, gradient penalty", "Non-saturating"), help="What generator and discriminator make small.",
    )  # fmt: skip
    critic_steps: int = knob(3, low=1, high=5, group="GAN", label="Discriminator steps", when="families=gan",
                             help="Steps of the discriminator for each one of the generator.")  # fmt: skip
    couplings: int = knob(8, low=2, high=12, group="flow", label="Coupling layers", when="families=flow",
                          help="Steps from noise to a point; each moves one of the two coordinates.")  # fmt: skip
    vae_rate: float = knob(0.005, low=1e-4, high=0.05, log=True, live=True, group="learning rates",
                           label="Autoencoder", called="learning rate of the autoencoder",
                           when="families=vae", help="Step size of Adam.")  # fmt: skip
    gan_rate: float = knob(0.001, low=1e-4, high=0.05, log=True, live=True, group="learning rates", label="Generator",
                           called="learning rate of the generator", when="families=gan",
                           help="Step size of Adam; the discriminator's is three times as large.")  # fmt: skip
    flow_rate: float = knob(0.002, low=1e-4, high=0.05, log=True, live=True, group="learning rates", label="Flow",
                            called="learning rate of the flow", when="families=flow",
                            help="Step size of Adam.")  # fmt: skip
    diffusion_rate: float = knob(0.004, low=1e-4, high=0.05, log=True, live=True, group="learning rates",
                                 label="Diffusion", called="learning rate of diffusion",
                                 when="families=diffusion", help="Step size of Adam.")  # fmt: skip
    width: int = knob(32, low=8, high=128, log=True, group="networks", help="Neurons in each hidden layer, of all.")
    size: str = knob("standard", choices=tuple(TIMES), group="networks",
                     help="Large has four times as many neurons in each hidden layer of every network. It is meant for "
                     "a server with a GPU; without one it learns more slowly.")  # fmt: skip
    batch_size: int = knob(128, low=16, high=512, log=True, group="networks",
                           help="Real points that an update sees.")  # fmt: skip
    seeds: int = knob(1, low=1, high=8, group="networks",
                      help="Networks of each family, which differ in their seed alone.")  # fmt: skip
    shown: int = knob(0, low=0, high=7, look=True, group="networks", when="seeds=2|3|4|5|6|7|8",
                      help="Which of the seeds is drawn.")  # fmt: skip

    def check(self) -> None:
        if self.data == "drawn":
            cloud_shapes.require(self.points)
        if (cost := self.cost()) > (longest := patience(LONGEST[self.size])):
            name = "size" if self.size == "large" else "seeds" if self.seeds > 1 else "batch_size"
            raise ConfigError(name, getattr(self, name), f"one step would take about {cost:.0f} milliseconds, and "
                              f"everybody else on this server would wait; {longest:.0f} are allowed. Take fewer seeds "
                              "or families, smaller batches or a smaller width")  # fmt: skip

    @property
    def neurons(self) -> int:
        """In each hidden layer."""
        return TIMES[self.size] * self.width

    def cost(self) -> float:
        """About how many milliseconds one core takes for a step (torch 2.13)."""
        w, calls = self.neurons, {"vae": 0.9, "gan": 0.5 + 0.35 * self.critic_steps, "flow": 0.25 * self.couplings,
                                "diffusion": 0.5 + 0.4 * math.ceil(self.sampling_steps / ROUND)}  # fmt: skip
        weights = {  # that a batch is multiplied with, there and back
            "vae": 6 * (w * w + 4 * w), "gan": (13 * self.critic_steps + 6) * (w * w + 4 * w),
            "flow": 3 * self.couplings * (w * w + 3 * w), "diffusion": 3 * (2 * w * w + 44 * w),
        }  # fmt: skip
        drawn = MEASURED * math.ceil(self.sampling_steps / ROUND) * weights["diffusion"] / 3
        work = self.batch_size * sum(weights[name] for name in self.families) + drawn * ("diffusion" in self.families)
        speed, measured = 6.5e6, 0.0
        if self.size == "large":  # wide matrices are multiplied faster, and the evaluator's networks count as well
            speed = min(2e7, 1e5 * max(65, w))
            asked = {"vae": WEIGHTED * HELD_OUT, "gan": SIDE**2 + 2 * MEASURED, "flow": SIDE**2 * self.couplings}
            measured = w * w * max(asked.get(name, 0) for name in self.families) / 2e7
        return 2.5 + sum(calls[name] for name in self.families) + self.seeds * work / speed + measured
