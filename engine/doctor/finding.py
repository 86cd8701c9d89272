"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, WRONG = "ok", "warning", "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, how it is, and what to do about it."""

    about: str
    level: str  # ok, warning: it works, but not for all or not for long; wrong: something does not work
    said: str  # a sentence
    advice: str = ""  # another one
