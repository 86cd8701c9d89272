"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.data import point_clouds
from engine.labs.generative_families.config import NAMES, Config
from engine.labs.generative_families.families import GAN, VAE, Diffusion, Family, Flow
from engine.labs.generative_families.frame import Evaluator, Frame

__all__ = ["Config", "Experiment", "Frame"]

AVERAGE = 0.99  # of the weights that are drawn with, over the updates; for all four


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
        self.evaluator = Evaluator(
            config.data, config.points, self.model, seeds=self.networks, batch_size=config.batch_size
        )
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
            self.evaluator.evaluate(self.step_count)
        return self._metrics({name: losses.tolist() for name, losses in told.items()})  # waits for the GPU

    def _real(self, batch: int) -> Tensor:
        """Real points (S, B, 2), each seed's own; the first batch is what every family sees."""
        config, name = self.config, f"batch/{self.step_count}/{batch}"
        chances = [generator(seed, name, self.device) for seed in self.networks]
        return torch.stack([point_clouds.sample(config.data, config.batch_size, g, config.points) for g in chances])

    def _metrics(self, losses: dict[str, list[float]]) -> dict[str, float]:
        found = {}
        for measure, of in {"loss": losses, **self.evaluator.measured}.items():
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
        self.evaluator.take(shown=self.shown, steps=config.sampling_steps)

    def state_dict(self) -> dict[str, Any]:
        """Weights, their averages, the optimisers, and what was measured and drawn."""
        return copied({
            "step_count": self.step_count, "trained": self.trained.state_dict(), "model": self.model.state_dict(),
            "optimisers": {name: o.state_dict()["state"] for name, o in self.optimisers.items()},
            "evaluator": self.evaluator.state_dict(),
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
        self.evaluator.load_state_dict(state["evaluator"])

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return self.evaluator.frame()
