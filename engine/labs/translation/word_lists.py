"""The words of the invented language, of numbers and of dates: English on the left, what it becomes on the right."""

from __future__ import annotations

Entries = tuple[tuple[str, str], ...]


def _entries(text: str) -> Entries:
    return tuple((source, target) for source, _, target in (each.partition(":") for each in text.split()))


# Nouns on -o take the article "lo", those on -a "la": every second one.
NOUNS = _entries(
    "cat:miro dog:wufa bird:tilo horse:kala fish:pero mouse:suna child:bimo king:rega teacher:dako baker:pana "
    "sailor:navo farmer:tera house:domo garden:hola river:fluo bridge:ponta tree:arvo boat:lunda table:mezo door:pira "
    "book:libo lamp:luma apple:pomo stone:peta"
)
ADJECTIVES = _entries(
    "red:ruk blue:blen green:vend old:senu new:nov small:pil big:gran happy:feli tired:laz quiet:tasi wild:salv "
    "lost:perd"
)
VERBS = _entries(
    "sees:videt finds:trovet loves:amet follows:sekvet paints:pintet hides:kaset carries:portet watches:gardet "
    "needs:bezet wants:volet hears:audet touches:tuket"
)
PREPOSITIONS = _entries("near:apu behind:dor under:sub beside:flan with:kon")
AND = ("and", "ke")
ARTICLES = {"the": ("lo", "la"), "a": ("nu", "na")}  # for nouns on -o and on -a
ALL = 2 + len(NOUNS) + len(ADJECTIVES) + len(VERBS) + len(PREPOSITIONS) + 1  # 56 source words

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "- ten twenty thirty forty fifty sixty seventy eighty ninety"
_MONTHS = "january february march april may june july august september october november december"
ONES, TENS, MONTHS = _NUMBERS.split(), _TENS.split(), _MONTHS.split()

_JAPANESE = """N: cat = neko | dog = inu | bird = tori | fish = sakana | child = kodomo | teacher = sensei
A: red = akai | big = ookii | old = furui | new = atarashii
V: sees = miru | follows = ou | loves = aisuru | remembers = oboeru
the N V the N2 = N wa N2 o V
the A N V the N2 = A N wa N2 o V
the A N V the A2 N2 = A N wa A2 N2 o V"""
GRAMMAR = "; ".join(_JAPANESE.splitlines())  # in Latin letters; on one line, as in a link


def sizes(vocabulary: int) -> dict[str, int]:
    """How many words of each kind there are in a language of so many source words, with at least one of each."""
    kinds = {"nouns": NOUNS, "adjectives": ADJECTIVES, "verbs": VERBS, "prepositions": PREPOSITIONS}
    return {kind: max(1, round(len(words) * vocabulary / ALL)) for kind, words in kinds.items()}
