"""How the stored networks were made: ``python -m engine.labs.adversarial_examples.warm_start`` trains them again.

They are the lab's own, by its own steps from seed 0 and random weights, at its own defaults but for how long.
"""

from __future__ import annotations

import torch
from torch import nn

from engine.contract import weights, whole_file
from engine.labs.adversarial_examples.config import Config
from engine.labs.adversarial_examples.experiment import Experiment
from engine.labs.adversarial_examples.trained_digits import FILE

UPDATES = 1500


def make() -> None:
    """Train both networks and write the file, in half precision.  Half a minute."""
    torch.set_num_threads(1)
    experiment = Experiment(Config(start="scratch", training_steps=UPDATES))
    for _ in range(UPDATES):
        experiment.step()
    FILE.parent.mkdir(exist_ok=True)
    about = {"lab": "adversarial_examples", "updates": str(UPDATES), **experiment.about()}
    pair = nn.ModuleDict({"plain": experiment.model, "defended": experiment.defended})
    whole_file.write(FILE, weights.write(pair.half(), about))


if __name__ == "__main__":
    make()
