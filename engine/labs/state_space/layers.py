"""The layers that are compared: each makes a sequence (B, T, d) of a sequence (B, T, d), and adds it to what it read.

References: Gu, Dao, "Mamba", 2023 (S6); Dao, Gu, "Transformers are SSMs", 2024 (one pole for each head); Gu et al.,
S4D, 2022; Cho et al., 2014 (GRU); Vaswani et al., 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.labs.state_space import scan
from engine.labs.state_space.config import CLASSES, CONVOLUTION, Config
from engine.labs.state_space.systems import as_matrix, convolve, kernel, poles, scalars
from engine.labs.state_space.vocabulary import ASK, ENDS, NOISE, signs


@dataclass(frozen=True)
class Looked:
    """What a layer did with a sequence: T places, H heads, N numbers of state for each channel.  None: it has none."""

    dt: Tensor | None = None  # (B, T, H): step sizes
    mixed: Tensor | None = None  # (B, H, T, T): from which place how much reached which
    state: Tensor | None = None  # (B, H, T, N): what the first channel of each head carries
    into: Tensor | None = None  # (B, T, N): B of each place
    out: Tensor | None = None  # (B, T, N): C of each place
    read: Tensor | None = None  # (B, T, H): the first channel of each head, as it is written
    kept: Tensor | None = None  # (B, T, H): A-bar
    factor: Tensor | None = None  # (B, T, H): B-bar over B
    pole: Tensor | None = None  # (H,): A, of S6 the first of each channel
    kernels: Tensor | None = None  # (H, T): of a time-invariant layer
    poles: Tensor | None = None  # (H, N): its poles
    parts: Tensor | None = None  # (H, N): how much of each pole's wave is in its kernel, C


class Layer(nn.Module):
    """x + out(mix(norm(x))); subclasses say how places are mixed."""

    def __init__(self, config: Config, kind: str) -> None:
        super().__init__()
        self.config, self.kind = config, kind
        self.norm = nn.RMSNorm(config.width)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def initialise(self, dice: torch.Generator) -> None:
        """Draw the weights: matrices uniform as torch does, the rest by the subclass."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                module.weight.data.uniform_(-bound, bound, generator=dice)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(self.mix(self.norm(x))[0])  # type: ignore[no-any-return]

    def mix(self, x: Tensor, look: bool = False) -> tuple[Tensor, Looked]:
        raise NotImplementedError


def step_sizes(config: Config, count: int, dice: torch.Generator) -> Tensor:
    """First step sizes (count,): as many in each octave between the two knobs."""
    low, high = math.log(config.dt_low), math.log(config.dt_high)
    return (low + (high - low) * torch.rand(count, generator=dice)).exp()


