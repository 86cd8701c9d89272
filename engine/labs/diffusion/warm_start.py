"""How the stored network was made: ``python -m engine.labs.diffusion.warm_start`` trains it again and writes the file.

It is the diffusion lab's own network, by its own steps at its own defaults, from seed 0.
"""

from __future__ import annotations

import torch

from engine.contract import weights, whole_file
from engine.labs.diffusion.config import UPDATES, Config
from engine.labs.diffusion.experiment import Experiment
from engine.labs.diffusion.trained_digits import FILE, load

__all__ = ["FILE", "UPDATES", "load", "make"]


def make() -> None:
    """Train the network and write the file, in half precision.  A few minutes."""
    torch.set_num_threads(1)
    experiment = Experiment(Config(data="digits"))
    for _ in range(UPDATES):
        experiment.step()
    FILE.parent.mkdir(exist_ok=True)
    about = {"lab": "diffusion", "config": "data=digits", "updates": str(UPDATES)}
    whole_file.write(FILE, weights.write(experiment.model.half(), about))


if __name__ == "__main__":
    make()
