"""Two networks that learned to read digits of 28 x 28 before anybody came: a plain one, and one that was attacked."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from engine.contract import weights

FILE = Path(__file__).parent / "stored" / "attacked_digits_28.safetensors"


def load(plain: nn.Module, defended: nn.Module, *, attacked: bool) -> None:
    """Give both, small MLPs, the stored weights: to `defended` those of adversarial training only if `attacked`."""
    file = weights.read(FILE.read_bytes())
    pair = nn.ModuleDict({"plain": plain, "defended": defended})
    weights.fit(pair, file)
    if not attacked:
        defended.load_state_dict(plain.state_dict())
