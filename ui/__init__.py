"""Everything that imports Streamlit and is not a page."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "story":  # its former place; scripts that check links ask for it here
        return importlib.import_module("engine.runs.story")
    raise AttributeError(f"module 'ui' has no attribute '{name}'")
