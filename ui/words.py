"""Numbers and names in a sentence: capitals that leave symbols and proper names alone, counts."""

from __future__ import annotations

import re

PROPER = ("Adam",)  # names among the first words of labels that look like other words


def capital(text: str) -> str:
    """`text` as a sentence begins.  A symbol stays what it is: ε is no E, and k no K."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z][\w-]", text, re.ASCII) else text


def uncapital(label: str) -> str:
    """`label` as it stands within a sentence: "learning rate", but "RMSProp", "L2", "ε" and "Adam's β₁"."""
    first = re.match(r"[A-Z][a-z-]+", label)
    return label[:1].lower() + label[1:] if first and first[0] not in PROPER else label


def counted(number: int, noun: str) -> str:
    """ "1 step", "2,000 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
