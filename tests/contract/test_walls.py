"""The walls between the parts: who may import whom.  Imports inside functions count too."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from engine.contract import weights
from engine.contract.device import generator
from engine.data import shelf
from engine.nets.convnet import Architecture, ConvNet

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
    "engine.live": ("engine.contract", "engine.runs"),
    "engine.doctor": ("engine.contract", "engine.live", "engine.runs"),
    "ui": ("engine.contract", "engine.scene", "engine.figures", "engine.runs", "engine.live"),
    "pages": ("ui",),
}
NEVER = {
    "engine": ("streamlit",),
    "engine.scene": ("streamlit", "torch"),
    "engine.figures": ("streamlit", "torch"),
    **{f"engine.labs.{slug}.{part}": ("streamlit", "torch") for slug in LABS for part in ("config", "view")},
    **{f"engine.contract.template.{part}": ("streamlit", "torch") for part in ("config", "view")},
    "engine.doctor": ("streamlit", "torch", "numpy"),
    "ui": ("torch",),
    "pages": ("torch",),
}


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
    assert over == set(), "over a wall"


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
    assert circles(arrows()) == set()


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


# Takes what a page takes from each lab: its knobs, every choice of them, a network from the shelf, and what draws it.
# A library that only workers need is refused to whoever asks, so that each lab is found that does, not only the first.
LIGHT = """
import importlib, json, os, sys, traceback

HEAVY = ("torch", "sklearn", "scipy", "captum", "safetensors")
asked = []

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            way = [f.filename for f in traceback.extract_stack() if os.path.isabs(f.filename)]
            asked.append(" > ".join([*map(os.path.relpath, way), name]))
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refusal())

import engine
from engine.contract import registry
from engine.contract.knobs import ConfigError

def knobs(package):
    made = package.Config
    for spec in made().knobs().values():
        assert all(map(spec.title, spec.choices))
        if spec.name == "network":  # one from the shelf, and one that is not there
            taken = {"model": "taken"} if "model" in made().knobs() else {}
            if hasattr(made, "architecture"):
                assert made(network=os.environ["SHELVED"], **taken).architecture().channels == (3, 5)
            for key in (os.environ["SHELVED"], "0" * 20):  # where it does not fit it is refused, by its header
                try:
                    made(network=key, **taken)
                except ConfigError:
                    pass
        for value in (False, True) if spec.kind == "bool" else spec.choices:
            try:
                made(**{spec.name: (value,) if spec.kind == "choices" else value}).to_params()
            except ConfigError:  # a picture set that is not here, a network that is not chosen
                pass

found = {}
for slug in sys.argv[1:]:
    try:
        package = engine.lab(slug) if slug != "template" else importlib.import_module("engine.contract.template")
        knobs(package)
        importlib.import_module(f"{package.__name__}.config")
        importlib.import_module(f"{package.__name__}.view")
    except ModuleNotFoundError as error:
        if not asked:
            raise
    if asked:
        found[slug] = list(asked)
        asked.clear()
loaded = [name for name in HEAVY if name in sys.modules]
print(json.dumps([found, loaded]))
"""


def light(*slugs: str, **environment: str) -> tuple[dict[str, list[str]], list[str]]:
    """For each lab that asks for what only workers need, who did; and what of it was loaded nevertheless."""
    command = [sys.executable, "-c", LIGHT, *slugs]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYGROUND_DATA", folder)
        made = Architecture(side=28, classes=10, channels=(3, 5), norm="batch")
        told = {"lab": "cnn_filters", "architecture": made.to_json()}
        patch.setenv("SHELVED", shelf.keep(weights.write(ConvNet(made, generator(0, "weights")), told)))
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, encoding="utf-8"
        )
    assert not done.returncode, done.stderr
    found, loaded = json.loads(done.stdout)
    return found, loaded


def test_the_knobs_and_the_view_of_no_lab_load_torch() -> None:
    assert light(*LABS, "template") == ({}, [])


@pytest.mark.parametrize("line", ["import torch", "from engine.nets import optim"])
def test_a_lab_whose_knobs_load_torch_is_named(line: str, tmp_path: Path) -> None:
    for slug in ("first", "second"):
        (tmp_path / slug).mkdir()
        (tmp_path / slug / "__init__.py").write_text(
            "from engine.contract.registry import lazily\n__getattr__ = lazily(__name__)\n", encoding="utf-8"
        )
        (tmp_path / slug / "view.py").touch()
        (tmp_path / slug / "config.py").write_text(
            f"{line}\nfrom engine.contract.knobs import Config as Config\n", encoding="utf-8"
        )
    found, loaded = light("first", "gan", "second", PLAYGROUND_LABS=str(tmp_path))
    assert list(found) == ["first", "second"] and not loaded
    assert all(said.endswith(" > torch") and "config.py" in said for said in found["first"] + found["second"])
