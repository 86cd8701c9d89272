"""The files that draw a scene in a browser: they lie beside the package, in the folder ``assets``."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def asset(name: str) -> Path:
    """Where one of them is.  Raises FileNotFoundError if the package was moved without them."""
    if not (ASSETS / name).exists():
        raise FileNotFoundError(
            f"Pictures need the folder 'assets', which lies beside the package 'engine' in a checkout of the "
            f"playground.  Here {ASSETS / name} is missing."
        )
    return ASSETS / name
