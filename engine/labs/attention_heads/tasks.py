"""Sequences to continue: repeats, key-value look-up, reversal, sorting, and the characters of a text.

Each task makes (tokens, targets, scored), all (B, T): at each position the token that is wanted there, and whether it
can be known.  Where sequences are `held_out` they are of a kind that training never shows.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from engine.data.bpe import Tokeniser
from engine.data.text import Alphabet, border
from engine.labs.attention_heads.vocabulary import LETTERS, SYMBOLS, encoded, symbols
from engine.labs.attention_heads.vocabulary import TASKS as TASKS  # the name has always been here

BLANK, END, DIGITS = (SYMBOLS.characters.index(character) for character in "_>0")

Batch = tuple[Tensor, Tensor, Tensor]


def periods(length: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The periods that a sequence of `length` tokens may repeat with: those trained on, and those held out."""
    all_of_them = range(max(3, length // 6), min(LETTERS, length // 2) + 1)
    return tuple(p for p in all_of_them if p % 3), tuple(p for p in all_of_them if p % 3 == 0)


def batch(
    task: str, *, count: int, length: int, text_key: str, open_answers: bool, held_out: bool,
    generator: torch.Generator, merges: int = 0,
) -> Batch:  # fmt: skip
    """`count` sequences of one of `TASKS`, at most `length` tokens each.

    With `open_answers` answers stand in the input, one step late, as in a language model; else blanks stand there.
    """
    if task == "induction":
        return _induction(count, length, held_out, generator)
    if task == "text":
        return _text(count, length, text_key, merges, held_out, generator)
    if task == "lookup":
        return _lookup(count, length, open_answers, generator)
    letters = _letters(count, generator)[:, : length // 2]
    return answered(letters, answer(task, letters), open_answers)


def _letters(count: int, generator: torch.Generator) -> Tensor:
    """All letters in another order for each, (count, 26)."""
    return torch.rand(count, LETTERS, generator=generator).argsort(dim=1)


def _induction(count: int, length: int, held_out: bool, generator: torch.Generator) -> Batch:
    """A random word, and the same again and again; each sequence has a period of its own.

    Within a period no letter comes twice: its last occurrence says what follows it, and no fixed distance does.
    """
    known = torch.tensor(periods(length)[int(held_out)])
    period = known[torch.randint(len(known), (count, 1), generator=generator)]  # (B, 1)
    place = torch.arange(length + 1)
    s = _letters(count, generator).gather(1, place % period)  # (B, T + 1)
    return s[:, :-1], s[:, 1:], place[:-1] >= period


def _lookup(count: int, length: int, open_answers: bool, generator: torch.Generator) -> Batch:
    """Keys with values, "a3b7", then keys drawn from these, each to be followed by its value: "b7a3b7a3"."""
    pairs = max(2, length // 8)
    keys = _letters(count, generator)[:, :pairs]  # (B, n)
    values = DIGITS + torch.randint(10, (count, pairs), generator=generator)
    asked = torch.randint(pairs, (count, (length - 2 * pairs) // 2), generator=generator)
    order = torch.cat([torch.arange(pairs).expand(count, -1), asked], dim=1)
    s = torch.stack([keys.gather(1, order), values.gather(1, order)], dim=2).flatten(1)  # keys at 0, 2, 4, ...
    tokens, place = s[:, :-1].clone(), torch.arange(s.shape[1] - 1)
    if not open_answers:
        tokens[:, 2 * pairs + 1 :: 2] = BLANK
    return tokens, s[:, 1:], ((place >= 2 * pairs) & (place % 2 == 0)).expand(count, -1)


def answer(task: str, letters: Tensor) -> Tensor:
    """What "reverse" or "sort" makes of letters (B, n)."""
    return letters.flip(1) if task == "reverse" else letters.sort(dim=1).values


def answered(letters: Tensor, answer: Tensor, open_answers: bool) -> Batch:
    """A question (B, n) and its answer (B, n) as a sequence: "cab>abc", or "cab___" where nothing may be given away."""
    n = letters.shape[1]
    s = torch.cat([letters, torch.full_like(letters[:, :1], END), answer], dim=1)  # (B, 2n + 1)
    scored = (torch.arange(2 * n) >= n).expand(len(letters), -1)
    tokens = s[:, :-1] if open_answers else torch.cat([letters, torch.full_like(letters, BLANK)], dim=1)
    return tokens, s[:, 1:], scored


@lru_cache(maxsize=16)
def source(text_key: str, merges: int = 0) -> tuple[Alphabet | Tokeniser, Tensor]:
    """What cuts a text into tokens, and the text as numbers (N,).  Raises `TextError`."""
    return symbols("text", text_key, merges), torch.from_numpy(encoded(text_key, merges))


def _text(count: int, length: int, text_key: str, merges: int, held_out: bool, generator: torch.Generator) -> Batch:
    text = source(text_key, merges)[1]
    cut = border(len(text), length + 1)
    part = text[cut:] if held_out else text[:cut]
    start = torch.randint(len(part) - length, (count, 1), generator=generator)
    s = part[start + torch.arange(length + 1)]  # (B, T + 1)
    return s[:, :-1], s[:, 1:], torch.ones(count, length, dtype=torch.bool)


def typed(
    task: str, text: str, *, length: int, text_key: str, open_answers: bool, merges: int = 0
) -> tuple[Batch | None, str]:
    """What a visitor typed, as one sequence of at most `length` tokens, and the characters that are no tokens.

    For "reverse" and "sort" the letters before ">" are the question; the answer is added.  For the others each token is
    to be followed by the next one, and what follows the last is not known: -1.  None if no token is left.
    """
    cut = symbols(task, text_key, merges)
    if isinstance(cut, Tokeniser):  # which leaves nothing out
        return _followed(cut.encode(text)[-length:]), ""
    known = cut.characters.removesuffix("\ufffd")
    text = text if task == "text" else text.replace(" ", "")
    ignored = "".join(dict.fromkeys(character for character in text if character not in known))
    ids = [known.index(character) for character in text if character in known]
    if task in ("reverse", "sort"):
        ids = [i for i in (ids[: ids.index(END)] if END in ids else ids) if i < LETTERS][: length // 2]
        letters = torch.tensor([ids], dtype=torch.int64)
        return (answered(letters, answer(task, letters), open_answers) if ids else None), ignored
    return _followed(ids[-length:]), ignored


def _followed(ids: list[int]) -> Batch | None:
    """Each of these tokens is to be followed by the next one."""
    if not ids:
        return None
    tokens = torch.tensor([ids])
    targets = torch.cat([tokens[:, 1:], torch.full((1, 1), -1)], dim=1)
    return tokens, targets, targets >= 0
