"""A network that was trained on the digits before anybody came, so that digits can be drawn at once."""

from __future__ import annotations

from pathlib import Path

from engine.contract import weights
from engine.nets.denoiser import Denoiser

FILE = Path(__file__).parent / "stored" / "diffusion_digits.safetensors"


def load(network: Denoiser) -> None:
    """Give `network`, the diffusion lab's of medium size for digits, the stored weights."""
    weights.fit(network, weights.read(FILE.read_bytes()))
