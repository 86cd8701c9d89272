"""What pages import, before the first visitor needs it."""

from __future__ import annotations

import importlib
import logging
import pkgutil

import ui
from engine.contract import registry

FURTHER = ("PIL.ImageFile",)  # Streamlit's (1.67), when it first meets the icon of a page
log = logging.getLogger("playground")


def import_pages() -> None:
    """Import every module of `ui` and the knobs of each of our own labs.

    What cannot be imported costs a sentence in the log, with its traceback, and the pages that need it.  A lab from
    outside is imported when somebody opens it.
    """
    for module in pkgutil.walk_packages(ui.__path__, f"{ui.__name__}.", onerror=_missed):
        _import(module.name)
    for name in (*(f"engine.labs.{slug}.config" for slug in registry.own()), *FURTHER):
        _import(name)
    registry.cards()  # read once, and kept


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception:
        _missed(name)


def _missed(name: str) -> None:
    log.exception("%s cannot be imported: pages that need it will fail.", name)
