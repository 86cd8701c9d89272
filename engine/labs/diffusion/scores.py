"""Everything that is measured of samples, of the plane or of digits, against real points."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.data import point_clouds
from engine.measures import class_scores, distances


def measure(
    x: Tensor, name: str, *, real: Tensor, known: Tensor, labels: Tensor | None, asked: Tensor | None
) -> tuple[dict[str, float], Tensor]:
    """Scores of the samples `x` (N, d) of the distribution `name`, and the variety of each class, (classes,) or (0,).

    They are compared with `real` (M, d).  If they were `asked` for by class (N,), then also with `known` points (K, d)
    of classes `labels` (K,).  Waits for the GPU.
    """
    scores = {"energy_distance": distances.energy_distance(x, real)}
    variety = torch.zeros(0)
    if asked is not None and labels is not None:
        variety = class_scores.variety(x, asked, known, labels)
        found = point_clouds.classes(name, x) if name in point_clouds.CLASSES else None
        scores["variety"] = float(variety.mean())
        scores["recognised"] = (class_scores.recognised(x, asked, known, labels) if found is None
                                else float((found == asked).float().mean()))  # fmt: skip
    centres = point_clouds.centres(name)
    if centres is not None:
        near = torch.cdist(x, centres.to(x)).min(dim=1).values <= distances.RADIUS * point_clouds.SIGMA
        scores["modes"] = float(distances.modes_covered(x, centres.to(x), point_clouds.SIGMA))
        scores["within"] = float(near.float().mean())
    return scores, variety
