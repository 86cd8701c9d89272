"""How the stored network was made: ``python -m engine.labs.cnn_filters.warm_start`` trains it again, writes the file.

It is the lab's own network, by its own steps from seed 0 and random weights; the pictures are moved, turned and scaled
a little, so that it also reads what visitors draw.
"""

from __future__ import annotations

import torch

from engine.contract import weights, whole_file
from engine.labs.cnn_filters.config import Config
from engine.labs.cnn_filters.experiment import Experiment
from engine.labs.cnn_filters.trained_digits import FILE

UPDATES = 3000
RATES = (0.003, 0.0005)  # the second for the last third


def make() -> None:
    """Train the network and write the file.  Half a minute."""
    torch.set_num_threads(1)
    experiment = Experiment(Config(start="scratch", augmentation="warp", learning_rate=RATES[0]))
    for update in range(UPDATES):
        if update == UPDATES * 2 // 3:
            experiment.update(Config(start="scratch", augmentation="warp", learning_rate=RATES[1]))
        experiment.step()
    FILE.parent.mkdir(exist_ok=True)
    about = {"lab": "cnn_filters", "updates": str(UPDATES), **experiment.about()}
    whole_file.write(FILE, weights.write(experiment.model, about))


if __name__ == "__main__":
    make()
