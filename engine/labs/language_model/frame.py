"""What there is to see of a language model: what it writes, what surprises it, and how a sentence is cut."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data import bpe
from engine.labs.language_model.blanks import Blank, filled, fitting, shown
from engine.labs.language_model.config import MERGES, Config
from engine.labs.language_model.networks import LanguageModel, places
from engine.labs.language_model.objective import penalised, truncated
from engine.labs.language_model.units import Characters, Corpus, parts
from engine.labs.language_model.unveil import unveil
from engine.labs.language_model.writing import Written, write

Array = NDArray[Any]
LIKELIEST = 10  # tokens that are told for each place
READ = 48  # tokens of the held-out text on the stage
SENTENCE = 60  # characters of the held-out text that are cut if nobody says others
LATEST = 12  # merges in the table
DIGITS = 3  # of a place in the plane: the last ones of an eigenvector differ from one machine to the next


@dataclass(frozen=True)
class Piece:
    """One token as it stands in a text: what it says, its probability, and the likeliest ones there."""

    text: str
    chance: float
    likeliest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Filled:
    """One token of a text in which some are hidden: what it says, how it is written, and what the model says of it."""

    text: str
    label: str
    hidden: bool
    guess: str  # as it is put into the text
    guessed: str  # as it is written where it must be seen
    right: bool
    chance: float  # of the token that stands there
    before: float  # the same, if all that stands after it is hidden too
    likeliest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Film:
    """A line that was filled pass by pass."""

    texts: tuple[str, ...]  # of each place in the end
    passes: tuple[int, ...]  # in which each was filled, from 1 on
    fits: tuple[float, ...]  # how likely each is in the end, when it and every fourth are hidden
    text_fits: tuple[float, ...]  # the same of held-out text
    count: int  # of passes


@dataclass(frozen=True)
class World:
    """What is nearest to a - b + c in the made world, and why."""

    given: tuple[int, int, int]  # a, b, c
    nearest: tuple[tuple[str, float], ...]  # words but a, b, c, and their cosines, the nearest first
    of_all: str  # the nearest word of all, a, b and c among them
    columns: tuple[str, ...]  # words that a, b, c or the nearest stand together with
    rows: Array  # (5, columns) information of a, b, c, of a - b + c, and of the nearest word


@dataclass(frozen=True)
class Cut:
    """A sentence in tokens, when so many merges had been made."""

    tokens: tuple[str, ...]
    numbers: tuple[int, ...]
    characters: int
    merges: int  # that had been made
    most: int  # that there are
    latest: tuple[tuple[str, str, int], ...]  # the last merges, the newest first: left, right, how often
    per_token: Array  # (2, n) merges made, and characters a token of the sentence then


@dataclass(frozen=True)
class Frame:
    """One moment."""

    prompt: str
    written: tuple[Piece, ...]
    next: tuple[tuple[str, float, float], ...]  # after the prompt: token, its probability, and what the knobs leave it
    left: int  # tokens that the knobs leave
    held: tuple[Piece, ...]  # of the text that it never trains on
    cut: Cut
    vocabulary: int
    places: Mapping[str, int]  # how many numbers sit where
    embedding: Array  # (n, 2): the commonest tokens in the plane in which they differ most, within 1
    labels: tuple[str, ...]  # (n,)
    scores: Mapping[str, float]
    text: tuple[int, int]  # characters of the text, and tokens of what is trained on
    blanks: tuple[Filled, ...] = ()  # of a masked model: held-out text, and what it puts into blanks
    film: Film | None = None  # of masked diffusion
    world: World | None = None  # of word vectors


@torch.inference_mode()
def frame(model: LanguageModel, corpus: Corpus, config: Config, *, scores: Mapping[str, float]) -> Frame:
    """The frame of `model` now."""
    beginning = config.prompt or begins(config.text_key)
    prompt = corpus.tokens.encode(beginning) or [int(corpus.held[0])]
    film = None
    if config.objective == "diffusion":
        unveiled, after = unveil(model, prompt, config)
        written = Written(unveiled.tokens, unveiled.chances)
        texts = (_seen(text).replace("\n", "⏎") for text in spelled(corpus, prompt, written.tokens))
        film = Film(tuple(texts), tuple(unveiled.passes), tuple(unveiled.fits),
                    tuple(fitting(model, shown(corpus, config)).flatten().tolist()), config.passes)  # fmt: skip
    else:
        written, after = write(model, prompt, config)
    blanks = () if model.causal else _filled(filled(model, corpus, config), corpus)
    held = _held(model, corpus, config) if model.causal else tuple(
        Piece(blank.text, blank.chance, blank.likeliest) for blank in blanks if blank.hidden)  # fmt: skip
    following, left = _following(torch.from_numpy(after).double(), prompt, corpus, config)
    return Frame(
        prompt=corpus.tokens.decode(prompt),
        written=tuple(Piece(_seen(text), chance, ()) for text, chance in
                      zip(spelled(corpus, prompt, written.tokens), written.chances, strict=True)),
        next=following, left=left, held=held, blanks=blanks, film=film, cut=cut(corpus, config),
        vocabulary=len(corpus.tokens), places=places(model), **_plane(model, corpus), scores=dict(scores),
        text=(corpus.characters, len(corpus.train)),
    )  # fmt: skip


def _filled(blanks: tuple[Blank, ...], corpus: Corpus) -> tuple[Filled, ...]:
    texts = spelled(corpus, [], [blank.token for blank in blanks])
    return tuple(
        Filled(text, corpus.label(blank.token), blank.hidden,
               _seen(spelled(corpus, [], [blank.guess])[0]) if blank.hidden else text,
               corpus.label(blank.guess), blank.guess == blank.token, blank.chance, blank.before,
               tuple((corpus.label(token), share) for token, share in blank.likeliest))
        for blank, text in zip(blanks, texts, strict=True)
    )  # fmt: skip


@lru_cache(maxsize=8)
def begins(text_key: str) -> str:
    """What it goes on from if nobody says what: the commonest first word of a sentence in the text."""
    sentences = re.split(r"\n+|[.!?] ", parts(text_key)[0])
    first = Counter(said.split(" ", 1)[0][:20] for said in sentences if " " in said.strip())
    first.pop("", None)
    return max(first, key=lambda word: (first[word], word)) if first else sentences[0][:1]


@lru_cache(maxsize=8)
def held_sentence(text_key: str) -> str:
    """The sentence that is cut if nobody says which: the beginning of one that is held out."""
    held = parts(text_key)[1]
    place = max(held.find("\n"), held.find(". ") + 1, 0) + 1
    said = held[place : place + SENTENCE] if place < len(held) - SENTENCE else held[:SENTENCE]
    said = said.split("\n")[0] or said
    return said[: said.rfind(" ")] if " " in said[20:] else said


def spelled(corpus: Corpus, before: list[int], tokens: list[int]) -> list[str]:
    """What each of `tokens` adds to the text; bytes that make a character together add it where the last one stands."""
    if isinstance(corpus.tokens, Characters):
        return [corpus.tokens.decode([token]) for token in tokens]
    found, waiting = [], b""
    for place, token in enumerate(tokens):
        waiting += corpus.tokens.pieces[token]
        try:
            found.append(waiting.decode())
            waiting = b""
        except UnicodeDecodeError as error:
            further = error.reason == "unexpected end of data" and len(waiting) - error.start < 4
            if further and place + 1 < len(tokens):
                found.append(waiting[: error.start].decode())
                waiting = waiting[error.start :]
            else:
                found.append(waiting.decode(errors="replace"))
                waiting = b""
    return found


def _seen(text: str) -> str:
    """`text` with U+FFFD for what has no look: control characters and the like, which an unlearned model writes."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _following(
    logits: torch.Tensor, prompt: list[int], corpus: Corpus, config: Config
) -> tuple[tuple[tuple[str, float, float], ...], int]:
    """The likeliest tokens after the prompt, their probability before the knobs and after; and how many are left."""
    before = logits.softmax(-1)
    scores = penalised(logits, prompt, config.repetition if config.decoding != "beam" else 1.0)
    if config.objective == "diffusion":
        after = truncated(logits, config.temperature).exp()
    elif config.decoding == "sample":
        after = truncated(scores, config.temperature, config.top_k, config.top_p).exp()
    else:
        after = before if config.decoding == "beam" else truncated(scores, 0.0).exp()
    best = before.topk(min(LIKELIEST, len(before))).indices.tolist()
    found = tuple((corpus.label(token), float(before[token]), float(after[token])) for token in best)
    return found, int((after > 0).sum())


