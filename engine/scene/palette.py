"""Colours by meaning, read from ``assets/palette.json``, the one place where they are written."""

from __future__ import annotations

import difflib
import json
from functools import cache
from typing import Any

from engine.scene.assets import asset


@cache
def _palette() -> dict[str, Any]:
    return dict(json.loads(asset("palette.json").read_text(encoding="utf-8")))


def colours() -> tuple[str, ...]:
    """The names of all colours: "class_0" to "class_9", "negative", "train", "adam", "gradient" and so on."""
    return tuple(_palette()["colours"])


def maps() -> tuple[str, ...]:
    """The names of all colour maps."""
    return tuple(_palette()["maps"])


def colour(token: str, dark: bool = False) -> str:
    """The colour that stands for `token`, as "#rrggbb".  Raises `ValueError` for a token that is not in the palette."""
    return str(_palette()["colours"][known_colour(token)]["dark" if dark else "light"])


def colour_map(name: str, dark: bool = False) -> list[str]:
    """The stops of a colour map from its lowest to its highest value, evenly spaced, each as "#rrggbb"."""
    return list(_palette()["maps"][known_map(name)]["dark" if dark else "light"])


def known_colour(token: str) -> str:
    """`token` itself.  Raises `ValueError` for one that is not in the palette."""
    if token not in _palette()["colours"]:
        close = difflib.get_close_matches(token, colours(), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"There is no colour '{token}'{hint or '.'} The colours are {', '.join(colours())}.")
    return token


def known_map(name: str) -> str:
    """`name` itself.  Raises `ValueError` for a colour map that is not in the palette."""
    if name not in maps():
        raise ValueError(f"There is no colour map '{name}'; there are {', '.join(maps())}.")
    return name
