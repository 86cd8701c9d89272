"""Notebooks and scripts from before the packages go on working: every former name is the module of today."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from visitor import ROOT

import engine
from engine import former


@pytest.mark.parametrize("name", former.MODULES)
def test_a_former_name_is_the_module_of_today(name: str) -> None:
    today = importlib.import_module(f"engine.{former.MODULES[name]}")
    assert importlib.import_module(f"engine.{name}") is today is getattr(engine, name)
    assert today.__spec__ is not None and today.__spec__.name == f"engine.{former.MODULES[name]}"


def test_what_scripts_wrote_still_means_the_same() -> None:
    code = """
import engine
from engine.lab import Config, ConfigError, knob
from engine.optim import make
from engine.data import DataError, read_csv
from engine import data, metrics, optim
assert optim.make is make and data.read_csv is read_csv and issubclass(DataError, ValueError)
assert engine.lab("gan").Config().seed == 0 and len(engine.labs()) > 1 and engine.Config is Config
from ui import story
assert story.FURTHEST == 1_000_000
print("as before")
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert told.stdout.strip() == "as before", told.stderr
