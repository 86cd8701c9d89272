"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.vae import rows
from engine.labs.vae.config import BATCH, DEAD, Config
from engine.labs.vae.frame import Frame, frame, holes, neighbours
from engine.measures import distances
from engine.nets.autoencoders import Autoencoders

__all__ = ["Config", "Experiment", "Frame", "kl", "mmd"]

STEEPEST = 100.0  # a longer gradient is shortened to this; few are longer in ordinary training
JUDGE = 20  # steps from one look at test rows to the next
TRIED = 256  # test rows, and samples, of one such look
MMD_WEIGHT = 200.0  # nats for each unit of MMD, times beta
KERNELS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # widths, in units of the prior's own
NODES = 24  # of the quadrature along each latent dimension
DRAWS = 256  # where there are too many dimensions for quadrature


def kl(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, exp(log_var)) || N(0, 1)) of each dimension, in nats.  Kingma and Welling 2014, appendix B."""
    return 0.5 * (mu.square() + log_var.exp() - log_var - 1)


def mmd(a: Tensor, b: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of rows a (..., N, D) and b (..., M, D): E k(a,a') + E k(b,b') - 2 E k(a,b).

    The kernel is a sum of inverse multiquadrics c / (c + |u - v|^2) with c in `KERNELS` times 2 D, divided by their
    number.  The estimate has no bias, so it may be negative.  Tolstikhin et al. 2018, algorithm 2.
    """

    def k(u: Tensor, v: Tensor) -> Tensor:  # (..., N, M)
        gap = (u.unsqueeze(-2) - v.unsqueeze(-3)).square().sum(-1)
        widths = [2 * u.shape[-1] * share for share in KERNELS]
        return torch.stack([c / (c + gap) for c in widths]).mean(0)

    def others(x: Tensor) -> Tensor:  # the kernel of a row with itself is 1
        n = x.shape[-2]
        return (k(x, x).sum((-1, -2)) - n) / (n * (n - 1))

    return others(a) + others(b) - 2 * k(a, b).mean((-1, -2))


