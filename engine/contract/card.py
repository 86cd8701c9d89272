"""What is told of a lab before anything of it is imported: its ``card.toml``."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXTS = ("title", "icon", "group", "question")  # without these there is no card
PACES = ("1 step/s", "5 steps/s", "30 steps/s", "100 steps/s", "full speed")


class CardError(ValueError):
    """A card does not say what a card needs.  The sentence names the folder and the key."""


@dataclass(frozen=True)
class Card:
    """One lab on the list of labs.

    ``group`` and ``order`` place it in the navigation, ``lecture`` in the course (0: in none).  ``unit`` is what one
    step is called and ``speed`` the pace that a run starts with, one of `PACES`.  ``hero`` is the key of the panel that
    stands for the lab, ``tries`` (``try`` in the file) are the two to four knobs of its question.  ``show`` names knobs
    that stand above their groups, ``hidden`` those that are set on the stage and not by a widget.  ``sources`` are
    shared modules whose code is shown beside the lab's own.  ``inputs`` and ``terms`` are for what comes.
    """

    slug: str
    title: str
    icon: str
    group: str
    question: str
    order: int = 1000
    lecture: int = 0
    unit: str = "Step"
    speed: str = "full speed"
    hero: str = ""
    tries: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


def read(folder: Path) -> Card:
    """The card in `folder`, which is named for its lab.  Raises `CardError`."""
    try:
        told = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CardError(f"The card of {folder.name} cannot be read: {error}.") from None
    fields = {field.name: field for field in dataclasses.fields(Card) if field.name != "slug"}
    values: dict[str, Any] = {}
    for name, value in told.items():
        field = fields.get("tries" if name == "try" else name)
        if field is None or name == "tries":
            raise CardError(f"The card of {folder.name} says '{name}', which no card does.")
        kind = {"int": int, "str": str}.get(str(field.type), list)
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not (texts if kind is list else type(value) is kind):
            raise CardError(f"In the card of {folder.name}, {name} must be {_KINDS[kind]}.")
        values[field.name] = tuple(value) if kind is list else value
    if missing := [name for name in TEXTS if not values.get(name, "").strip(" _")]:
        raise CardError(f"The card of {folder.name} lacks {', '.join(missing)}.")
    if values.get("speed", PACES[0]) not in PACES:
        raise CardError(f"In the card of {folder.name}, speed must be one of {', '.join(PACES)}.")
    return Card(slug=folder.name, **values)


_KINDS = {int: "a whole number", str: "a text", list: "a list of texts"}
