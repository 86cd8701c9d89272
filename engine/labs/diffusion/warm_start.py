"""A network that was trained on the digits before anybody came, so that digits can be drawn at once.

``python -m engine.labs.diffusion.warm_start`` trains it again and writes the file: it is the diffusion lab's own
network, by its own steps at its own defaults, from seed 0.
"""

from __future__ import annotations

from pathlib import Path

import torch

from engine.contract import weights, whole_file
from engine.nets.denoiser import Denoiser

FILE = Path(__file__).parent / "stored" / "diffusion_digits.safetensors"
UPDATES = 8_000


def load(network: Denoiser) -> None:
    """Give `network`, the diffusion lab's of medium size for digits, the stored weights."""
    weights.fit(network, weights.read(FILE.read_bytes()))


def make() -> None:
    """Train the network and write the file, in half precision.  A few minutes."""
    from engine.labs.diffusion.config import Config
    from engine.labs.diffusion.experiment import Experiment

    torch.set_num_threads(1)
    experiment = Experiment(Config(data="digits"))
    for _ in range(UPDATES):
        experiment.step()
    FILE.parent.mkdir(exist_ok=True)
    about = {"lab": "diffusion", "config": "data=digits", "updates": str(UPDATES)}
    whole_file.write(FILE, weights.write(experiment.model.half(), about))


if __name__ == "__main__":
    make()
