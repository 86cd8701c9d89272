"""Numbers and names in a sentence: capitals that leave symbols and proper names alone, counts."""

from __future__ import annotations

import re

from engine.contract.described import uncapital as uncapital


def capital(text: str) -> str:
    """`text` as a sentence begins.  A symbol stays what it is: ε is no E, and k no K."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z][\w-]", text, re.ASCII) else text


def counted(number: int, noun: str) -> str:
    """ "1 step", "2,000 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
