"""Four families of models that learn a distribution on the plane, S networks of each side by side.

Each has an `update`, which is its whole objective, and a `sample`: how noise becomes points.  A family that can say how
likely a point is has a `log_density`.

References: Kingma and Welling, "Auto-encoding variational Bayes", 2014; Burda, Grosse, Salakhutdinov, "Importance
weighted autoencoders", 2016; Goodfellow et al., "Generative adversarial nets", 2014; Gulrajani et al., "Improved
training of Wasserstein GANs", 2017; Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", 2017; Ho, Jain,
Abbeel, "Denoising diffusion probabilistic models", 2020; Song, Meng, Ermon, "Denoising diffusion implicit models",
2021; Lipman et al., "Flow matching for generative modeling", 2023.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.labs.generative_families.config import WEIGHTED
from engine.measures.distances import RADIUS
from engine.nets import flow
from engine.nets.autoencoders import Autoencoders, Stack
from engine.nets.denoiser import CLOCK, WAVES, clock, waves
from engine.nets.gan_losses import LOSSES, gradient_penalty
from engine.nets.sampling import Schedule, Walk, add_noise, route, straight

LEVELS = 1000  # of noise, from data to pure noise
STRAY = math.exp(-(RADIUS**2) / 2)  # of a Gaussian heap lies so many σ out that it counts as a stray
FAR = 1.25  # hardly a real point lies further out, so what diffusion expects is clipped there
CRITIC = 3.0  # the discriminator's learning rate is so many times the generator's

Streams = Sequence[torch.Generator]  # one for each of the S networks


def gaussian(streams: Streams, *shape: int) -> Tensor:
    """Standard normal numbers (S, *shape), those of each network from a stream of its own."""
    return torch.stack([torch.randn(shape, generator=g, device=g.device) for g in streams])


def log_normal(x: Tensor) -> Tensor:
    """log N(x; 0, I) in nats, (...), for x (..., D)."""
    return -x.square().sum(-1) / 2 - x.shape[-1] / 2 * math.log(2 * math.pi)


class Family(nn.Module):
    """What all four have in common.

    `noise` are the numbers behind one sample, `passes` how often its network runs, and `batches` how many batches of
    real points an update sees.
    """

    noise: int = 2
    passes: int = 1
    batches: int = 1

    def update(self, x: Tensor, streams: Streams, optimiser: Optimizer) -> Tensor:
        """Learn once from real points x (S, `batches` * B, 2).  Returns the loss of each network, (S,)."""
        raise NotImplementedError

    def sample(self, noise: Tensor) -> Tensor:
        """Noise (S, N, `noise`) to points (S, N, 2)."""
        raise NotImplementedError

    def rates(self, rate: float) -> list[dict[str, object]]:
        """torch's parameter groups, with the learning rate of each."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": rate}]

    def work(self, batch: int) -> tuple[float, float]:
        """Multiplications with a weight, of one network: in an update, about, and for one sample.

        In an update three for each weight and point: forward, and back to the weight and to what came in.
        """
        raise NotImplementedError


