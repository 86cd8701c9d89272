"""Tables that count: how often each character followed the last few.  Witten and Bell's mixture, 1991."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ORDERS = 6


def surprise(train: str, held: str, orders: int = ORDERS) -> Array:
    """Bits for each of H characters of `held`, which goes on where `train` ends, for tables of 1 to `orders`: (n, H).

    A table of n knows how often each character followed the n - 1 before it in `train`.  With c times in all and d
    different ones after it, p_n(x | h) = (count(h x) + d p_{n-1}(x | h')) / (c + d), where h' is one shorter and p_0 is
    even over all characters that there are.
    """
    text = np.frombuffer((train + held).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds, letters = np.unique(text, return_inverse=True)
    N, V = len(train), len(kinds)
    chance = np.full(len(letters) - N, 1 / V)
    context = np.zeros(len(letters), dtype=np.int64)  # a number for the n - 1 characters before each
    bits = np.zeros((orders, len(chance)))
    for n in range(orders):
        _, context = np.unique(context, return_inverse=True)
        both, pair = np.unique(context * V + letters, return_inverse=True)
        seen = np.bincount(pair[:N], minlength=len(both))  # count(h x), in training
        after = both // V  # the context of each pair
        total = np.bincount(after, weights=seen, minlength=context.max() + 1)  # c
        different = np.bincount(after, weights=seen > 0, minlength=context.max() + 1)  # d
        c, d = total[context[N:]], different[context[N:]]
        chance = np.where(c > 0, (seen[pair[N:]] + d * chance) / np.maximum(c + d, 1), chance)
        bits[n] = -np.log2(chance)
        # One further: the pair of a character back, and the character there.
        context = np.concatenate([[-1], pair[:-1]]) + 1
    return bits