class Selective(Layer):
    """Step size, B and C are computed from the input: each head has one pole (Mamba-2), or each channel N (S6)."""

    def __init__(self, config: Config, kind: str) -> None:
        super().__init__(config, kind)
        d, N = config.width, config.state
        self.heads = d if kind == "s6" else config.heads
        self.sizes = [d + 2 * N, self.heads, d if config.gate else 0]
        self.project = nn.Linear(d, sum(self.sizes), bias=False)
        self.taps = nn.Parameter(torch.zeros(d + 2 * N, CONVOLUTION)) if config.convolution else None
        self.dt_bias = nn.Parameter(torch.zeros(self.heads))
        self.log_pole = nn.Parameter(torch.zeros(self.heads, N if kind == "s6" else 1))
        self.skip = nn.Parameter(torch.ones(self.heads))

    def initialise(self, dice: torch.Generator) -> None:
        super().initialise(dice)
        dt = step_sizes(self.config, self.heads, dice)
        self.dt_bias.data = dt + torch.log(-torch.expm1(-dt))  # softplus of it is dt
        H, N = self.log_pole.shape  # poles -1, -2, ...: for each number of a channel's state, or for each head
        several = torch.arange(1, N + 1).log().expand(H, N).clone()
        self.log_pole.data = several if self.kind == "s6" else torch.arange(1, H + 1).log()[:, None]
        if self.taps is not None:
            bound = CONVOLUTION**-0.5
            self.taps.data.uniform_(-bound, bound, generator=dice)

    def selected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Of x (B, T, d): what is written (B, T, d), step sizes (B, T, H), B and C (B, T, N), and the gate's input."""
        N = self.config.state
        u, dt, gate = torch.split(self.project(x), self.sizes, dim=-1)
        if self.taps is not None:  # each channel sums its last four places
            padded = F.pad(u.mT, (CONVOLUTION - 1, 0))
            u = F.conv1d(padded, self.taps[:, None], groups=len(self.taps)).mT
        u, B, C = torch.split(F.silu(u), [x.shape[-1], N, N], dim=-1)
        return u, F.softplus(dt + self.dt_bias), B, C, gate

    def mix(self, x: Tensor, look: bool = False) -> tuple[Tensor, Looked]:
        config = self.config
        u, dt, B, C, gate = self.selected(x)
        v = u.reshape(*u.shape[:2], self.heads, -1)  # (B, T, H, P)
        looked = Looked()
        if config.computed == "matrix" and self.kind == "scalar":
            M = as_matrix(dt, -self.log_pole[:, 0].exp(), B, C, config.method)  # (B, H, T, T)
            y = torch.einsum("bhts,bshp->bthp", M, v)
        else:
            y = self._carried(v, dt, B, C)
        if look:
            looked = self._look(v, dt, B, C)
        y = (y + self.skip[:, None] * v).flatten(2)
        if config.gate:
            y = y * F.silu(gate)
        return F.rms_norm(y, (config.width,)), looked

    def states(self, v: Tensor, dt: Tensor, B: Tensor) -> Tensor:
        """h_t = A-bar_t h_{t-1} + B-bar_t v_t for all channels, v (B, T, H, P) to h (B, T, H, P, N)."""
        kept, factor = scalars(-self.log_pole.exp(), dt[..., None], self.config.method)  # (B, T, H, N) or (B, T, H, 1)
        driven = v[..., None] * (factor * B[:, :, None])[:, :, :, None]  # (B, T, H, P, N)
        kept = kept[:, :, :, None].expand(driven.shape)
        run = scan.parallel if self.config.computed == "scan" else scan.recurrence
        return run(kept.flatten(2), driven.flatten(2)).view(driven.shape)

    def _carried(self, v: Tensor, dt: Tensor, B: Tensor, C: Tensor) -> Tensor:
        return torch.einsum("bthpn,btn->bthp", self.states(v, dt, B), C)

    def _look(self, v: Tensor, dt: Tensor, B: Tensor, C: Tensor) -> Looked:
        A = -self.log_pole.exp()
        kept, factor = scalars(A, dt[..., None], self.config.method)
        h = self.states(v[..., :1], dt, B)[:, :, :, 0]  # (B, T, H, N)
        if self.kind == "s6":  # every channel is a head of its own: look at as many as there are heads elsewhere
            some = torch.arange(self.config.heads, device=v.device) * (self.heads // self.config.heads)
            A, v, dt, h, kept, factor = (
                A[some],
                v[:, :, some],
                dt[..., some],
                h[:, :, some],
                kept[:, :, some],
                factor[:, :, some],
            )
        if self.kind == "scalar":
            mixed = as_matrix(dt, A[:, 0], B, C, self.config.method)
        else:  # a pole for each number of each channel: the matrices of the N numbers are added up
            mixed = torch.stack([as_matrix(dt, A[:, n], B[..., n : n + 1], C[..., n : n + 1], self.config.method)
                                 for n in range(A.shape[1])]).sum(0)  # fmt: skip
        return Looked(dt, mixed, h.transpose(1, 2), B, C, v[..., 0], kept[..., 0], factor[..., 0], A[:, 0])


class TimeInvariant(Layer):
    """S4D: N complex poles for each channel, the same whatever is read, so a convolution; then GELU and a matrix."""

    def __init__(self, config: Config, kind: str) -> None:
        super().__init__(config, kind)
        d, N = config.width, config.poles
        self.log_dt = nn.Parameter(torch.zeros(d))
        self.log_real, self.imaginary = nn.Parameter(torch.zeros(d, N)), nn.Parameter(torch.zeros(d, N))
        self.C = nn.Parameter(torch.zeros(d, N, 2))
        self.skip = nn.Parameter(torch.ones(d))

    def initialise(self, dice: torch.Generator) -> None:
        super().initialise(dice)
        d, N = self.imaginary.shape
        self.log_dt.data = step_sizes(self.config, d, dice).log()
        first = torch.stack([poles(self.config.pole_kind, N, dice) for _ in range(d)])
        self.log_real.data, self.imaginary.data = (-first.real).log(), first.imag.clone()
        self.C.data = torch.randn(d, N, 2, generator=dice) * 0.5**0.5

    def poles(self) -> Tensor:
        """A, (d, N) complex, with real parts below 0."""
        return torch.complex(-self.log_real.exp(), self.imaginary)

    def kernel(self, length: int) -> Tensor:
        """K (d, length); conjugate poles are counted by taking the real part twice."""
        A = self.poles()
        K = kernel(A, torch.ones_like(A), torch.view_as_complex(self.C), self.log_dt.exp()[:, None], length,
                   "zoh" if self.config.method == "mixed" else self.config.method)  # fmt: skip
        return 2 * K

    def mix(self, x: Tensor, look: bool = False) -> tuple[Tensor, Looked]:
        K = self.kernel(x.shape[1])
        y = self._carried(x) if self.config.computed != "matrix" else convolve(x.mT, K).mT
        return F.gelu(y + self.skip * x), self._look(K) if look else Looked()

    def _look(self, K: Tensor) -> Looked:
        """Of as many channels as there are heads: the step that stays, and K_{t - s} as a matrix."""
        chosen = torch.arange(self.config.heads, device=K.device) * (len(K) // self.config.heads)
        dt = self.log_dt.exp()[chosen].expand(1, K.shape[1], -1)
        parts = torch.view_as_complex(self.C)[chosen]
        return Looked(
            dt=dt, mixed=_toeplitz(K[chosen])[None], kernels=K[chosen], poles=self.poles()[chosen], parts=parts
        )

    def _carried(self, x: Tensor) -> Tensor:
        A = self.poles()
        method = "zoh" if self.config.method == "mixed" else self.config.method
        kept, factor = scalars(A, self.log_dt.exp()[:, None].to(A.dtype), method)  # (d, N)
        driven = x[..., None] * factor
        run = scan.parallel if self.config.computed == "scan" else scan.recurrence
        h = run(kept.expand(driven.shape).flatten(2), driven.flatten(2)).view(driven.shape)
        return 2 * (h * torch.view_as_complex(self.C)).sum(-1).real


def _toeplitz(K: Tensor) -> Tensor:
    """M_ts = K_{t - s}, (d, T, T) of K (d, T)."""
    T = K.shape[-1]
    lag = torch.arange(T)[:, None] - torch.arange(T)
    return torch.where(lag.to(K.device) >= 0, K[:, lag.clamp_min(0)], 0.0)


class Gru(Layer):
    """torch's GRU: it chooses as well, but each step waits for the one before."""

    def __init__(self, config: Config, kind: str) -> None:
        super().__init__(config, kind)
        self.cell = nn.GRU(config.width, config.width, batch_first=True)

    def initialise(self, dice: torch.Generator) -> None:
        super().initialise(dice)
        bound = self.config.width**-0.5
        for parameter in self.cell.parameters():
            parameter.data.uniform_(-bound, bound, generator=dice)

    def mix(self, x: Tensor, look: bool = False) -> tuple[Tensor, Looked]:
        h = self.cell(x)[0]
        return h, self._look(x, h) if look else Looked()

    def _look(self, x: Tensor, h: Tensor) -> Looked:
        """h_t = z h_{t-1} + (1 - z) n: the share written, 1 - z, stands where a state space has its step.

        With 1 - z = sigmoid(s) and the step softplus(s), z is exp(-step): Mamba, theorem 1.
        """
        d, cell = self.config.width, self.cell
        before = F.pad(h[:, :-1], (0, 0, 1, 0))
        part = slice(d, 2 * d)  # torch's order: r, z, n
        into, back, first, second = (parameter[part] for parameter in cell.parameters())
        z = torch.sigmoid(x @ into.mT + first + before @ back.mT + second)
        z = z[..., :: d // self.config.heads][..., : self.config.heads]  # one unit for each head
        past = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        total = z.mT.clamp_min(1e-30).log().cumsum(-1)
        left = (total[..., :, None] - total[..., None, :]).masked_fill(~past, -math.inf).exp()
        return Looked(dt=1 - z, mixed=left * (1 - z).mT[..., None, :])


class Attention(Layer):
    """Causal softmax attention with rotary positions, for comparison: it keeps all it has read."""

    def __init__(self, config: Config, kind: str) -> None:
        super().__init__(config, kind)
        self.project = nn.Linear(config.width, 3 * config.width, bias=False)

    def mix(self, x: Tensor, look: bool = False) -> tuple[Tensor, Looked]:
        T = x.shape[1]
        q, k, v = self.project(x).unflatten(-1, (3, self.config.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, T, P)
        q, k = _turned(q), _turned(k)
        hidden = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1)
        weights = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf).softmax(-1)
        return (weights @ v).transpose(1, 2).flatten(2), Looked(mixed=weights) if look else Looked()


def _turned(x: Tensor) -> Tensor:
    """Rotary positions on x (..., T, P).  Su et al., 2021."""
    half = x.shape[-1] // 2
    speed = 100.0 ** (-torch.arange(half, device=x.device) / half)
    angle = torch.arange(x.shape[-2], device=x.device)[:, None] * speed
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos(), rest], dim=-1)


