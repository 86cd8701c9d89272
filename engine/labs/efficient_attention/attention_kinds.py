"""Causal attention that leaves something out, and attention that only computes the same in another order.

All take q (B, H, T, K) and k, v (B, G, T, K) and (B, G, T, V), where G, the heads of keys and values, divides H, and
give (B, H, T, V).  Vaswani et al., 2017; Beltagy et al., "Longformer", 2020 (window); Lu et al., "MoBA", 2025 (blocks);
Yuan et al., "Native sparse attention", 2025 (nsa); Katharopoulos et al., "Transformers are RNNs", 2020 (linear);
Dao et al., "FlashAttention", 2022 (tiled); Shazeer et al., "Talking-heads attention", 2020 (mix).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.labs.efficient_attention.kinds import FEATURES as FEATURES
from engine.labs.efficient_attention.kinds import KINDS as KINDS

CHUNK = 64  # places that linear attention takes at once
Mix = tuple[Tensor, Tensor]
LEAST = 1e-6  # added to what linear attention divides by


def attend(
    kind: str, q: Tensor, k: Tensor, v: Tensor, *, gates: Tensor | None = None, mix: Mix | None = None,
    **settings: int | str,
) -> Tensor:  # fmt: skip
    """Attention of one `kind`, (B, H, T, V): "full", "window", "blocks", "linear", "nsa"; "tiled", "fused" equal full.

    Settings: `window`, places that are seen, one's own among them; `block` places in a block (also of a tile) and
    `top`, how many are chosen beside one's own; `features` and `chunk` of linear.  `gates` (B, H, T, 3) are how much
    NSA takes of means, chosen blocks and window; left out, a third of each.  `mix` lets the heads of full, window and
    blocks talk: two tables (H, H), by which scores are mixed before softmax and weights after it.  Raises ValueError
    for other kinds.
    """
    k, v = shared(k, q.shape[1]), shared(v, q.shape[1])
    if kind == "linear":
        name = str(settings.get("features", "elu"))
        return linear(features(q, name), features(k, name), v, chunk=int(settings.get("chunk", CHUNK)))
    if kind == "tiled":
        return tiled(q, k, v, block=int(settings.get("block", 128)))
    if kind == "fused":
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if kind == "nsa":
        means, chosen, near = parts(q, k, gates, **settings)
        return means @ block_means(v, int(settings["block"])) + (chosen + near) @ v
    return weights(kind, q, k, None, mix, **settings) @ v


def shared(k: Tensor, heads: int) -> Tensor:
    """Keys or values (B, G, T, K) for each of `heads`: H / G neighbours use the same."""
    return k if k.shape[1] == heads else k.repeat_interleave(heads // k.shape[1], dim=1)


def weights(
    kind: str, q: Tensor, k: Tensor, gates: Tensor | None = None, mix: Mix | None = None, **settings: int | str
) -> Tensor:
    """The weights (B, H, T, T) with which places (columns) reach places (rows), each row with sum 1 but
    where heads talk.

    Of linear attention, which never writes them, they are what its state amounts to; of NSA, whose rows have the sum
    of their gates, a mean counts for its places alike.
    """
    if kind == "linear":
        name = str(settings.get("features", "elu"))
        products = (features(q, name) @ features(k, name).mT).tril()
        return products / (products.sum(-1, keepdim=True) + LEAST)
    if kind == "nsa":
        block = int(settings["block"])
        means, chosen, near = parts(q, k, gates, **settings)
        return means.repeat_interleave(block, dim=-1)[..., : q.shape[-2]] / block + chosen + near
    seen = allowed(kind, q, k, **settings)
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if mix is None:
        return scores.masked_fill(~seen, -math.inf).softmax(-1)
    return mixed(mixed(scores, mix[0]).masked_fill(~seen, -math.inf).softmax(-1), mix[1])


def mixed(x: Tensor, table: Tensor) -> Tensor:
    """What each head (columns of `table`, (H, H)) makes of the squares (B, H, T, T) of all heads (rows)."""
    return torch.einsum("bhts,hg->bgts", x, table)


def allowed(kind: str, q: Tensor, k: Tensor, **settings: int | str) -> Tensor:
    """Which products a kind computes, (T, T) bool, or (B, H, T, T) if it chooses by what it reads."""
    T = q.shape[-2]
    t = torch.arange(T, device=q.device)
    past = t[:, None] >= t
    if kind == "full":
        return past
    if kind == "window":
        return past & (t[:, None] - t < int(settings["window"]))
    if kind == "blocks":
        block = int(settings["block"])
        chosen = chosen_blocks(q, k, block=block, top=int(settings["top"]))  # (B, H, T, M)
        return chosen.repeat_interleave(block, dim=-1)[..., :T] & past
    if kind == "nsa":
        return _chosen(q, k, **settings)[1] | allowed("window", q, k, **settings)
    raise ValueError(f"There is no attention of kind '{kind}'; the kinds are {', '.join(KINDS)}, tiled and fused.")


def chosen_blocks(q: Tensor, k: Tensor, *, block: int, top: int) -> Tensor:
    """Which blocks each query reads, (B, H, T, M) bool: its own, and the `top` before it whose mean key fits best.

    MoBA.  The choice has no gradient: keys are learned only where they were read.
    """
    before = finished(k.shape[-2], block, q.device)
    own = torch.arange(before.shape[-1], device=q.device) == before.sum(-1, keepdim=True)
    return _best(q @ block_means(k, block).mT, before, top) | own


def finished(T: int, block: int, device: torch.device) -> Tensor:
    """Which blocks end before a place's own begins, (T, M) bool."""
    return torch.arange(-(-T // block), device=device) < torch.arange(T, device=device)[:, None] // block


def block_means(x: Tensor, block: int) -> Tensor:
    """The mean over each block of keys or values (B, H, T, .), (B, H, M, .); nobody asks a last one that is short."""
    M = -(-x.shape[-2] // block)
    return F.pad(x, (0, 0, 0, M * block - x.shape[-2])).view(*x.shape[:2], M, block, -1).mean(-2)


def _best(fits: Tensor, before: Tensor, top: int) -> Tensor:
    """The `top` blocks of those `before` (T, M) that fit (B, H, T, M) best, bool."""
    best = fits.masked_fill(~before, -math.inf).topk(min(top, before.shape[-1]), dim=-1).indices
    return torch.zeros_like(fits, dtype=torch.bool).scatter_(-1, best, True) & before


def _chosen(q: Tensor, k: Tensor, **settings: int | str) -> tuple[Tensor, Tensor]:
    """Of NSA: the scores of the means (B, H, T, M), and which places are read for them, (B, H, T, T) bool."""
    block = int(settings["block"])
    fits = q @ block_means(k, block).mT / math.sqrt(q.shape[-1])
    best = _best(fits, finished(k.shape[-2], block, q.device), int(settings["top"]))
    return fits, best.repeat_interleave(block, dim=-1)[..., : k.shape[-2]]


def parts(q: Tensor, k: Tensor, gates: Tensor | None, **settings: int | str) -> tuple[Tensor, Tensor, Tensor]:
    """The three attentions of NSA, gated: weights of means (B, H, T, M), of chosen places and of near ones (..., T).

    What is compressed chooses what is read in full, as in the paper: so the choice is learned through the weights of
    the means, which have a gradient.  Of the first blocks there is nothing before, and both give nothing.
    """
    fits, chosen = _chosen(q, k, **settings)
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    before = finished(k.shape[-2], int(settings["block"]), q.device)
    near = allowed("window", q, k, **settings)
    found = [_softmax(fits, before), _softmax(scores, chosen), _softmax(scores, near)]
    each = q.new_full((3,), 1 / 3) if gates is None else gates
    means, read, seen = (part * each[..., n : n + 1] for n, part in enumerate(found))
    return means, read, seen


def _softmax(scores: Tensor, seen: Tensor) -> Tensor:
    """Softmax over what is `seen`; zeros where that is nothing."""
    return scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1) * seen


def features(x: Tensor, name: str) -> Tensor:
    """Numbers above 0 in place of queries or keys: their products stand for the exponential of softmax."""
    if name == "elu":
        return F.elu(x) + 1
    if name == "relu":
        return F.relu(x)
    if name == "softmax":
        return x.softmax(-1)
    raise ValueError(f"There are no features called '{name}'; there are {', '.join(FEATURES)}.")


def linear(q: Tensor, k: Tensor, v: Tensor, *, chunk: int = CHUNK) -> Tensor:
    """Linear attention of features q, k (B, H, T, K), chunk by chunk: a small square, and a state of K x V numbers.

    With chunks of one place it is a recurrence, with one chunk the masked matrix.
    """
    B, H, T, K = q.shape
    total = torch.zeros(B, H, K, 1 + v.shape[-1], dtype=v.dtype, device=v.device)
    ones = F.pad(v, (1, 0), value=1.0)  # the first column sums up what to divide by
    found = []
    for at in range(0, T, chunk):
        part = slice(at, at + chunk)
        inside = (q[..., part, :] @ k[..., part, :].mT).tril() @ ones[..., part, :]
        found.append(inside + q[..., part, :] @ total)
        total = total + k[..., part, :].mT @ ones[..., part, :]
    both = torch.cat(found, dim=-2)
    return both[..., 1:] / (both[..., :1] + LEAST)


def table(k: Tensor, v: Tensor) -> Tensor:
    """What linear attention carries after each place, for features k (..., T, K): K running sums of v (..., T, V),
    (..., T, K, V).  Only to be looked at: T tables are more than the square that it does without."""
    return (k[..., :, None] * v[..., None, :]).cumsum(-3)


def tiled(q: Tensor, k: Tensor, v: Tensor, *, block: int = 128) -> Tensor:
    """Full attention, tile by tile: a running maximum and sum for each query, and the square is never written."""
    T, scale = q.shape[-2], 1 / math.sqrt(q.shape[-1])
    out = torch.empty_like(v[..., :T, :])
    for i in range(0, T, block):
        rows = q[..., i : i + block, :] * scale
        maximum = rows.new_full((*rows.shape[:-1], 1), -math.inf)
        total, found = torch.zeros_like(maximum), torch.zeros_like(v[..., i : i + block, :])
        for j in range(0, i + 1, block):
            scores = rows @ k[..., j : j + block, :].mT
            if j == i:
                hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
                scores = scores.masked_fill(hidden, -math.inf)
            highest = torch.maximum(maximum, scores.amax(-1, keepdim=True))
            kept, p = (maximum - highest).exp(), (scores - highest).exp()
            total = kept * total + p.sum(-1, keepdim=True)
            found = kept * found + p @ v[..., j : j + block, :]
            maximum = highest
        out[..., i : i + block, :] = found / total
    return out


def windowed(q: Tensor, k: Tensor, v: Tensor, *, window: int) -> Tensor:
    """Window attention in time T x window: each block of `window` places meets itself and the one before."""
    B, H, T, K = q.shape
    M = -(-T // window)
    q, k, v = (F.pad(x, (0, 0, 0, M * window - T)).view(B, H, M, window, -1) for x in (q, k, v))
    k, v = (torch.cat([F.pad(x, (0, 0, 0, 0, 1, 0))[:, :, :-1], x], dim=-2) for x in (k, v))  # (B, H, M, 2 w, .)
    t, s = torch.arange(window, device=q.device)[:, None] + window, torch.arange(2 * window, device=q.device)
    seen = (s <= t) & (t - s < window)  # (w, 2 w)
    first = seen & (s >= window)  # before the first block there is nothing
    seen = torch.cat([first[None], seen.expand(M - 1, -1, -1)]) if M > 1 else first[None]
    p = (q @ k.mT / math.sqrt(K)).masked_fill(~seen, -math.inf).softmax(-1)
    return (p @ v).view(B, H, M * window, -1)[:, :, :T]


def flash_kernel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """torch's own flash attention.  Raises RuntimeError where it has none for the device or these shapes."""
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
