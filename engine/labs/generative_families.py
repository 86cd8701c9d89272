"""Four ways to learn a distribution: who pays what?

A variational autoencoder, a GAN, a normalizing flow (RealNVP) and a diffusion model see the same batches of points at
the same time, and are judged by the same measures.  Each gives up something else: the autoencoder sharpness, the GAN
any measure of its own, the flow the freedom to tear the plane, diffusion the speed of drawing.  Watch who covers which
modes, what lies between them, and what a sample costs.

References: Kingma and Welling, "Auto-encoding variational Bayes", 2014; Goodfellow et al., "Generative adversarial
nets", 2014; Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", 2017; Ho, Jain, Abbeel, "Denoising
diffusion probabilistic models", 2020; Theis, van den Oord, Bethge, "A note on the evaluation of generative models",
2016; Xiao, Kreis, Vahdat, "Tackling the generative learning trilemma with denoising diffusion GANs", 2022.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine import families_view, point_clouds
from engine.device import generator
from engine.families import GAN, VAE, WEIGHTED, Diffusion, Family, Flow
from engine.families_view import HELD_OUT, MEASURED, ROUND, SIDE, Frame, Judge
from engine.lab import Config as BaseConfig
from engine.lab import ConfigError, knob
from engine.packing import copied

__all__ = ["Config", "Experiment", "Frame"]

NAMES = ("vae", "gan", "flow", "diffusion")
AVERAGE = 0.99  # of the weights that are drawn with, over the updates; for all four
TIMES = {"standard": 1, "large": 4}  # as many neurons as `width` says
LONGEST = {"standard": 20.0, "large": 60.0}  # milliseconds that a step may take


@dataclass(frozen=True)
class Config(BaseConfig):
    data: str = knob("ring", choices=point_clouds.SHAPES, titles=point_clouds.TITLES, group="data",
                     help="What all of them learn.")  # fmt: skip
    points: str = knob("", length=(0, 6000), group="data", when="data=drawn", help="Drawn points, packed.")
    families: tuple[str, ...] = knob(
        NAMES, choices=NAMES, titles=tuple(families_view.TITLES[name] for name in NAMES), length=(1, 4),
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
    shown: int = knob(0, low=0, high=7, live=True, group="networks", when="seeds=2|3|4|5|6|7|8",
                      help="Which of the seeds is drawn.")  # fmt: skip

    def check(self) -> None:
        if self.data == "drawn":
            point_clouds.require(self.points)
        if (cost := self.cost()) > (longest := LONGEST[self.size]):
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
        if self.size == "large":  # wide matrices are multiplied faster, and the judge's networks count as well
            speed = min(2e7, 1e5 * max(65, w))
            asked = {"vae": WEIGHTED * HELD_OUT, "gan": SIDE**2 + 2 * MEASURED, "flow": SIDE**2 * self.couplings}
            measured = w * w * max(asked.get(name, 0) for name in self.families) / 2e7
        return 2.5 + sum(calls[name] for name in self.families) + self.seeds * work / speed + measured


class Experiment:
    """One step is one update of every family, all with the same batch; the GAN's discriminator sees further ones.

    Network i of a family is what a run with seed + i trains alone.  `model` holds what is drawn with: the average of
    each family's weights over its updates.  Metrics are means over the seeds; with more than one, ``*_low`` and
    ``*_high`` are the smallest and the largest.  They are measured in turn, so that no step takes much longer than
    another.  Samples a second depend on the machine, so they are no metric: they stand in the frame only.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.networks = range(config.seed, config.seed + config.seeds)
        self.trained = nn.ModuleDict({name: self._build(name) for name in NAMES if name in config.families})
        self.trained.to(self.device)
        self.model = copy.deepcopy(self.trained).requires_grad_(False)
        fused = self.device.type in ("cpu", "cuda")
        self.optimisers = {name: torch.optim.Adam(self.family(name).rates(0.0), fused=fused) for name in self.trained}
        self.judge = Judge(config.data, config.points, self.model, seeds=self.networks, batch_size=config.batch_size)
        self.update(config)

    def _build(self, name: str) -> Family:
        config, seeds = self.config, self.networks
        if name == "vae":
            return VAE(width=config.neurons, seeds=seeds, blur=config.blur, learned=config.learn_blur)
        if name == "gan":
            return GAN(width=config.neurons, seeds=seeds, loss=config.gan_loss, critic_steps=config.critic_steps)
        if name == "flow":
            return Flow(width=config.neurons, seeds=seeds, layers=config.couplings)
        return Diffusion(width=config.neurons, seeds=seeds, steps=config.sampling_steps, objective=config.objective)

    def family(self, name: str) -> Family:
        """The networks that are trained, S of them."""
        found = self.trained[name]
        assert isinstance(found, Family)
        return found

    def step(self) -> dict[str, float]:
        told = {}
        batches = max(family.batches for family in map(self.family, self.trained))
        x = torch.cat([self._real(batch) for batch in range(batches)], 1)  # (S, batches * B, 2)
        for name in self.trained:
            family = self.family(name)
            chance = [generator(seed, f"{name}/{self.step_count}", self.device) for seed in self.networks]
            told[name] = family.update(x[:, : family.batches * self.config.batch_size], chance, self.optimisers[name])
        self.step_count += 1
        keep = min(AVERAGE, self.step_count / (self.step_count + 10))
        with torch.no_grad():
            torch._foreach_lerp_([*self.model.parameters()], [*self.trained.parameters()], 1 - keep)
            self.judge.look(self.step_count)
        return self._metrics({name: losses.tolist() for name, losses in told.items()})  # waits for the GPU

    def _real(self, batch: int) -> Tensor:
        """Real points (S, B, 2), each seed's own; the first batch is what every family sees."""
        config, name = self.config, f"batch/{self.step_count}/{batch}"
        chances = [generator(seed, name, self.device) for seed in self.networks]
        return torch.stack([point_clouds.sample(config.data, config.batch_size, g, config.points) for g in chances])

    def _metrics(self, losses: dict[str, list[float]]) -> dict[str, float]:
        found = {}
        for measure, of in {"loss": losses, **self.judge.measured}.items():
            for name, values in of.items():
                found[f"{name}_{measure}"] = sum(values) / len(values)
                if len(values) > 1:
                    found |= {f"{name}_{measure}_low": min(values), f"{name}_{measure}_high": max(values)}
        return found

    # ---------------------------------------------------------------- the contract of a lab

    @property
    def shown(self) -> int:
        """The place of the seed that is drawn."""
        return min(self.config.shown, len(self.networks) - 1)

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        rates = {"vae": config.vae_rate, "gan": config.gan_rate, "flow": config.flow_rate,
                 "diffusion": config.diffusion_rate}  # fmt: skip
        for name, optimiser in self.optimisers.items():
            for group, wanted in zip(optimiser.param_groups, self.family(name).rates(rates[name]), strict=True):
                group["lr"] = wanted["lr"]
            if isinstance(family := self.family(name), VAE):
                family.beta = config.beta
        self.judge.take(shown=self.shown, steps=config.sampling_steps)

    def state_dict(self) -> dict[str, Any]:
        """Weights, their averages, the optimisers, and what was measured and drawn."""
        return copied({
            "step_count": self.step_count, "trained": self.trained.state_dict(), "model": self.model.state_dict(),
            "optimisers": {name: o.state_dict()["state"] for name, o in self.optimisers.items()},
            "judge": self.judge.state_dict(),
        })  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        state = copied(dict(state))
        self.step_count = state["step_count"]
        self.trained.load_state_dict(state["trained"])
        self.model.load_state_dict(state["model"])
        for name, optimiser in self.optimisers.items():
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state["optimisers"][name], "param_groups": groups})
        self.judge.load_state_dict(state["judge"])

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return self.judge.draw()
