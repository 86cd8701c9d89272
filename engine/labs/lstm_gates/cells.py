"""Recurrent cells with a readout, their gates, and the gradient that travels back through them, written out.

A cell takes a sequence (N, T, inputs) and hands a state from step to step: h, and for the LSTM also c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def weights(cell: nn.RNNBase) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """W (gates * H, inputs), U (gates * H, H) and their two biases (gates * H,), or None, of a cell of one layer."""
    own: Any = cell
    return own.weight_ih_l0, own.weight_hh_l0, *((own.bias_ih_l0, own.bias_hh_l0) if cell.bias else (None, None))


class Reader(nn.Module):
    """A recurrent cell, and a linear readout of its state h at each step."""

    def __init__(self, kind: str, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__()
        self.kind = kind
        self.cell = CELLS[kind](inputs, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences (N, T, inputs) to answers (N, T, outputs)."""
        h, _ = self.cell(x)
        answers: Tensor = self.readout(h)
        return answers


@torch.no_grad()
def initialise(reader: Reader, g: torch.Generator, *, forget_bias: float, recurrent_scale: float) -> None:
    """First weights from U(-1/sqrt(H), 1/sqrt(H)), torch's own range, with three things that matter here.

    Input weights are from U(-1, 1), so that a single input, a mark or a letter, is heard at all.  Recurrent weights are
    multiplied by `recurrent_scale`; the forget gate's two biases add up to `forget_bias` (Gers, Schmidhuber, Cummins
    2000; Jozefowicz, Zaremba, Sutskever 2015).
    """
    hidden = reader.cell.hidden_size
    bound = hidden**-0.5
    for parameter in reader.parameters():
        parameter.copy_(torch.empty(parameter.shape).uniform_(-bound, bound, generator=g))
    W, U, b, b_ = weights(reader.cell)
    W.div_(bound)
    U.mul_(recurrent_scale)
    if reader.kind == "lstm" and b is not None and b_ is not None:  # rows of the four gates: i, f, g, o
        b[hidden : 2 * hidden], b_[hidden : 2 * hidden] = forget_bias, 0.0


@torch.no_grad()
def gates(cell: nn.RNNBase, x: Tensor) -> dict[str, Tensor]:
    """What every gate of `cell` does at every step of the sequences `x`, each (batch, time, hidden).

    `x` is laid out as the cell takes it; the initial state is zero.  h_{t-1} comes from torch's own cell, which is
    fused and fast; with it the gates of all steps follow at once, and what they make is returned:

    - LSTM: i, f, g, o, c, h (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000);
    - GRU: r, z, n, h and u, the recurrent part of n before the reset (Cho et al. 2014; torch resets after the product);
    - RNN: h.

    Raises `ValueError` for a cell of several layers, two directions or a projection.
    """
    if cell.num_layers > 1 or cell.bidirectional or cell.proj_size:
        raise ValueError("The gates are those of a cell with one layer, one direction and no projection.")
    h, _ = cell(x)
    if not cell.batch_first and x.dim() == 3:
        x, h = x.transpose(0, 1), h.transpose(0, 1)
    if x.dim() == 2:
        x, h = x[None], h[None]
    before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], 1)  # h_{t-1}
    Wx, Uh = sums(cell, x, before)
    if isinstance(cell, nn.LSTM):
        i, f, g, o = (Wx + Uh).chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = [torch.zeros_like(h[:, 0])]
        for new, kept in zip((i * g).unbind(1), f.unbind(1), strict=True):
            c.append(torch.addcmul(new, kept, c[-1]))  # c_t = f_t c_{t-1} + i_t g_t
        c_all = torch.stack(c[1:], 1)
        return {"i": i, "f": f, "g": g, "o": o, "c": c_all, "h": o * c_all.tanh()}
    if isinstance(cell, nn.GRU):
        (xr, xz, xn), (ur, uz, u) = Wx.chunk(3, -1), Uh.chunk(3, -1)
        r, z = (xr + ur).sigmoid(), (xz + uz).sigmoid()
        n = (xn + r * u).tanh()
        return {"r": r, "z": z, "n": n, "u": u, "h": (1 - z) * n + z * before}
    return {"h": (Wx + Uh).tanh() if cell.nonlinearity == "tanh" else (Wx + Uh).relu()}


