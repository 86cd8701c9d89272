"""What each kind of attention costs, counted and not timed: multiply-adds, and bytes kept for what was read."""

from __future__ import annotations

from functools import cache

from engine.labs.efficient_attention.kinds import KINDS, SHARING, TALKING


@cache
def work(
    kind: str,
    length: int,
    *,
    key_width: int = 64,
    value_width: int = 64,
    window: int = 16,
    block: int = 8,
    top: int = 2,
    talking: int = 0,
) -> int:
    """Multiply-adds of one head over a sequence: a product of a query and a key takes `key_width`, its value
    `value_width`; linear attention writes and reads a table of key_width x (value_width + 1) at each place.

    Of so many `talking` heads each takes a share of all of their scores and weights: twice as many for each product.
    Raises ValueError for another kind.
    """
    if kind == "linear":
        return 2 * length * key_width * (value_width + 1)
    found = cells(kind, length, window=window, block=block, top=top) * (
        key_width + value_width + 2 * talking * (kind in TALKING)
    )
    if kind == "nsa":  # its means are read with weights of their own, which also choose
        found += sum(t // block for t in range(length)) * (key_width + value_width)
    if kind == "blocks":  # to choose, each place asks the means of the blocks before its own
        found += sum(t // block for t in range(length)) * key_width
    return found


def cells(kind: str, length: int, *, window: int = 16, block: int = 8, top: int = 2) -> int:
    """How many products of a query and a key are computed; of linear attention none, of NSA those of both parts."""
    if kind == "full":
        return length * (length + 1) // 2
    if kind == "window":
        return sum(min(t + 1, window) for t in range(length))
    if kind == "blocks":
        return sum(t % block + 1 + block * min(top, t // block) for t in range(length))
    if kind == "nsa":
        return cells("window", length, window=window) + sum(block * min(top, t // block) for t in range(length))
    if kind == "linear":
        return 0
    raise ValueError(f"There is no attention of kind '{kind}'; the kinds are {', '.join(KINDS)}.")


def cache_bytes(
    kind: str, heads: int, groups: int, head_width: int, rank: int = 0, layers: int = 1, bits: int = 16
) -> float:
    """Bytes that are kept for each token that was read: "multi_head", "grouped", "multi_query" or "latent".

    "linear" keeps a table of head_width x head_width for each head, however many were read: those bytes in all.
    Raises ValueError for another kind.
    """
    numbers = {
        "multi_head": 2 * heads * head_width,
        "grouped": 2 * groups * head_width,
        "multi_query": 2 * head_width,
        "latent": rank,
        "linear": heads * head_width * head_width,
    }
    if kind not in numbers:
        raise ValueError(f"There is no cache of kind '{kind}'; there are {', '.join(SHARING)} and linear.")
    return layers * numbers[kind] * bits / 8
