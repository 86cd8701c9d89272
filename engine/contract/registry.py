"""Which labs there are, and how to get at one."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.contract.card import Card, CardError, read
from engine.contract.syntax import parsed

PARTS = ("config", "experiment", "frame")  # where a lab's public names stand
_NAME = re.compile(r"[\w-]{1,100}")  # of a lab, and no path: it may come from an address


def labs() -> tuple[str, ...]:
    """The slugs of all labs, sorted.  Imports none of them."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(importlib.import_module("engine.labs").__path__)))


def own() -> tuple[str, ...]:
    """The slugs of the labs that lie in this package, sorted: all but those from outside.  Imports none of them."""
    here = Path(__file__).resolve().parents[1] / "labs"
    return tuple(sorted(m.name for m in pkgutil.iter_modules([str(here)])))


def folder(slug: str) -> Path:
    """Where the files of a lab are.  Imports nothing of it.  Raises `KeyError` for an unknown slug."""
    for place in importlib.import_module("engine.labs").__path__ if _NAME.fullmatch(slug) else ():
        if (found := Path(place) / slug).is_dir():
            return found
    raise KeyError(f"There is no lab '{slug}'; the labs are {', '.join(labs())}.")


def card(slug: str) -> Card:
    """The card of one lab.  Raises `CardError`, and `KeyError` for an unknown slug."""
    return read(folder(slug))


def _twice() -> list[CardError]:
    """A sentence for each lab from outside whose name is taken: it is left out, the first one counts."""
    seen: dict[str, Path] = {}
    wrong = []
    for place in map(Path, importlib.import_module("engine.labs").__path__):
        for file in sorted(place.glob("*/card.toml")):
            if seen.setdefault(file.parent.name, file.parent) != file.parent:
                wrong.append(
                    CardError(f"There is already a lab '{file.parent.name}'; another of that name is left out.")
                )
    return wrong


def cards() -> tuple[list[Card], list[CardError]]:
    """The card of each lab that has one, in the order of the navigation, and what is wrong with the others.

    Every run of a page asks, so they are read once for each list of folders.
    """
    found, wrong = _cards(tuple(importlib.import_module("engine.labs").__path__))
    return [*found], [*wrong]


@cache
def _cards(places: tuple[str, ...]) -> tuple[list[Card], list[CardError]]:
    found, wrong = [], [*_twice()]
    for slug in labs():
        try:
            if (folder(slug) / "card.toml").exists():
                found.append(read(folder(slug)))
        except CardError as error:  # one broken lab costs itself, and no other
            wrong.append(error)
        except KeyError:  # a lab of one file, as in a script: it has no page
            continue
    return sorted(found, key=lambda card: (card.order, card.slug)), wrong


def lab(slug: str) -> ModuleType:
    """One lab, with its `Config`, `Frame` and `Experiment`.  Raises `KeyError` for an unknown slug."""
    if slug not in labs():
        raise KeyError(f"There is no lab '{slug}'; the labs are {', '.join(labs())}.")
    return importlib.import_module(f"engine.labs.{slug}")


def view(slug: str) -> ModuleType:
    """The lab's ``view.py``: ``stage``, and ``answer`` where something on the stage can be picked."""
    return importlib.import_module(f"{lab(slug).__name__}.view")


def draws(slug: str, name: str) -> bool:
    """Whether the lab's view has a function called `name`.  Reads its source: to import it is for a worker."""
    view = folder(slug) / "view.py"
    return name in _public(view if view.exists() else folder(slug) / "view" / "__init__.py")


@cache
def _public(file: Path) -> frozenset[str]:
    """The names of the functions in a file, its own and imported ones."""
    body = parsed(file.read_text(encoding="utf-8")).body
    imported = {alias.asname or alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names}
    return frozenset(imported | {node.name for node in body if isinstance(node, ast.FunctionDef)})


def parts(slug: str) -> list[str]:
    """The modules of a lab: its plain form first, then the one with its steps, and its knobs last."""
    names = [m.name for m in pkgutil.iter_modules(lab(slug).__path__) if not m.ispkg]
    order = ("plain", "experiment", "frame")
    return sorted(names, key=lambda name: (name == "config", *(name != first for first in order), name))


def lazily(package: str, *further: str) -> Callable[[str], Any]:
    """``__getattr__`` for a lab's package: its names come from its `PARTS`, imported when the first one is asked for,
    and after these from `further` modules of its own.

    So knobs can be read without torch, and a module of the lab goes before a function of the same name.
    """

    def look_up(name: str) -> Any:
        if not name.startswith("__"):
            if importlib.util.find_spec(f"{package}.{name}"):
                return importlib.import_module(f"{package}.{name}")
            for part in (*PARTS, *further):
                module = importlib.import_module(f"{package}.{part}")
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    return look_up
