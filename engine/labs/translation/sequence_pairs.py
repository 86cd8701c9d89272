"""Pairs of sentences whose alignment is known: an invented language, dates, number words, somebody's own grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

from engine.labs.translation import own_grammar
from engine.labs.translation.numbers_and_dates import Pair, date, dates, number, values
from engine.labs.translation.word_lists import (
    ADJECTIVES,
    ALL,
    AND,
    ARTICLES,
    GRAMMAR,
    MONTHS,
    NOUNS,
    ONES,
    PREPOSITIONS,
    TENS,
    VERBS,
    sizes,
)

__all__ = ["Pair", "back", "date", "gender", "number", "pair", "tokens", "translate", "vocabularies"]

DRAWS = 72  # random numbers behind a sentence
ADJECTIVE, AFTER_SUBJECT, AFTER_OBJECT = 0.4, 0.25, 0.4  # how often there is an adjective, and a "near the river"


def pair(
    name: str, generator: torch.Generator, clauses: int = 1, *, vocabulary: int = ALL, agreement: float = 1.0,
    grammar: str = GRAMMAR,
) -> Pair:  # fmt: skip
    """A random pair of the kind `name`: source words, target words, and for each target word its source place.

    ``language`` has one to `clauses` clauses, joined by "and", of a language with `vocabulary` source words, in which
    the article follows the gender of this share of the nouns, `agreement`.  ``dates`` and ``numbers`` need no more,
    and ``own`` follows the lines of `grammar`.  Raises `KeyError` for another name.
    """
    dice = iter(torch.rand(DRAWS, generator=generator).tolist())
    if name == "language":
        return _language(dice, clauses, vocabulary, agreement)
    if name == "own":
        return _own(dice, own_grammar.read(grammar))
    if name == "dates":
        day, month, year = 1 + int(next(dice) * 28), int(next(dice) * 12), 1900 + int(next(dice) * 200)
        return date(day, month, year, form=int(next(dice) * 3))
    if name == "numbers":
        digits = 1 + int(next(dice) * 6)
        least = 10 ** (digits - 1)
        return number(least + int(next(dice) * 9 * least))
    raise KeyError(f"There are no pairs called '{name}'; there are language, dates, numbers and own.")


def vocabularies(name: str, *, vocabulary: int = ALL, grammar: str = GRAMMAR) -> tuple[list[str], list[str]]:
    """All source words and all target words that pairs of this kind may have."""
    if name == "language":
        count = sizes(vocabulary)
        entries = [*NOUNS[: count["nouns"]], *ADJECTIVES[: count["adjectives"]], *VERBS[: count["verbs"]],
                   *PREPOSITIONS[: count["prepositions"]], AND]  # fmt: skip
        articles = [word for both in ARTICLES.values() for word in both]
        return [*ARTICLES, *(s for s, _ in entries)], [*articles, *(t for _, t in entries)]
    if name == "dates":
        return [*"0123456789", *MONTHS, ",", "the", "th", "of"], [*"0123456789", "-"]
    if name == "numbers":
        return [*ONES[1:], *TENS[2:], "hundred", "thousand", "and"], [*"0123456789"]
    own = own_grammar.read(grammar)
    every = [entry for entries in own.lists.values() for entry in entries]
    loose = [[t.lower() for each in own.sentences for t in each[side] if own.options(t) is None] for side in (0, 1)]
    return (list(dict.fromkeys([*loose[0], *(s for s, _ in every)])),
            list(dict.fromkeys([*loose[1], *(word for _, words in every for word in words)])))  # fmt: skip


def _own(dice: Iterator[float], grammar: own_grammar.Grammar) -> Pair:
    chosen = int(next(dice) * len(grammar.sentences))
    places = [(token, grammar.options(token)) for token in grammar.sentences[chosen][0]]
    return own_grammar.filled(
        grammar, chosen, {token: options[int(next(dice) * len(options))] for token, options in places if options}
    )


# ------------------------------------------------------------------ the invented language


def _choose(dice: Iterator[float], entries: tuple[tuple[str, str], ...], count: int) -> tuple[str, str]:
    return entries[int(next(dice) * count)]


def _phrase(dice: Iterator[float], count: dict[str, int], agreement: float) -> list[tuple[str, str]]:
    """Article, perhaps an adjective, and a noun, each (source, target)."""
    article = "the" if next(dice) < 0.5 else "a"
    adjective = [_choose(dice, ADJECTIVES, count["adjectives"])] if next(dice) < ADJECTIVE else []
    n = int(next(dice) * count["nouns"])
    return [(article, ARTICLES[article][gender(n, count["nouns"], agreement)]), *adjective, NOUNS[n]]


def gender(n: int, nouns: int, agreement: float) -> int:
    """0 or 1: which article noun n takes, of which the first share of `agreement` have a gender of their own."""
    return n % 2 if n < agreement * nouns else 0


def _language(dice: Iterator[float], clauses: int, vocabulary: int, agreement: float) -> Pair:
    count = sizes(vocabulary)
    sentence = []
    for _ in range(1 + int(next(dice) * clauses)):
        subject = _phrase(dice, count, agreement)
        of_subject = _with(dice, count, agreement) if next(dice) < AFTER_SUBJECT else None
        verb = _choose(dice, VERBS, count["verbs"])
        of_object = _phrase(dice, count, agreement)
        beyond = _with(dice, count, agreement) if next(dice) < AFTER_OBJECT else None
        sentence.append((subject, of_subject, verb, of_object, beyond))
    return _written(sentence)


Phrase = list[tuple[str, str]]
Further = tuple[tuple[str, str], Phrase] | None  # a preposition and its phrase
Clause = tuple[Phrase, Further, tuple[str, str], Phrase, Further]


def _with(dice: Iterator[float], count: dict[str, int], agreement: float) -> Further:
    return _choose(dice, PREPOSITIONS, count["prepositions"]), _phrase(dice, count, agreement)


def _written(sentence: list[Clause]) -> Pair:
    """Source: subject, verb, object, each followed by its preposition and phrase.  Target: the verb last, the adjective
    after its noun, the preposition after its phrase.
    """
    source: list[str] = []
    target: list[tuple[str, int]] = []  # with the source place of each

    def say(words: Phrase) -> list[tuple[str, int]]:
        first = len(source)
        source.extend(word for word, _ in words)
        return [(word, first + i) for i, (_, word) in enumerate(words)]

    def phrase(words: Phrase, further: Further) -> list[tuple[str, int]]:
        article, *adjective, noun = say(words)
        out = [article, noun, *adjective]
        if further is not None:
            before = say([further[0]])
            out += [*phrase(further[1], None), *before]
        return out

    for n, (subject, of_subject, verb, of_object, beyond) in enumerate(sentence):
        target += say([AND]) if n else []
        target += phrase(subject, of_subject)
        last = say([verb])
        target += [*phrase(of_object, beyond), *last]
    return source, [word for word, _ in target], [place for _, place in target]


_NOUN, _ADJECTIVE, _VERB, _PREPOSITION = (dict(words) for words in (NOUNS, ADJECTIVES, VERBS, PREPOSITIONS))


def translate(
    name: str, words: list[str], *, vocabulary: int = ALL, agreement: float = 1.0, grammar: str = GRAMMAR
) -> tuple[list[str], list[int]] | None:
    """The right translation of source `words` and its alignment; None if the grammar has no such sentence."""
    if name == "own":
        return own_grammar.match(own_grammar.read(grammar), words)
    if name == "language":
        nouns = sizes(vocabulary)["nouns"]
        order = {source: n for n, (source, _) in enumerate(NOUNS)}
        genders = {word: gender(n, nouns, agreement) for word, n in order.items()}
        clauses = _parsed(words, genders)
        return None if clauses is None else _written(clauses)[1:]
    every = dates(words) if name == "dates" else [number(value) for value in values(words)]
    return next(((target, alignment) for source, target, alignment in every if source == words), None)


def _parsed(words: list[str], genders: dict[str, int]) -> list[Clause] | None:
    """The clauses of an English sentence; None if it is none of this language."""
    at, clauses = 0, []

    def word(known: dict[str, str]) -> tuple[str, str] | None:
        nonlocal at
        if at < len(words) and words[at] in known:
            at += 1
            return words[at - 1], known[words[at - 1]]
        return None

    def phrase() -> Phrase | None:
        nonlocal at
        article = words[at] if at < len(words) and words[at] in ARTICLES else None
        at += article is not None
        adjective = word(_ADJECTIVE)
        noun = word(_NOUN)
        if article is None or noun is None:
            return None
        return [(article, ARTICLES[article][genders[noun[0]]]), *([adjective] if adjective else []), noun]

    def further() -> tuple[bool, Further]:
        before = word(_PREPOSITION)
        if before is None:
            return True, None
        after = phrase()
        return after is not None, None if after is None else (before, after)

    while True:
        subject = phrase()
        fine, of_subject = further()
        verb = word(_VERB)
        of_object = phrase()
        good, beyond = further()
        if subject is None or verb is None or of_object is None or not fine or not good:
            return None
        clauses.append((subject, of_subject, verb, of_object, beyond))
        if at == len(words):
            return clauses
        if words[at] != AND[0]:
            return None
        at += 1


def back(target: list[str]) -> list[str]:
    """The English sentence that a sentence of the invented language came from.  Raises `ValueError` if it is none."""
    english = {t: s for s, t in (*NOUNS, *ADJECTIVES, *VERBS, *PREPOSITIONS)}
    articles = {word: article for article, both in ARTICLES.items() for word in both}
    out: list[str] = []
    for clause in " ".join(target).split(f" {AND[1]} "):
        words, phrases = clause.split(), list[list[str]]()
        for word in words[:-1]:
            if word in articles:
                phrases.append([articles[word]])
            elif not phrases or word not in english:
                raise ValueError(f"'{clause}' is no clause of this language.")
            elif word in _PREPOSITION.values():
                phrases[-1].insert(0, english[word])
            else:
                phrases[-1].insert(2 if word in _ADJECTIVE.values() and len(phrases[-1]) < 2 else 1, english[word])
        first = 2 if len(phrases) > 2 and phrases[1][0] in _PREPOSITION else 1
        subject, things = ([word for each in part for word in each] for part in (phrases[:first], phrases[first:]))
        words = [*subject, english.get(words[-1], "?"), *things]
        out += [AND[0], *words] if out else words
    return out


def tokens(name: str, text: str) -> list[str]:
    """The words of a text that somebody typed: small letters, no full stops; of a date each digit is one."""
    if name == "dates":
        text = re.sub(r"(?<=\d)(st|nd|rd)\b", "th", text.lower())
        return re.findall(r"[0-9]|[^\W\d_]+|,", text)
    return [word for each in text.lower().split() if (word := each.strip(".,;:!?…\"'“”‘’()"))]
