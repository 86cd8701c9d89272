"""What labs learn from: points, tables, pictures, texts, and what visitors bring."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def __getattr__(name: str) -> Any:
    """`engine.data.read_csv`, `engine.data.DataError` and their like, under the name that they have always had."""
    if not name.startswith("__") and not importlib.util.find_spec(f"engine.data.{name}"):
        for part in ("plane", "tables"):
            module = importlib.import_module(f"engine.data.{part}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'engine.data' has no attribute '{name}'")