KINDS: dict[str, type[Layer]] = {
    "scalar": Selective, "s6": Selective, "s4d": TimeInvariant, "gru": Gru, "attention": Attention,
}  # fmt: skip


class Network(nn.Module):
    """Tokens (B, T), or pixels (B, T, 1), to logits (B, T, V), by `config.layers` layers of one kind."""

    def __init__(self, config: Config, kind: str) -> None:
        super().__init__()
        self.digits, self.kind, self.text = config.task == "digits", kind, config.task == "text"
        known = len(signs(config.task))
        self.read: nn.Module
        self.read = nn.Linear(1, config.width) if self.digits else nn.Embedding(known, config.width)
        self.layers = nn.ModuleList(KINDS[kind](config, kind) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width)
        self.head = nn.Linear(config.width, CLASSES if self.digits else known, bias=False)

    def initialise(self, dice: torch.Generator) -> None:
        """Draw all weights from `dice`."""
        self.read.weight.data.normal_(generator=dice)  # type: ignore[operator]
        if self.digits:
            self.read.bias.data.normal_(generator=dice)  # type: ignore[operator]
        for layer in self.layers:
            layer.initialise(dice)  # type: ignore[operator]
        bound = self.head.in_features**-0.5
        self.head.weight.data.uniform_(-bound, bound, generator=dice)

    def forward(self, x: Tensor) -> Tensor:
        h = self.read(x)
        for layer in self.layers:
            h = layer(h)
        return self.answer(h)

    def telling(self, x: Tensor) -> Tensor:
        """Which places of tokens x (B, T) hold what must be kept: letters, keys and values; in a text ends of words."""
        if self.text:
            return (x >= ENDS.start) & (x < ENDS.stop)
        return (x != NOISE) & (x != ASK)

    def answer(self, h: Tensor) -> Tensor:
        """Logits of what the layers made.  A digit is told by the mean over all places, at the last one."""
        if self.digits:
            h = h.mean(1, keepdim=True).expand_as(h)
        return self.head(self.norm(h))  # type: ignore[no-any-return]

    def look(self, x: Tensor) -> tuple[Tensor, list[Looked]]:
        """Logits, and what each layer did."""
        h, seen = self.read(x), []
        for layer in self.layers:
            mixed, looked = layer.mix(layer.norm(h), look=True)  # type: ignore[operator]
            h = h + layer.out(mixed)  # type: ignore[operator]
            seen.append(looked)
        return self.answer(h), seen
