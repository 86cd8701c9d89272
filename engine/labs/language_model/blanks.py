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
FOLDS = 4  # every so many tokens are hidden together, to see how well they fit the others
LIKELIEST = 10  # tokens that are told for each blank


@dataclass(frozen=True)
class Blank:
    """One token of a text, whether it is hidden, and what a model would put there."""

    token: int
    hidden: bool
    guess: int  # the token itself where nothing is hidden
    chance: float = 1.0  # of the token that stands there
    before: float = 1.0  # the same, if all that stands after it is hidden too; not for masked diffusion
    likeliest: tuple[tuple[int, float], ...] = ()


def shown(corpus: Corpus, config: Config) -> Tensor:
    """Pieces of the held-out text, one after the other, (n, context)."""
    context, held = config.context, torch.from_numpy(corpus.held)
    pieces = min(-(-SHOWN // context), len(held) // context)
    start = int(config.place / 100 * (len(held) - pieces * context))
    return held[start : start + pieces * context].reshape(pieces, context)


@torch.inference_mode()
def filled(model: LanguageModel, corpus: Corpus, config: Config) -> tuple[Blank, ...]:
    """Pieces of the held-out text one after the other, blanks in them, and what the model says of each.

    Which places are blank follows from the seed alone.
    """
    text = shown(corpus, config)
    read, said, count = corrupt(text, "masked", config.masked, generator(config.seed, "blanks"))
    hidden = count > 0
    device = next(model.parameters()).device
    chances = model(read.to(device))[hidden.to(device)].softmax(-1).cpu()  # (n, V)
    # Of masked diffusion nobody asks it, and it costs as much as everything else.
    left = before(model, read, hidden, device) if config.objective == "masked" else torch.ones_like(chances)
    truth = said[hidden]
    best = chances.topk(min(LIKELIEST, chances.shape[-1]))
    blanks = iter([
        Blank(token, True, tokens[0], float(both[token]), float(alone[token]),
              tuple(zip(tokens, shares, strict=True)))
        for token, both, alone, tokens, shares in zip(truth.tolist(), chances, left, best.indices.tolist(),
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


def fitting(model: LanguageModel, text: Tensor, given: int = 0) -> Tensor:
    """How likely each token of pieces `text` (B, T) is, but for the first `given`, when it and every fourth are hidden.

    (B, T - given).  One at a time would be closer to the word, and take as many pieces as there are tokens.
    """
    B, T = text.shape
    place = torch.arange(T)
    hidden = (place[None] % FOLDS == torch.arange(FOLDS)[:, None]) & (place >= given)  # (folds, T)
    device = next(model.parameters()).device
    read = text[:, None].masked_fill(hidden, MASK).flatten(0, 1)  # (B folds, T)
    shares = model(read.to(device)).softmax(-1).cpu().reshape(B, FOLDS, T, -1)[:, place % FOLDS, place]  # (B, T, V)
    found: Tensor = shares.gather(-1, text[..., None])[:, given:, 0]
    return found