class VAE(Family):
    """An encoder puts every point into a cloud of codes, a decoder turns a code into a point with some blur around it.

    Made large is the evidence lower bound: E log p(x|z) - beta KL(q(z|x) || N(0, I)), at beta = 1 a bound of log p(x).
    """

    noise: int = 4  # two numbers of the code, two of the blur

    def __init__(self, *, width: int, seeds: Sequence[int], blur: float, learned: bool, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta
        self.model = Autoencoders(
            2, 2, hidden=(width, width), likelihood="gaussian", cloudy=True, seeds=seeds, mean=torch.zeros(2),
            variance=blur**2,
        )  # fmt: skip
        self.model.scale = 1.0
        self.model.log_variance.requires_grad_(learned)

    def update(self, x: Tensor, streams: Streams, optimiser: Optimizer) -> Tensor:
        mu, log_var = self.model.encode_all(x)
        z = mu + gaussian(streams, x.shape[1], 2) * (log_var / 2).exp()
        loss = (self.model.nll_all(x, z) + self.beta * self.kl(mu, log_var)).mean(-1)
        return _descend(loss, optimiser, self.parameters())

    @staticmethod
    def kl(mu: Tensor, log_var: Tensor) -> Tensor:
        """KL(N(mu, exp(log_var)) || N(0, I)) in nats, (S, N): what a code tells about its point."""
        return (mu.square() + log_var.exp() - log_var - 1).sum(-1) / 2

    def sample(self, noise: Tensor) -> Tensor:
        z, blur = noise.chunk(2, dim=-1)
        x: Tensor = self.decode(z) + self.blur * blur
        return x

    def decode(self, z: Tensor) -> Tensor:
        """Codes (S, N, 2) to the middles of p(x|z), (S, N, 2)."""
        middle: Tensor = self.model.decoder(z)
        return middle

    @property
    def blur(self) -> Tensor:
        """The standard deviation of p(x|z), (S, 1, 1)."""
        return self.model.deviation

    def log_density(self, x: Tensor, streams: Streams) -> Tensor:
        """A lower bound of log p(x) in nats, (S, N): log of the mean of p(x|z) p(z) / q(z|x) over `WEIGHTED` codes.

        Burda et al., equation 8.  Above the evidence lower bound, and it grows with the number of codes.
        """
        S, N, _ = x.shape
        mu, log_var = (part[:, :, None] for part in self.model.encode_all(x))  # (S, N, 1, 2)
        noise = gaussian(streams, N, WEIGHTED, 2)
        z = mu + noise * (log_var / 2).exp()
        many = x[:, :, None].expand_as(z).reshape(S, -1, 2)
        log_likelihood = -self.model.nll_all(many, z.reshape(S, -1, 2)).view(S, N, WEIGHTED)
        log_q = log_normal(noise) - log_var.sum(-1) / 2
        return (log_likelihood + log_normal(z) - log_q).logsumexp(-1) - math.log(WEIGHTED)

    def work(self, batch: int) -> tuple[float, float]:
        encoder, decoder = _weights(self.model.encoder), _weights(self.model.decoder)
        return batch * (3 * (encoder + decoder) - _first(self.model.encoder)), decoder


class GAN(Family):
    """A generator wants its fakes taken for real, a discriminator wants to tell: a game, and nothing is measured.

    With "wasserstein" the discriminator is a critic with a slope near one, with "non_saturating" it answers with a
    probability.  Neither knows how likely a point is.
    """

    def __init__(self, *, width: int, seeds: Sequence[int], loss: str, critic_steps: int) -> None:
        super().__init__()
        self.loss, self.batches = loss, critic_steps
        self.penalty, self.betas = (0.1, (0.0, 0.9)) if loss == "wasserstein" else (0.0, (0.5, 0.9))
        self.G = Stack((2, width, width, 2), seeds, "generator", F.relu)
        self.D = Stack((2, width, width, 1), seeds, "discriminator", F.leaky_relu)

    def update(self, x: Tensor, streams: Streams, optimiser: Optimizer) -> Tensor:
        told = LOSSES[self.loss]
        for real in x.chunk(self.batches, 1):
            with torch.no_grad():
                fake = self.G(gaussian(streams, real.shape[1], 2))
            d_real, d_fake = self.D(torch.cat([real, fake], 1)).chunk(2, 1)  # (S, B, 1)
            loss = (told.real(d_real) + told.fake(d_fake)).mean((1, 2))
            if self.penalty:
                loss = loss + self.penalty * self.slope(real, fake, streams)
            _descend(loss, optimiser, self.D.parameters())
        d_fake = self.D(self.G(gaussian(streams, real.shape[1], 2)))
        return _descend(told.generator(d_fake).mean((1, 2)), optimiser, self.G.parameters())

    def slope(self, real: Tensor, fake: Tensor, streams: Streams) -> Tensor:
        """Mean of (|dD/dx| - 1)^2 between real and fake points, (S,).  Gulrajani et al., equation 3."""
        share = torch.stack([torch.rand(real.shape[1], 1, generator=g, device=g.device) for g in streams])
        return gradient_penalty(self.D, real, fake, share)

    def sample(self, noise: Tensor) -> Tensor:
        fake: Tensor = self.G(noise)
        return fake

    def rates(self, rate: float) -> list[dict[str, object]]:
        return [{"params": [*self.G.parameters()], "lr": rate, "betas": self.betas},
                {"params": [*self.D.parameters()], "lr": CRITIC * rate, "betas": self.betas}]  # fmt: skip

    def work(self, batch: int) -> tuple[float, float]:
        G, D = _weights(self.G), _weights(self.D)
        critic = 6 * D - 2 * _first(self.D) + (6 * D if self.penalty else 0) + G
        return batch * (self.batches * critic + 3 * G + 2 * D), G


class Flow(Family):
    """A stack of steps that can each be undone, so the density of every point is known; its logarithm is made large."""

    def __init__(self, *, width: int, seeds: Sequence[int], layers: int) -> None:
        super().__init__()
        self.model = flow.Flow(layers=layers, width=width, seeds=seeds)

    def update(self, x: Tensor, streams: Streams, optimiser: Optimizer) -> Tensor:
        return _descend(-self.log_density(x).mean(-1), optimiser, self.parameters())

    def sample(self, noise: Tensor) -> Tensor:
        x: Tensor = self.model(noise)[0]
        return x

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (S, N), exactly."""
        return self.model.log_density(x)

    def work(self, batch: int) -> tuple[float, float]:
        each = _weights(self.model)
        return 3 * batch * each, each


class Diffusion(Family):
    """A network learns what noise did to a point, in squared error; a sampler takes it away step by step.

    With the objective "noise" it says which noise was added, with "flow" in which direction the noise lies, seen from
    the data, on the straight line between the two (flow matching).
    """

    def __init__(self, *, width: int, seeds: Sequence[int], steps: int, objective: str = "noise") -> None:
        super().__init__()
        self.network = Stack((2 + 4 * WAVES + 2 * CLOCK, width, width, width, 2), seeds, "denoiser")
        self.schedule, self.passes, self.objective = Schedule("cosine", LEVELS), steps, objective

    def update(self, x: Tensor, streams: Streams, optimiser: Optimizer) -> Tensor:
        if self.objective == "flow":
            time = torch.stack([torch.rand(x.shape[1], generator=g, device=g.device) for g in streams])
            noise = gaussian(streams, x.shape[1], 2)
            noisy, wanted = torch.lerp(x, noise, time[..., None]), noise - x
        else:
            levels = [torch.randint(LEVELS, x.shape[1:2], generator=g, device=g.device) for g in streams]
            t, noise = torch.cat(levels), gaussian(streams, x.shape[1], 2)
            noisy = add_noise(x.flatten(0, 1), t, noise.flatten(0, 1), self.schedule).view_as(x)
            time, wanted = ((t + 1) / LEVELS).view(x.shape[:2]), noise
        return _descend((self.predict(noisy, time) - wanted).square().mean((1, 2)), optimiser, self.parameters())

    def predict(self, x: Tensor, time: Tensor) -> Tensor:
        """The noise in points x (S, N, 2) at times (S, N) from 0 to 1; with flow matching, its direction."""
        place = waves(x.flatten(0, 1)).view(*x.shape[:2], -1)
        told = clock(time.flatten()).view(*time.shape, -1).expand(*x.shape[:2], -1)
        answer: Tensor = self.network(torch.cat([place, told], -1))
        return answer

    def expect(self, x: Tensor, time: float, alpha: float, sigma: float) -> Tensor:
        """The x_0 to be expected on seeing x; what a sampler of `engine.nets.sampling` asks for."""
        if self.objective == "flow":
            return x - sigma * self.predict(x, torch.full((1, 1), time, device=x.device))
        clock_time = torch.full((1, 1), (time + 1) / LEVELS, device=x.device)
        return (x - sigma * self.predict(x, clock_time)) / alpha

    def begin(self, noise: Tensor) -> Walk:
        """DDIM, with flow matching Euler's method, from noise (S, N, 2) to samples, to be taken step by step."""
        way = straight(self.passes) if self.objective == "flow" else route(self.schedule, self.passes)
        return Walk(noise, way, method="ddim", clip=FAR)

    def sample(self, noise: Tensor) -> Tensor:
        walk, unused = self.begin(noise), torch.Generator()
        while not walk.done:
            walk.advance(self.expect, unused)
        return walk.x

    def work(self, batch: int) -> tuple[float, float]:
        each = _weights(self.network)
        return batch * (3 * each - _first(self.network)), self.passes * each


def _descend(losses: Tensor, optimiser: Optimizer, parameters: Iterable[nn.Parameter]) -> Tensor:
    """Step down the sum of the losses (S,), which do not touch each other; what has no gradient stands still."""
    chosen = [p for p in parameters if p.requires_grad]
    for parameter, gradient in zip(chosen, torch.autograd.grad(losses.sum(), chosen), strict=True):
        parameter.grad = gradient.contiguous()  # torch's fused Adam (2.13, CPU) reads others in the wrong order
    optimiser.step()
    optimiser.zero_grad()
    return losses.detach()


def _weights(module: nn.Module) -> float:
    """Numbers in the matrices of one network: multiplications for one point."""
    stacks = [found for found in module.modules() if isinstance(found, Stack)]
    return float(sum(matrix[0].numel() for stack in stacks for matrix in stack.weights))


def _first(stack: Stack) -> float:
    """Those of the first matrix: no gradient goes back to the data."""
    return float(stack.weights[0][0].numel())
