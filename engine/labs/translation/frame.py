"""What the translators look like now: one sentence, where each word of it looks, and how it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from engine.contract.device import generator
from engine.labs.translation import sequence_pairs
from engine.labs.translation.config import HELD_OUT, Config
from engine.labs.translation.decoding import Decoder, as_seen, search
from engine.labs.translation.networks import Translator
from engine.labs.translation.vocabulary import END, SPECIAL, START, Vocabulary
from engine.nets import beam

Array = NDArray[Any]
MOST = 48  # words of a source


@dataclass(frozen=True)
class Written:
    """What one translator writes by itself: its words, log probability, and how it looked (T, S), S is 0 if nowhere."""

    kind: str
    words: tuple[str, ...]
    log_prob: float
    weights: Array


@dataclass(frozen=True)
class Branch:
    """A word in the tree of the search; `best` are those of the sentence that won."""

    word: str
    parent: int
    depth: int
    log_prob: float
    kept: bool
    best: bool


@dataclass(frozen=True)
class Frame:
    """One moment.  S source words, T rows of the matrix."""

    source: tuple[str, ...]
    reference: tuple[str, ...]  # the right translation; empty if nobody knows it
    alignment: tuple[int, ...]  # the source place of each word of it
    ignored: tuple[str, ...]  # of a sentence of one's own: no words of this language
    own: bool  # the sentence is the visitor's
    rows: tuple[str, ...]  # (T,)
    weights: Array  # (T, S); S is 0 without attention
    boxes: tuple[tuple[int, int], ...]  # (row, column) of the true alignment
    guesses: tuple[tuple[str, float], ...]  # (T,): what it would write there, and how likely that is to it
    written: tuple[Written, ...]  # one for each translator
    tree: tuple[Branch, ...]  # of the first one
    sentences: tuple[tuple[tuple[str, ...], float, float], ...]  # found: words, log probability, score
    scores: Mapping[str, float]  # of the sentences held out, as in the metrics
    known: bool  # so few sentences are there in all that training has to use those held out as well
    lengths: tuple[str, ...]  # how long the three thirds of the sentences held out are


@torch.no_grad()
def frame(
    models: Any,
    words: Vocabulary,
    config: Config,
    *,
    held_out: list[sequence_pairs.Pair],
    scores: Mapping[str, float],
    known: bool,
    step: int,
) -> Frame:
    """The frame of `models`, by kind; the first is looked at.  Words that are drawn by lot change with the `step`."""
    source, reference, alignment, ignored, own = _sentence(words, config, held_out)
    tokens = words.read([source]).to(next(iter(models.parameters())).device)
    first, looked = _first(words, config), _looked(words, config, len(source))
    written, tree, sentences = [], [], []
    for n, kind in enumerate(config.kinds):
        model: Translator = models[kind]
        decoder = Decoder(model, tokens, looked=looked, first=first)
        found = search(decoder, decoding=config.decoding, width=config.beam, penalty=config.length_penalty,
                       length=config.longest, dice=generator(config.seed, f"lot/{step}"))  # fmt: skip
        best, log_prob = found.sentences[0]
        out = words.words(best)
        written.append(Written(kind, tuple(out), log_prob, as_seen(decoder.looks(best), len(out), turned=words.turned)))
        if n == 0:
            tree = _tree(found.nodes, best, words)
            sentences = [(tuple(words.words(each)), value, beam.score(value, len(each), config.length_penalty))
                         for each, value in found.sentences]  # fmt: skip
    rows = list(written[0].words) if config.rows == "own" or not reference else reference
    weights, guesses = _given(models[config.kinds[0]], words, tokens, rows, looked)
    boxes = [(j, at) for j, (word, at) in enumerate(zip(reference, alignment, strict=True))
             if j < len(rows) and rows[j] == word]  # fmt: skip
    return Frame(
        source=tuple(source), reference=tuple(reference), alignment=tuple(alignment), ignored=tuple(ignored), own=own,
        rows=tuple(rows), weights=weights, boxes=tuple(boxes), guesses=tuple(guesses), written=tuple(written),
        tree=tuple(tree), sentences=tuple(sentences), scores=dict(scores), known=known, lengths=_lengths(held_out),
    )  # fmt: skip


def _sentence(
    words: Vocabulary, config: Config, held_out: list[sequence_pairs.Pair]
) -> tuple[list[str], list[str], list[int], list[str], bool]:
    """Source, right translation, alignment; what was typed and is no word here; and whether the sentence is typed."""
    typed = sequence_pairs.tokens(config.pair, config.sentence)
    known = [word for word in typed if word in words.source][:MOST]
    ignored = [word for word in typed if word not in words.source] or ([*"…"] if len(typed) > MOST else [])
    if not known:
        return *held_out[config.shown - 1], ignored, False
    found = sequence_pairs.translate(config.pair, known, vocabulary=config.vocabulary, agreement=config.agreement,
                                     grammar=config.grammar)  # fmt: skip
    return known, *(found or ([], [])), ignored, True


def _first(words: Vocabulary, config: Config) -> list[int]:
    """The tokens that the translation has to begin with; what is no word is left out, and a full stop is the end."""
    wanted = [word for word in config.begin_with.lower().replace(".", " . ").split() if word in (*words.target, ".")]
    tokens = [END if word == "." else len(SPECIAL) + words.target.index(word) for word in wanted]
    return tokens[: config.longest - 1]


def _looked(words: Vocabulary, config: Config, count: int) -> dict[int, int]:
    """Which target word has to look at which source word, as the source is read."""
    pairs = [(place // 100 - 1, place % 100 - 1) for place in config.look_at]
    return {row: count - 1 - at if words.turned else at for row, at in pairs if 0 <= at < count}


def _given(
    model: Translator, words: Vocabulary, tokens: Any, rows: list[str], looked: dict[int, int]
) -> tuple[Array, list[tuple[str, float]]]:
    """The weights (T, S) for each of `rows`, with those before it given, and what would be written there."""
    decoder = Decoder(model, tokens, looked=looked)
    prefix, guesses, path = [START], [], words.write([rows])[0, : len(rows)].tolist()
    every = (*SPECIAL, *words.target)
    if not looked:
        return _at_once(model, words, tokens, path)
    for token in path:
        chance, best = decoder(torch.tensor([prefix]))[0].exp().max(0)
        guesses.append((every[int(best)], float(chance)))
        prefix.append(token)
    return as_seen(decoder.looks(path) if path else None, len(path), turned=words.turned), guesses


def _at_once(
    model: Translator, words: Vocabulary, tokens: Any, path: list[int]
) -> tuple[Array, list[tuple[str, float]]]:
    logits, weights = model(tokens, torch.tensor([[START, *path]], device=tokens.device))
    chance, best = logits[0, : len(path)].softmax(-1).max(-1)
    every = (*SPECIAL, *words.target)
    guesses = [(every[token], value) for token, value in zip(best.tolist(), chance.tolist(), strict=True)]
    return as_seen(None if weights is None else weights[0], len(path), turned=words.turned), guesses


def _tree(nodes: list[beam.Node], best: list[int], words: Vocabulary) -> list[Branch]:
    every = (*SPECIAL, *words.target)
    on, parent = set(), -1
    for token in best:
        parent = next(n for n, node in enumerate(nodes) if node.parent == parent and node.token == token and node.kept)
        on.add(parent)
    return [Branch(every[node.token], node.parent, node.depth, node.log_prob, node.kept, n in on)
            for n, node in enumerate(nodes)]  # fmt: skip


def _lengths(held_out: list[sequence_pairs.Pair]) -> tuple[str, ...]:
    """How many words the sentences of each third have: "5-6"."""
    counts = [len(target) for _, target, _ in held_out]
    third = HELD_OUT // 3
    thirds = [counts[n * third : (n + 1) * third] for n in range(3)]
    return tuple(f"{low}–{high}" if low < high else str(low) for low, *_, high in thirds)