def _held(model: LanguageModel, corpus: Corpus, config: Config) -> tuple[Piece, ...]:
    """A passage of the held-out text, and how likely each token is; every one sees at least half of the context."""
    context, held = config.context, corpus.held
    count = min(READ, len(held) - context)
    start = int(config.place / 100 * (len(held) - context - count))
    half = max(1, context // 2)
    pieces = np.arange(0, count, half)  # windows of which the second half is told
    at = np.minimum(start + pieces[:, None] + np.arange(context), len(held) - 1)
    device = next(model.parameters()).device
    logits = model(torch.from_numpy(held[at]).to(device))[:, context - half :]  # (n, half, V)
    chances = logits.flatten(0, 1)[:count].softmax(-1).cpu()
    targets = held[start + context - half + 1 :][: len(chances)]
    best = chances.topk(min(LIKELIEST, chances.shape[-1]))
    texts = spelled(corpus, [], targets.tolist())
    return tuple(
        Piece(text, float(chances[n, target]), tuple((corpus.label(token), share) for token, share in
                                                     zip(tokens, shares, strict=True)))
        for n, (text, target, tokens, shares) in enumerate(
            zip(texts, targets.tolist(), best.indices.tolist(), best.values.tolist(), strict=False))
    )  # fmt: skip


def cut(corpus: Corpus, config: Config) -> Cut:
    """The visitor's sentence, or one that is held out, in tokens."""
    return _cut(config.text_key, config.unit, config.merges, config.sentence, config.cut, corpus)


def _cut(text_key: str, unit: str, merges: int, sentence: str, at: int, corpus: Corpus) -> Cut:
    said = sentence or held_sentence(text_key)
    tokens = corpus.tokens
    if isinstance(tokens, Characters):
        numbers = tokens.encode(said)
        each = tuple(corpus.label(number) for number in numbers)
        return Cut(each, tuple(numbers), len(said), 0, 0, (), np.array([[0.0], [1.0]]))
    most = len(tokens.merges)
    made = min(at, most)
    numbers = tokens.after(made).encode(said)
    latest = tuple((corpus.label(left), corpus.label(right), count)
                   for (left, right), count in tokens.merges[max(0, made - LATEST) : made][::-1])  # fmt: skip
    return Cut(tuple(corpus.label(number) for number in numbers), tuple(numbers), len(said), made, most, latest,
               _per_token(text_key, unit, merges, said, tokens))  # fmt: skip


@lru_cache(maxsize=64)
def _progress(tokens: bpe.Tokeniser, said: str) -> Array:
    """How many tokens `said` has when so many merges had been made, (2, n)."""
    each = [list(word.encode(errors="replace")) for word in bpe.words(said)]
    counts = [sum(map(len, each))]
    for rank, (pair, _) in enumerate(tokens.merges):
        each = [bpe.joined(word, pair, bpe.BYTES + rank) if pair[0] in word else word for word in each]
        counts.append(sum(map(len, each)))
    return np.stack([np.arange(len(counts)), np.array(counts)]).astype(float)


def _per_token(text_key: str, unit: str, merges: int, said: str, tokens: bpe.Tokeniser) -> Array:
    made, counts = _progress(tokens, said)
    return np.stack([made, len(said) / np.maximum(counts, 1)])


def _plane(model: LanguageModel, corpus: Corpus) -> dict[str, Any]:
    """The commonest tokens by the two directions in which their numbers differ most, the farthest at 1 or -1."""
    if model.kind == "bigram":
        return {"embedding": np.zeros((0, 2)), "labels": ()}
    common = np.argsort(-np.bincount(corpus.train, minlength=len(corpus.tokens)), kind="stable")[:90]
    points = model.embedding.weight[torch.from_numpy(common.copy()).to(model.embedding.weight.device)].double()
    points = (points - points.mean(0)).cpu()
    if not points.isfinite().all():
        return {"embedding": np.zeros((0, 2)), "labels": ()}
    found = torch.linalg.eigh(points.T @ points)[1][:, -2:]
    largest = found.gather(0, found.abs().argmax(0, keepdim=True))  # an axis has no sign: here its largest entry's
    placed = (points @ (found * largest.sign())).numpy()
    reach = max(float(np.abs(placed).max()), 1e-12)
    return {"embedding": np.round(placed / reach, DIGITS) + 0.0,  # no -0.0
            "labels": tuple(corpus.label(int(token)) for token in common)}  # fmt: skip


__all__ = ["MERGES", "Cut", "Frame", "Piece", "begins", "cut", "frame"]
