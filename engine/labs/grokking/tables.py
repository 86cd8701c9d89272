"""The tables that are to be learned, and which of their cells are shown to the network."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from engine.contract.device import generator
from engine.labs.grokking.config import BITS, PERMUTED


def table(operation: str, p: int, *, bits: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Every pair and its answer: a, b and c, each (n * n,), int64, row a after row a.

    n is `p` for arithmetic modulo p; 120 for "permutations" of five things, where c is b first and then a; 64 for
    "parity", where a and b are six bits each and c is 1 if an odd number of the first `bits` of them is set, taken from
    a and b in turn.  Raises `KeyError` for another operation.
    """
    n = {"permutations": PERMUTED, "parity": 2**BITS}.get(operation, p)
    a, b = (t.flatten() for t in torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij"))
    if operation == "permutations":
        return a, b, _composed(a, b)
    if operation == "parity":
        return a, b, binary(a)[:, : (bits + 1) // 2].sum(1).add(binary(b)[:, : bits // 2].sum(1)) % 2
    return a, b, {"a+b": a + b, "a-b": a - b, "a*b": a * b, "a^2+b^2": a * a + b * b}[operation] % p


def binary(numbers: Tensor) -> Tensor:
    """The `BITS` lowest bits of numbers (N,), the lowest first, (N, BITS)."""
    return numbers[:, None] >> torch.arange(BITS, device=numbers.device) & 1


def _composed(a: Tensor, b: Tensor) -> Tensor:
    """The number of the permutation that b and then a make; they are numbered in lexicographic order."""
    every = torch.tensor(list(itertools.permutations(range(5))))  # (120, 5)
    places = 5 ** torch.arange(5)
    found = every[a].gather(1, every[b])  # (N, 5): where b sends i, and a from there
    number = torch.zeros(5**5, dtype=torch.int64)
    number[(every * places).sum(1)] = torch.arange(len(every))
    return number[(found * places).sum(1)]


def split(n: int, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Of the n * n cells: which are trained on, about `share` of them, and which are new in both orders, (n * n,) bool.

    A cell (a, b) is new in both orders if neither it nor (b, a) is trained on.
    """
    order = torch.randperm(n * n, generator=generator(seed, "split"))
    train = torch.zeros(n * n, dtype=torch.bool)
    train[order[: max(1, round(share * n * n))]] = True
    square = train.view(n, n)
    return train, (~square & ~square.T).flatten()


def phases(operation: str, p: int) -> tuple[Tensor, Tensor, int]:
    """Which whole number stands for each element on a clock, so that the operation adds them up: rows, phases, hours.

    For a + b and a - b it is a itself, for a^2 + b^2 the square, for a * b the logarithm to a generator of the
    residues, of which 0 has none.  `rows` (n,) are the elements that have a phase, `phases` (n,) theirs, modulo
    `hours`.  Where there is no such clock both are empty and there are 0 hours.
    """
    every, none = torch.arange(p), torch.zeros(0, dtype=torch.int64)
    if operation in ("a+b", "a-b"):
        return every, every, p
    if operation == "a^2+b^2":
        return every, every * every % p, p
    for g in range(2, p) if operation == "a*b" else ():
        powers = [1]
        while len(powers) < p - 1 and (following := powers[-1] * g % p) > 1:
            powers.append(following)
        if len(set(powers)) == p - 1:  # g makes all residues but 0, as some g does if p is prime
            return torch.tensor(powers), torch.arange(p - 1), p - 1
    return none, none, 0
