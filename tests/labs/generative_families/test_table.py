"""The table below the stage holds what the lesson speaks of: also the share of strays."""

from __future__ import annotations

import numpy as np
from scene_format import words

from engine.contract.view import View
from engine.labs.generative_families import Config, Experiment
from engine.labs.generative_families.view import stage
from engine.measures.distances import RADIUS


def table(experiment: Experiment, *, beside: bool = False) -> list[list[str]]:
    """The rows of cells, the one with the names first."""
    said = words(stage(View(experiment.frame(), experiment.config, beside=beside)))
    return [row.split(" | ") for row in said.splitlines() if " | " in row]


def test_the_table_tells_strays_of_every_family_and_of_real_points() -> None:
    experiment = Experiment(Config(families=("vae", "diffusion"), objective="flow", sampling_steps=1))
    measured = experiment.frame().measured["strays"]
    expected = [np.exp(-(RADIUS**2) / 2), *(np.mean(measured[name]) for name in ("vae", "diffusion"))]
    head, *rows = table(experiment)
    column = head.index("strays")
    assert [row[column] for row in rows] == [f"{100 * share:.1f}\N{NO-BREAK SPACE}%" for share in expected]
    assert rows[2][0].startswith("Diffusion makes the squared error in guessing the direction")


def test_where_there_are_no_heaps_nothing_strays() -> None:
    head, *rows = table(Experiment(Config(families=("vae",), data="spiral")))
    assert {row[head.index("strays")] for row in rows} == {"–"}
    assert "nan" not in " ".join(map(" ".join, rows))


def test_beside_another_run_the_table_says_only_the_names() -> None:
    head, *rows = table(Experiment(Config(families=("vae", "gan"))), beside=True)
    assert [head[0], *(row[0].strip() for row in rows)] == ["", "Real points", "Autoencoder (VAE)", "Adversarial (GAN)"]
