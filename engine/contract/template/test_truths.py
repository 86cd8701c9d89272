"""The truths of the lab: gradient descent arrives where the normal equations say."""

from __future__ import annotations

import numpy as np
import pytest

import engine


@pytest.mark.parametrize("seed", range(3))
def test_the_line_arrives_at_the_best_one(seed: int) -> None:
    lab = engine.lab("SLUG")
    experiment = lab.Experiment(lab.Config(seed=seed, learning_rate=0.5))
    for _ in engine.train(experiment, 500):
        pass
    frame = experiment.frame()
    x, y = frame.points.T
    assert frame.best == pytest.approx(np.polyfit(x, y, 1), abs=1e-4)
    assert frame.line == pytest.approx(frame.best, abs=1e-4)
