"""A made world of 117 words: a word is known by its company.

Ten pairs of a man and a woman, each pair with three words of its own role; eight countries with their capitals, each
with three words of its own.  A sentence is one of these, two words of its role or place, two that go with its sex or
kind, and two that go with everything, shuffled.  So what stands around "queen" is what stands around "king", with "her"
for "him".
"""

from __future__ import annotations

PEOPLE = {
    ("man", "woman"): "adult street neighbour", ("king", "queen"): "throne crown palace",
    ("prince", "princess"): "heir castle ball", ("actor", "actress"): "stage film role",
    ("waiter", "waitress"): "tray menu table", ("father", "mother"): "child home cradle",
    ("brother", "sister"): "sibling toy attic", ("uncle", "aunt"): "nephew visit gift",
    ("hero", "heroine"): "quest sword legend", ("monk", "nun"): "prayer candle cloister",
}  # fmt: skip
PLACES = {
    ("France", "Paris"): "wine baguette Seine", ("Italy", "Rome"): "pasta opera Tiber",
    ("Spain", "Madrid"): "flamenco paella guitar", ("Japan", "Tokyo"): "sushi kimono haiku",
    ("Egypt", "Cairo"): "pyramid Nile camel", ("Peru", "Lima"): "llama Andes potato",
    ("Kenya", "Nairobi"): "safari lion coffee", ("Norway", "Oslo"): "fjord ski salmon",
}  # fmt: skip
KINDS = (("he him his himself sir", "she her hers herself madam"), ("nation border flag land people",
         "city mayor metro square tower"))  # fmt: skip
EVERYWHERE = ["the", "a", "of", "in", "and", "with", "was"]
FAMILIES = (tuple(PEOPLE), tuple(PLACES))
NOUNS = tuple(word for family in FAMILIES for pair in family for word in pair)
OWN = tuple(word for family in (PEOPLE, PLACES) for said in family.values() for word in said.split())
OF_KIND = tuple(word for family in KINDS for said in family for word in said.split())
WORDS = (*NOUNS, *OWN, *OF_KIND, *EVERYWHERE)
NUMBER = {word: n for n, word in enumerate(WORDS)}
LENGTH = 7  # words of a sentence


def analogies() -> list[tuple[int, int, int, int]]:
    """All (a, b, c, d) with a - b + c = d, as numbers: woman, man, king, queen; Rome, Italy, France, Paris."""
    return [
        (NUMBER[first[1]], NUMBER[first[0]], NUMBER[other[0]], NUMBER[other[1]])
        for family in FAMILIES for first in family for other in family if first != other
    ]  # fmt: skip
