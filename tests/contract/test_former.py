"""Notebooks and scripts from before the packages go on working: every former name means something today.

``former_names.txt`` has what each former module ``engine.X`` defined for others to use, as it was then; but for two
that went with the looks in advance, for which alone they were there (``processes.QUICK``, ``hosted.newest``).
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from visitor import ROOT

import engine
from engine import former

TABLE = Path(__file__).with_name("former_names.txt").read_text(encoding="utf-8").replace("\n  ", " ")
NAMES = {module: names.split() for module, names in (line.split(": ") for line in TABLE.splitlines())}


@pytest.mark.parametrize("module", NAMES)
def test_every_name_of_a_former_module_can_be_imported(module: str) -> None:
    for name in NAMES[module]:
        exec(f"from engine.{module} import {name}", {})


def test_the_table_is_whole() -> None:
    former_modules = {name for name in NAMES if not name.startswith("labs.")}
    assert former_modules - {"data"} == {*former.MODULES, "lab"}  # engine.data is a package of the same name
    assert len([name for names in NAMES.values() for name in names]) > 700
    assert set(former.MOVED) <= {f"{module}.{name}" for module, names in NAMES.items() for name in names}


@pytest.mark.parametrize("old", former.MOVED)
def test_a_name_that_left_its_module_is_what_it_is_there(old: str) -> None:
    module, name = old.split(".")
    home, _, new = former.MOVED[old].rpartition(".")
    there = importlib.import_module(f"engine.{module}")
    assert getattr(there, name) is getattr(importlib.import_module(f"engine.{home}"), new)
    assert name in dir(there) and name in there.__all__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        there.nothing  # noqa: B018


@pytest.mark.parametrize("name", sorted({*former.MODULES} - former.SPLIT))
def test_a_former_name_is_the_module_of_today(name: str) -> None:
    today = importlib.import_module(f"engine.{former.MODULES[name]}")
    assert importlib.import_module(f"engine.{name}") is today is getattr(engine, name)
    assert today.__spec__ is not None and today.__spec__.name == f"engine.{former.MODULES[name]}"


def test_what_scripts_wrote_still_means_the_same() -> None:
    code = """
import engine
from engine.lab import Config, ConfigError, Experiment, knob
from engine.optim import make
from engine.data import DataError, read_csv
from engine import data, metrics, optim, pool
from engine.pool import *
assert pool.start is start and engine.pool is pool and engine.Experiment is Experiment
assert optim.make is make and data.read_csv is read_csv and issubclass(DataError, ValueError)
assert engine.lab("gan").Config().seed == 0 and len(engine.labs()) > 1 and engine.Config is Config
from ui import story
assert story.FURTHEST == 1_000_000
print("as before")
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert told.stdout.strip() == "as before", told.stderr