class Experiment:
    """One step is one update of every network, each with rows and noise of its own.

    Network i of the stack is what a run with seed + i trains alone.  `model` holds them all and speaks for the one that
    is shown.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.networks = range(config.seed, config.seed + config.seeds)
        self.observed = rows.load(config.data)
        self.x = torch.from_numpy(self.observed.train_x).to(self.device)  # (N, F)
        self.x_test = torch.from_numpy(self.observed.test_x).to(self.device)
        self.model = Autoencoders(
            self.observed.features, config.latent, hidden=config.widths, likelihood=config.says,
            cloudy=config.divergence == "kl", seeds=self.networks, mean=self.x[:5000].mean(0).cpu(),
            variance=float(self.x[:5000].var(0).mean()),
        ).to(self.device)  # fmt: skip
        fused = self.device.type == "cpu"
        self.optimiser = torch.optim.Adam(self.model.parameters(), config.learning_rate, fused=fused)
        self.test_metrics: dict[str, float] = {}
        self.by_seed = torch.zeros(2, config.seeds)  # -log p(x|z) and KL on test rows
        self.update(config)

    def step(self) -> dict[str, float]:
        streams = [generator(seed, f"step/{self.step_count}") for seed in self.networks]
        rows = torch.stack([torch.randint(len(self.x), (BATCH,), generator=g) for g in streams])
        noise = self._noise(streams, BATCH)
        x = self.x[rows.to(self.device)]  # (S, B, F)
        mu, log_var = self.model.encode_all(x)
        z = mu + noise * (log_var / 2).exp() if self.model.cloudy else mu
        nll = self.model.nll_all(x, z).mean(-1)  # (S,)
        price, divergence = self.price, self._divergence(mu, log_var, streams)
        loss = nll + price * divergence if price else nll
        self.optimiser.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        self._shorten_gradients()
        self.optimiser.step()
        if self.step_count % JUDGE == 0:
            self._evaluate()
        self.step_count += 1
        told = torch.stack([part.detach().mean() for part in (loss, nll, divergence)]).tolist()  # waits for the GPU
        return dict(zip(("loss", "reconstruction", self.divergence), told, strict=True)) | self.test_metrics

    @torch.no_grad()
    def _shorten_gradients(self) -> None:
        """Bring the gradient of each network to a length of at most `STEEPEST`.

        Without a price codes may fly apart.  When the price comes back, their gradients are huge, and Adam, which
        divides by the size of the last thousand, would hardly move any more once they have become ordinary.
        """
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]  # (S, n, m) each
        length = torch.stack([g.square().sum((1, 2)) for g in gradients]).sum(0).sqrt()  # (S,)
        share = (STEEPEST / length).clamp(max=1).view(-1, 1, 1)
        for gradient in gradients:
            gradient *= share

    @property
    def divergence(self) -> str:
        """How far the codes are from the prior is told as this."""
        return "kl" if self.model.cloudy else "mmd"

    @property
    def price(self) -> float:
        """What one unit of divergence costs in this step, in nats."""
        config = self.config
        grown = min(1.0, (self.step_count + 1) / config.warm_up) if config.warm_up else 1.0
        unit = {"kl": 1.0, "mmd": MMD_WEIGHT, "none": 0.0}[config.divergence]
        return config.beta * grown * unit

    def _noise(self, streams: list[torch.Generator], count: int) -> Tensor:
        """Standard normal codes (S, count, D)."""
        drawn = [torch.randn(count, self.config.latent, generator=g) for g in streams]
        return torch.stack(drawn).to(self.device)

    def _divergence(self, mu: Tensor, log_var: Tensor, streams: list[torch.Generator]) -> Tensor:
        """Of the codes from the prior N(0, 1), (S,)."""
        if self.model.cloudy:
            return kl(mu, log_var).sum(-1).mean(-1)
        if self.config.divergence == "mmd":
            return mmd(mu, self._noise(streams, BATCH))
        with torch.no_grad():
            return mmd(mu, self._noise(streams, BATCH))

    @torch.no_grad()
    def _evaluate(self) -> None:
        """Look at test rows, all networks; and at codes and samples of the one that is shown."""
        g = generator(self.config.seed, f"judge/{self.step_count}")
        x = self.x_test[:TRIED].expand(len(self.networks), -1, -1)
        mu, log_var = self.model.encode_all(x)
        noise = torch.randn(mu.shape, generator=g).to(self.device)
        nll = self.model.nll_all(x, mu + noise * (log_var / 2).exp()).mean(-1)
        divergence = kl(mu, log_var).sum(-1).mean(-1)
        self.by_seed = torch.stack([nll, divergence]).cpu()  # waits for the GPU
        prior = torch.randn(TRIED, self.config.latent, generator=g).to(self.device)
        samples, shown = self.model.decode(prior), self.model.shown
        self.test_metrics = {"test_reconstruction": float(self.by_seed[0].mean())}
        if self.model.cloudy:
            self.test_metrics["test_kl"] = float(self.by_seed[1].mean())
            self.test_metrics["test_elbo"] = -float(self.by_seed.sum(0).mean())
            self.test_metrics["dead"] = float((kl(mu, log_var).mean(1) < DEAD).float().sum(-1).mean())
            self.test_metrics["holes"] = holes(prior, mu[shown], log_var[shown])
        self.test_metrics["neighbours"] = neighbours(mu[shown], self.observed.test_y[:TRIED])
        self.test_metrics["sample_distance"] = distances.energy_distance(samples, x[0])

    def elbo(self, x: Tensor) -> Tensor:
        """The evidence lower bound E_q log p(x|z) - KL(q(z|x) || p(z)), (N,), in nats, of rows x (N, F).

        Of the shown network, with beta = 1 whatever it is trained with.  The expectation is exact for a linear decoder
        with a Gaussian, by Gauss-Hermite quadrature for up to two latent dimensions, else the mean of `DRAWS` draws.
        """
        model, D = self.model, self.config.latent
        with torch.no_grad():
            x = x.flatten(1)
            mu, log_var = model.encode(x)
            s = (log_var / 2).exp()
            if self.config.hidden == 0 and self.config.says == "gaussian":
                W = model.decoder.weights[-1][model.shown]  # (D, F)
                spread = s.square() @ W.square().sum(1)  # E |W^T (z - mu)|^2
                nll = model.nll(x, mu) + 0.5 * spread / model.variance
            elif D <= 2:
                at, weight = np.polynomial.hermite_e.hermegauss(NODES)
                nodes = torch.cartesian_prod(*[torch.from_numpy(at)] * D).view(-1, D).to(x)  # (K, D)
                weights = torch.cartesian_prod(*[torch.from_numpy(weight / weight.sum())] * D).view(-1, D).prod(1)
                nll = torch.stack([w * model.nll(x, mu + s * e) for e, w in zip(nodes, weights.to(x), strict=True)])
                nll = nll.sum(0)
            else:
                g = generator(self.config.seed, "elbo")
                noise = torch.randn(DRAWS, D, generator=g).to(x)
                nll = torch.stack([model.nll(x, mu + s * e) for e in noise]).mean(0)
            bound: Tensor = -nll - kl(mu, log_var).sum(-1)
            return bound

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        self.model.shown = min(config.shown, len(self.networks) - 1)
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return frame(
            self.config, self.model, self.observed, x_test=self.x_test, step=self.step_count, by_seed=self.by_seed,
            price=self.price,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimiser's averages, the number of the step, and what was last seen of the test rows."""
        return {
            "step_count": self.step_count, "test_metrics": dict(self.test_metrics), "by_seed": self.by_seed.clone(),
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "optimiser": copied(self.optimiser.state_dict()["state"]),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.test_metrics = state["step_count"], dict(state["test_metrics"])
        self.by_seed = state["by_seed"].clone()
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})
