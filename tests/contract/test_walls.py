"""The walls between the parts: who may import whom.  Imports inside functions count too."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def imports(source: str, package: str = "") -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that `source`, a module in `package`, imports wherever it stands.

    ``from a import b`` gives ``a.b``, since b may be a module.  A constant given to ``import_module`` counts.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parents, node.module] if node.module else parents)
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


LABS = sorted(folder.name for folder in (ROOT / "engine" / "labs").iterdir() if (folder / "__init__.py").exists())

SHARED = ("engine.contract", "engine.data", "engine.nets", "engine.measures")

# Who may import what of ours; everybody may import what lies in the same package.
MAY = {
    "engine.contract": (),
    "engine.contract.template": SHARED,
    "engine.contract.template.view": ("engine.contract", "engine.scene", "engine.figures"),
    "engine.contract.registry": ("engine.contract", "engine.labs"),
    "engine.data": ("engine.contract",),
    "engine.nets": ("engine.contract", "engine.data"),
    "engine.measures": ("engine.contract", "engine.data", "engine.nets"),
    **{f"engine.labs.{slug}": SHARED for slug in LABS},
    **{f"engine.labs.{slug}.view": ("engine.scene", "engine.figures", f"engine.labs.{slug}", *SHARED) for slug in LABS},
    "engine.scene": ("engine.contract",),
    "engine.figures": ("engine.contract", "engine.scene"),
    "engine.runs": ("engine.contract",),
    "ui": ("engine.contract", "engine.scene", "engine.figures", "engine.runs"),
    "pages": ("ui",),
}
NEVER = {
    "engine": ("streamlit",),
    "engine.scene": ("streamlit", "torch"),
    "engine.figures": ("streamlit", "torch"),
    **{f"engine.labs.{slug}.view": ("streamlit", "torch") for slug in LABS},
    "ui": ("torch",),
    "pages": ("torch",),
}

# What stands in the way of these walls today: importer and what it imports.  This list may only shrink.
STILL: set[tuple[str, str]] = {
    ("engine.data.shelf", "engine.runs.limits"),
    ("pages.adversarial_examples", "engine.labs.adversarial_examples.frame"),
    ("pages.adversarial_examples", "engine.scene.scene"),
    ("pages.cnn_filters", "engine.data.shelf"),
    ("pages.cnn_filters", "engine.runs.pool"),
    ("pages.diffusion", "engine.scene.scene"),
    ("pages.generative_families", "engine.labs.generative_families.families"),
    ("pages.vae", "engine.data.images"),
    ("ui.inputs.network", "engine.data.shelf"),
    ("ui.inputs.picture", "engine.data.images"),
    ("ui.inputs.points", "engine.data.plane"),
    ("ui.inputs.points", "engine.data.point_clouds"),
    ("ui.inputs.table", "engine.data.numerals"),
    ("ui.inputs.table", "engine.data.plane"),
    ("ui.inputs.table", "engine.data.records"),
    ("ui.inputs.table", "engine.data.sheets"),
    ("ui.inputs.table", "engine.data.tables"),
    ("ui.inputs.text", "engine.data.shelf"),
    ("ui.inputs.text", "engine.data.text"),
}

# Circles of imports that are not opened yet.  This list, too, may only shrink.
STILL_ROUND: set[tuple[str, ...]] = set()


def modules() -> dict[str, Path]:
    """The dotted name and the file of each of our modules."""
    files = [file for folder in ("engine", "ui", "pages") for file in sorted((ROOT / folder).rglob("*.py"))]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def package(name: str, among: Iterable[str]) -> str:
    return max((p for p in among if within(name, p)), key=len, default="")


def arrows() -> dict[str, list[str]]:
    """For each of our modules, what it imports, ours or not; a name in a module of ours counts as the module."""
    ours = modules()
    found: dict[str, list[str]] = {}
    for name, file in ours.items():
        inside = name if file.name == "__init__.py" else name.rpartition(".")[0]
        whole = [imported for _, imported in imports(file.read_text(encoding="utf-8"), inside)]
        found[name] = sorted(
            {i if i in ours or i.rpartition(".")[0] not in ours else i.rpartition(".")[0] for i in whole}
        )
    return found


def test_nobody_looks_over_a_wall() -> None:
    over = set()
    for name, imported in arrows().items():
        home = package(name, MAY)
        for other in imported:
            ours = within(other, "engine") or within(other, "ui") or within(other, "pages") or within(other, "app")
            allowed = (home, *MAY.get(home, ()))
            if home and ours and other != "engine" and not any(within(other, p) for p in allowed):
                over.add((name, other))
            if any(within(other, p) for p in NEVER.get(package(name, NEVER), ())):
                over.add((name, other))
    assert over - STILL == set(), "over a wall"
    assert STILL - over == set(), "no longer over a wall: take it off the list"


def circles(ours: dict[str, list[str]]) -> set[tuple[str, ...]]:
    """Circles of imports, each beginning with its first name; one of them is opened and the next one looked for."""
    graph = {name: [o for o in imported if o in ours and o not in ("engine", name)] for name, imported in ours.items()}
    found = set()
    while True:
        try:
            list(TopologicalSorter(graph).static_order())
            return found
        except CycleError as error:
            circle = error.args[1][1:]
            first = circle.index(min(circle))
            found.add((*circle[first:], *circle[:first]))
            graph[circle[0]].remove(circle[-1])


def test_no_modules_import_each_other_in_a_circle() -> None:
    found = circles(arrows())
    assert found - STILL_ROUND == set()
    assert STILL_ROUND - found == set(), "no longer a circle: take it off the list"


def test_a_circle_is_found() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a", "engine"]}) == {("a", "c", "b")}


def test_every_form_of_import_is_seen() -> None:
    source = """
import torch.nn as nn
def lazy():
    from torch import optim
    from . import vae
    from .gan import Config
    from ..device import resolve
    from .. import lab
    importlib.import_module("streamlit")
"""
    assert [name for _, name in sorted(imports(source, "engine.labs"))] == [
        "torch.nn",
        "torch.optim",
        "engine.labs.vae",
        "engine.labs.gan.Config",
        "engine.device.resolve",
        "engine.lab",
        "streamlit",
    ]
    assert within("torch.nn", "torch")
    assert not within("torchmetrics", "torch")