@torch.no_grad()
def sums(cell: nn.RNNBase, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """W x_t + b and U h_{t-1} + b' of all gates, (N, T, gates * H): torch keeps a bias for each of the two."""
    W, U, b, b_ = weights(cell)
    return nn.functional.linear(x, W, b), nn.functional.linear(before, U, b_)


@torch.no_grad()
def state_gradients(cell: nn.RNNBase, states: Mapping[str, Tensor], d: Tensor) -> Tensor:
    """The length of dL/ds_t for each step t: how strongly the loss feels the state that step t hands on, (N, T).

    s is h, and for the LSTM c and h together.  `states` is what `gates` returns for sequences (N, T, …), `d`
    (N, H) is dL/dh of the last step, where L is taken.  This is back-propagation through time (Werbos 1990).

    The steps are walked in NumPy: the numbers are so few that the calls count, and those of torch take longer.
    """
    N, T, H = states["h"].shape
    U = weights(cell)[1].cpu().numpy()  # (gates * H, H)
    back = {name: _by_step(factors) for name, factors in _factors(cell, states).items()}
    kept = {name: _by_step(states[name]) for name in ("f", "z") if name in states}
    slopes = back["gates"].reshape(T, N, -1, H)  # of what each gate does, at its sum
    dz = np.empty_like(slopes[0])  # (N, gates, H)
    felt = np.zeros((2, T, N, H), dz.dtype)  # dL/dh and dL/dc
    felt[0, -1] = d.cpu().numpy()
    dh, dc = felt[:, -1]
    for t in range(T - 1, 0, -1):  # from the state after step t to the one before it
        before = felt[0, t - 1]
        if isinstance(cell, nn.LSTM):
            dc = dc + dh * back["h_by_c"][t]
            np.multiply(dc[:, None], slopes[t, :, :3], out=dz[:, :3])
            np.multiply(dh, slopes[t, :, 3], out=dz[:, 3])
            dc = np.multiply(dc, kept["f"][t], out=felt[1, t - 1])
            dh = np.matmul(dz.reshape(N, -1), U, out=before)
        elif isinstance(cell, nn.GRU):
            np.multiply(dh[:, None], slopes[t], out=dz)
            dh = np.add(dh * kept["z"][t], dz.reshape(N, -1) @ U, out=before)
        else:
            dh = np.matmul(dh * slopes[t, :, 0], U, out=before)
    return torch.from_numpy(np.sqrt(np.einsum("stnh,stnh->nt", felt, felt)))


def _by_step(values: Tensor) -> NDArray[Any]:
    """(N, T, …) as (T, N, …), each step in one piece."""
    return np.ascontiguousarray(values.cpu().numpy().swapaxes(0, 1))


def _factors(cell: nn.RNNBase, s: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """For each gate the derivative of the state by the gate's sum, (N, T, gates * H), all steps at once."""
    h = s["h"]
    if isinstance(cell, nn.LSTM):
        i, f, g, o, c = (s[name] for name in "ifgoc")
        before = torch.cat([torch.zeros_like(c[:, :1]), c[:, :-1]], 1)
        squashed = torch.tanh(c)
        slopes = [g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)]
        return {"gates": torch.cat(slopes, 2), "h_by_c": o * (1 - squashed * squashed)}
    if isinstance(cell, nn.GRU):
        r, z, n = s["r"], s["z"], s["n"]
        before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], 1)
        of_n = (1 - z) * (1 - n * n)
        return {"gates": torch.cat([of_n * s["u"] * r * (1 - r), (before - n) * z * (1 - z), of_n * r], 2)}
    slope = 1 - h * h if cell.nonlinearity == "tanh" else (h > 0).to(h.dtype)
    return {"gates": slope}


_STEP: dict[str, Callable[..., Any]] = {"rnn": torch.rnn_tanh_cell, "gru": torch.gru_cell, "lstm": torch.lstm_cell}


@torch.no_grad()
def generate(reader: Reader, start: int, noise: Tensor, *, temperature: float) -> list[int]:
    """Let `reader` write len(`noise`) characters after the character `start`, each drawn from what it expects next.

    `noise` (L, outputs) is Gumbel noise: the largest of logits / temperature + noise is a draw from the softmax.
    """
    cell, out, step = reader.cell, reader.readout, _STEP[reader.kind]
    letters = torch.eye(cell.input_size, device=noise.device)
    h = c = torch.zeros(1, cell.hidden_size, device=noise.device)
    place, written = start, []
    for gumbel in noise:
        x = letters[place : place + 1]
        if reader.kind == "lstm":
            h, c = step(x, (h, c), *weights(cell))
        else:
            h = step(x, h, *weights(cell))
        logits = torch.addmv(out.bias, out.weight, h[0])
        place = int(torch.add(gumbel, logits, alpha=1 / temperature).argmax())
        written.append(place)
    return written
