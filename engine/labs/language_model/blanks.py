"""What a masked model sees: text that it never trains on, with blanks, and what it puts into them from both sides."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.contract.device import generator
from engine.labs.language_model.config import Config
from engine.labs.language_model.networks import LanguageModel
from engine.labs.language_model.objective import MASK, corrupt
from engine.labs.language_model.units import Corpus

SHOWN = 72  # tokens, at least, if there are so many
LIKELIEST = 10  # tokens that are told for each blank


@dataclass(frozen=True)
class Blank:
    """One token of a text, whether it is hidden, and what a model would put there."""

    token: int
    hidden: bool
    guess: int  # the token itself where nothing is hidden
    chance: float = 1.0  # of the token that stands there
    before: float = 1.0  # the same, if all that stands after it is hidden too
    likeliest: tuple[tuple[int, float], ...] = ()


@torch.inference_mode()
def filled(model: LanguageModel, corpus: Corpus, config: Config) -> tuple[Blank, ...]:
    """Pieces of the held-out text one after the other, blanks in them, and what the model says of each.

    Which places are blank follows from the seed alone.
    """
    context, held = config.context, torch.from_numpy(corpus.held)
    pieces = min(-(-SHOWN // context), len(held) // context)
    start = int(config.place / 100 * (len(held) - pieces * context))
    text = held[start : start + pieces * context].reshape(pieces, context)
    read, said, count = corrupt(text, "masked", config.masked, generator(config.seed, "blanks"))
    hidden = count > 0
    device = next(model.parameters()).device
    chances = model(read.to(device))[hidden.to(device)].softmax(-1).cpu()  # (n, V)
    alone = before(model, read, hidden, device)
    truth = said[hidden]
    best = chances.topk(min(LIKELIEST, chances.shape[-1]))
    blanks = iter([
        Blank(token, True, tokens[0], float(both[token]), float(left[token]),
              tuple(zip(tokens, shares, strict=True)))
        for token, both, left, tokens, shares in zip(truth.tolist(), chances, alone, best.indices.tolist(),
                                                     best.values.tolist(), strict=True)
    ])  # fmt: skip
    return tuple(next(blanks) if blank else Blank(token, False, token)
                 for token, blank in zip(text.flatten().tolist(), hidden.flatten().tolist(), strict=True))  # fmt: skip


def before(model: LanguageModel, read: Tensor, hidden: Tensor, device: torch.device) -> Tensor:
    """Chances (n, V) of all tokens in each of the n places that are `hidden`, if all after it is hidden too."""
    piece, place = hidden.nonzero(as_tuple=True)
    after = torch.arange(read.shape[1]) > place[:, None]
    found = model.hidden(read[piece].masked_fill(after, MASK).to(device))
    # One place of each is scored: there are many tokens.
    return model.read(found[torch.arange(len(place)), place.to(device)]).softmax(-1).cpu()
