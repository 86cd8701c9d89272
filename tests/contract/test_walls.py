"""The walls between the parts: who may import whom.  Imports inside functions count too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
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


def breaches(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    """A line for every import in `folder` of something that is forbidden there."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files, f"{folder}/ holds no Python files, so this test would check nothing"
    return [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files
        for line, name in imports(file.read_text(encoding="utf-8"), ".".join(file.relative_to(ROOT).parent.parts))
        for package in forbidden
        if within(name, package)
    ]


def test_engine_imports_neither_streamlit_nor_what_is_built_on_it() -> None:
    assert breaches("engine", ("streamlit", "ui", "pages", "app")) == []


def test_pages_and_ui_do_not_import_torch() -> None:
    assert breaches("pages", ("torch",)) + breaches("ui", ("torch",)) == []


def test_labs_do_not_import_each_other() -> None:
    labs = {file.stem: file for file in (ROOT / "engine" / "labs").glob("*.py") if file.stem != "__init__"}
    assert labs, "engine/labs/ holds no lab, so this test would check nothing"
    found = [
        f"{slug} imports {name}"
        for slug, file in labs.items()
        for _, name in imports(file.read_text(encoding="utf-8"), "engine.labs")
        for other in labs
        if other != slug and within(name, f"engine.labs.{other}")
    ]
    assert found == []


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
        "engine.contract.device.resolve",
        "engine.lab",
        "streamlit",
    ]
    assert within("torch.nn", "torch")
    assert not within("torchmetrics", "torch")
