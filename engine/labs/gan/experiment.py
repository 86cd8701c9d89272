"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.gan.config import START, WEAK, Config
from engine.labs.gan.digits import DigitEvaluator
from engine.labs.gan.frame import TRAIL, Frame, PlaneEvaluator, frame
from engine.measures.distances import modes_covered as modes_covered  # the page's measure, under the lab's name too
from engine.nets import optim, stacked
from engine.nets.gan_losses import LOSSES, gradient_penalty, normalise, push
from engine.nets.stacked import forward

EVERY = 8  # rounds between two measurements of a pair
BETA2 = 0.9  # of Adam, as Gulrajani et al.
PIECE = 1024  # points that a network is asked about at a time: more do not fit into a processor's cache


class Experiment:
    """One step is one round: `critic_steps` steps of the discriminator, then one of the generator.

    In slow motion one step is one stage of a round.  Pair i of the stack is the pair that a run with seed + i trains
    alone: its weights, its noise and its real points come from streams of its own.  Metrics are means over the pairs;
    with more than one, ``*_low`` and ``*_high`` are the smallest and the largest.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count, self.rounds = config, torch.device(device), 0, 0
        self.networks = range(config.seed, config.seed + config.seeds)
        self.streams = [generator(seed, "training", self.device) for seed in self.networks]
        G, D = config.sizes()
        build = {"initialisation": "he", "device": self.device}
        self.G = stacked.build(G, activation="relu", seeds=self.networks, **build)  # type: ignore[arg-type]
        detectives = [seed + 1_000_000 for seed in self.networks]  # or both would start from the same numbers
        self.D = stacked.build(D, activation="leaky_relu", seeds=detectives, **build)  # type: ignore[arg-type]
        if config.data == "digits":
            self.G[-1].activation = "tanh"  # pixels from -1 to 1
        self.trained = {"generator": [p for layer in self.G for p in layer.parameters()],
                        "discriminator": [p for layer in self.D for p in layer.parameters()]}  # fmt: skip
        if config.data == "dirac":  # the fake is the point theta, and D(x) = psi x
            for tensor in (self.G[0].weight, self.D[0].weight):
                tensor.zero_()
            self.G[0].bias.copy_(torch.tensor((START, 0.0)))
            self.trained = {"generator": [self.G[0].bias], "discriminator": [self.D[0].weight]}
        self.directions = [torch.ones_like(layer.bias) for layer in self.D]
        if config.spectral_norm and config.data != "dirac":
            normalise(self.D, self.directions, iterations=30)
        for parameter in itertools.chain(*self.trained.values()):
            parameter.requires_grad_()
        self.optimisers = {
            "generator": self._optimiser(config.generator_optimiser, "generator"),
            "discriminator": self._optimiser(config.discriminator_optimiser, "discriminator"),
        }
        self.stage, self.real, self.z = 0, torch.zeros(0), torch.zeros(0)  # the stage that comes next; its batch
        self.trail = torch.zeros(0, 2)  # (T, 2): theta and psi of the Dirac-GAN
        self.evaluator: PlaneEvaluator | DigitEvaluator = (
            DigitEvaluator(seed=config.seed, device=self.device) if config.data == "digits"
            else PlaneEvaluator(config.data, config.points, size=config.size, seed=config.seed, device=self.device)
        )  # fmt: skip
        streams = [generator(seed, "view", self.device) for seed in self.networks]
        self.fixed_z = self._noise(self.evaluator.measured, streams)
        self.update(config)
        self.measures = self._measure()

    def _optimiser(self, name: str, player: str) -> torch.optim.Optimizer:
        settings = {"fused": True} if name == "adam" and self.device.type == "cpu" else {}
        return optim.make(name, self.trained[player], 0.0, **settings)  # `update` sets the rate

    def _noise(self, count: int, streams: list[torch.Generator]) -> Tensor:
        """(S, count, noise_size)"""
        shape = (count, self.config.noise_size)
        if self.config.noise == "gaussian":
            return torch.stack([torch.randn(shape, generator=g, device=self.device) for g in streams])
        return torch.stack([2 * torch.rand(shape, generator=g, device=self.device) - 1 for g in streams])

    # ------------------------------------------------------------------ training

    def step(self) -> dict[str, float]:
        plan = self.config.plan()
        while True:
            getattr(self, f"_{plan[self.stage]}")()
            self.stage = (self.stage + 1) % len(plan)
            if self.stage == 0:
                self._end_of_round()
            if self.stage == 0 or self.config.slow_motion:
                break
        self.step_count += 1
        return self._metrics()

    def _real(self) -> None:
        self.real = torch.stack([self.evaluator.sample(self.config.batch_size, g) for g in self.streams])  # (S, B, d)

    def _forge(self) -> None:
        self.z = self._noise(self.config.batch_size, self.streams)

    _again = _forge

    def _discriminator(self) -> None:
        self._apply("discriminator", self._discriminator_gradients())

    def _generator(self) -> None:
        self._apply("generator", self._generator_gradients())

    def _together(self) -> None:
        """Both gradients before either step."""
        of_discriminator, of_generator = self._discriminator_gradients(), self._generator_gradients()
        self._apply("discriminator", of_discriminator)
        self._apply("generator", of_generator)

    def _discriminator_gradients(self) -> list[Tensor]:
        loss, config = LOSSES[self.config.loss], self.config
        with torch.no_grad():
            fake = forward(self.G, self.z)  # (S, B, d)
        d_real, d_fake = forward(self.D, torch.cat([self.real, fake], 1)).chunk(2, 1)  # (S, B, 1)
        value = (loss.real(d_real) + loss.fake(d_fake)).mean((1, 2)).sum()  # the pairs do not touch each other
        if config.loss == "wasserstein" and config.penalty > 0:
            share = torch.stack([torch.rand(config.batch_size, 1, generator=g, device=self.device)
                                 for g in self.streams])  # fmt: skip
            value = value + config.penalty * gradient_penalty(partial(forward, self.D), self.real, fake, share).sum()
        return self._gradients(value, "discriminator")

    def _generator_gradients(self) -> list[Tensor]:
        d_fake = forward(self.D, forward(self.G, self.z))
        return self._gradients(LOSSES[self.config.loss].generator(d_fake).mean((1, 2)).sum(), "generator")

    def _gradients(self, value: Tensor, player: str) -> list[Tensor]:
        # A penalty gives transposed gradients, and the fused Adam of torch 2.13 reads these in the wrong order.
        return [gradient.contiguous() for gradient in torch.autograd.grad(value, self.trained[player])]

    @torch.no_grad()
    def _apply(self, player: str, gradients: list[Tensor]) -> None:
        for parameter, gradient in zip(self.trained[player], gradients, strict=True):
            parameter.grad = gradient
        self.optimisers[player].step()
        if player == "discriminator" and self.config.spectral_norm and self.config.data != "dirac":
            normalise(self.D, self.directions)

    def _end_of_round(self) -> None:
        self.rounds += 1
        if self.config.data == "dirac":
            here = torch.stack([self.G[0].bias[0, 0, 0], self.D[0].weight[0, 0, 0]]).detach().cpu()
            self.trail = torch.cat([self.trail, here[None]])[-TRAIL:]
        for i in range(len(self.networks)):  # one pair after another, so that no round takes much longer
            if self.rounds % EVERY == i % EVERY:
                for name, (value,) in self._measure(slice(i, i + 1)).items():
                    self.measures[name][i] = value

    # ------------------------------------------------------------------ measuring

    def _measure(self, pairs: slice = slice(None)) -> dict[str, list[float]]:
        """Every measure, a number for each of these pairs, from fakes of noise that stays the same."""
        G, D = ([dataclasses.replace(layer, weight=layer.weight[pairs], bias=layer.bias[pairs]) for layer in layers]
                for layers in (self.G, self.D))  # fmt: skip
        loss = LOSSES[self.config.loss]
        with torch.no_grad():
            fake = forward(G, self.fixed_z[pairs])  # (S, M, d)
        pushed, d_fake = push(D, fake, loss)
        strength = pushed.norm(dim=-1)  # (S, M)
        with torch.no_grad():
            d_real = forward(D, self.evaluator.real.expand(len(fake), -1, -1))
            found = {
                "discriminator_loss": (loss.real(d_real).mean((1, 2)) + loss.fake(d_fake).mean((1, 2))).tolist(),
                "generator_loss": loss.generator(d_fake).mean((1, 2)).tolist(),
                "gradient": strength.mean(1).tolist(),
                "unpushed": (strength < WEAK).float().mean(1).tolist(),
            }
            return found | self.evaluator.measures(fake)

    def _metrics(self) -> dict[str, float]:
        metrics = {name: sum(values) / len(values) for name, values in self.measures.items()}
        if len(self.networks) > 1:
            metrics |= {f"{name}_low": min(values) for name, values in self.measures.items()}
            metrics |= {f"{name}_high": max(values) for name, values in self.measures.items()}
        if self.config.data == "dirac":
            theta, psi = self.G[0].bias[0, 0].detach(), self.D[0].weight[0, :, 0].detach()
            metrics["distance"] = float((theta.square().sum() + psi.square().sum()).sqrt())
        return metrics

    # ------------------------------------------------------------------ the contract

    @property
    def shown(self) -> int:
        """Which pair of the stack is shown."""
        return min(self.config.shown, len(self.networks) - 1)

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs.

        If the stages of a round change, the round begins anew.
        """
        self.config.require_live(config)
        if config.plan() != self.config.plan():
            self.stage = 0
        self.config = config
        rates = {"generator": config.generator_rate, "discriminator": config.discriminator_rate}
        for player, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = rates[player]
                if "betas" in group:
                    group["betas"] = (config.beta1, BETA2)
        self.model = nn.ModuleDict({
            "generator": stacked.network(self.G, self.shown, ())[1:],  # what comes first reads points of the plane
            "discriminator": stacked.network(self.D, self.shown, ())[1:] if self.config.data == "digits"
            else stacked.network(self.D, self.shown, ("x", "y")),
        })  # fmt: skip

    def _tensors(self) -> list[Tensor]:
        return [t.detach() for layer in (*self.G, *self.D) for t in layer.tensors()] + self.directions

    def state_dict(self) -> dict[str, Any]:
        """Weights, both optimisers, every stream of random numbers, and where in a round it stands."""
        return {
            "step_count": self.step_count, "rounds": self.rounds, "stage": self.stage,
            "plan": self.config.plan(), "tensors": [t.clone() for t in self._tensors()],
            "optimisers": {name: copied(o.state_dict()["state"]) for name, o in self.optimisers.items()},
            "streams": [g.get_state() for g in self.streams],
            "batch": [self.real.clone(), self.z.clone()], "trail": self.trail.clone(),
            "measures": copied(self.measures),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.rounds = state["step_count"], state["rounds"]
        self.stage = state["stage"] if state["plan"] == self.config.plan() else 0  # other stages: a new round
        for mine, saved in zip(self._tensors(), state["tensors"], strict=True):
            mine.copy_(saved)
        for name, optimiser in self.optimisers.items():
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": copied(state["optimisers"][name]), "param_groups": groups})
        for stream, saved in zip(self.streams, state["streams"], strict=True):
            stream.set_state(saved)
        self.real, self.z = (tensor.clone().to(self.device) for tensor in state["batch"])
        self.trail, self.measures = state["trail"].clone(), copied(state["measures"])

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        G, D = self.model["generator"], self.model["discriminator"]
        evaluator, shown, plan = self.evaluator, self.shown, self.config.plan()
        noise, points = evaluator.lines(self.config, self.fixed_z[shown])  # (L * T, noise_size), T
        with torch.no_grad():
            fakes = forward(self.G, self.fixed_z)
            lines = G(noise).reshape(-1, points, evaluator.features)
            asked = torch.cat([evaluator.grid, evaluator.real, fakes[shown]])
            logits = torch.cat([D(points) for points in torch.split(asked, PIECE)])[:, 0]
            batch_fake = G(self.z[shown]) if self.z.numel() else self.z
        pushed, _ = push(self.D, fakes[:, : evaluator.pushed], LOSSES[self.config.loss])
        return frame(
            self.config, evaluator, shown=shown, stage=(self.stage - 1) % len(plan) if self.step_count else -1,
            rounds=self.rounds, trail=self.trail, measures=self.measures, fakes=fakes, lines=lines, logits=logits,
            push=pushed[shown], batch_real=self.real[shown] if self.real.numel() else self.real, batch_fake=batch_fake,
        )  # fmt: skip
