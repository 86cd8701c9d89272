"""How a classifier of pictures does on the test pictures, evaluated a few at a time so that no step takes long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.images import Images

EVALUATED = 500  # test pictures, at most
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # pixels to the right and down


class Results:
    """What the network answered when each test picture was last evaluated; -1 where it has not been asked yet."""

    def __init__(self, images: Images, at_a_time: int, device: torch.device) -> None:
        self.x = torch.from_numpy(images.test_x[:EVALUATED]).to(device)  # (N, 1, side, side)
        self.truth = np.asarray(images.test_y[:EVALUATED])
        self.moved = torch.empty_like(self.x)
        for i, (right, down) in enumerate(SHIFTS):  # each picture in one direction
            self.moved[i :: len(SHIFTS)] = shifted(self.x[i :: len(SHIFTS)], right, down)
        self.at_a_time, self.next = min(at_a_time, len(self.x)), 0
        n = len(self.x)
        self.answers = np.full(n, -1, np.int64)
        self.moved_answers = np.full(n, -1, np.int64)
        self.losses = np.zeros(n, np.float32)
        self.sureness = np.zeros(n, np.float32)  # probability of the answer

    def evaluate(self, model: nn.Module) -> None:
        """Ask `model`, in evaluation mode, about the next few pictures, as they are and moved by one pixel."""
        places = (self.next + np.arange(self.at_a_time)) % len(self.x)
        self.next = int(self.next + self.at_a_time) % len(self.x)
        at = torch.from_numpy(places)
        with torch.no_grad():
            logits, moved = model(torch.cat([self.x[at], self.moved[at]])).cpu().chunk(2)  # waits for the GPU
        probability, answer = logits.softmax(1).max(1)
        self.answers[places], self.sureness[places] = answer.numpy(), probability.numpy()
        self.losses[places] = F.cross_entropy(logits, torch.from_numpy(self.truth[places]), reduction="none").numpy()
        self.moved_answers[places] = moved.argmax(1).numpy()

    @property
    def asked(self) -> NDArray[np.bool_]:
        return self.answers >= 0

    def metrics(self) -> dict[str, float]:
        """Means over the pictures that have been evaluated; nothing before the first."""
        there = self.asked
        if not there.any():
            return {}
        truth = self.truth[there]
        return {
            "test_loss": float(self.losses[there].mean(dtype=np.float64)),
            "test_accuracy": float((self.answers[there] == truth).mean()),
            "moved_accuracy": float((self.moved_answers[there] == truth).mean()),
        }

    def confusion(self, classes: int) -> NDArray[np.int64]:
        """Counts (classes, classes): row is the truth, column the answer."""
        there = self.asked
        flat = np.bincount(self.truth[there] * classes + self.answers[there], minlength=classes**2)
        return flat.reshape(classes, classes).astype(np.int64)

    def mistakes(self, count: int) -> NDArray[np.int64]:
        """Places of the wrong answers with the largest loss, worst first."""
        wrong = np.flatnonzero(self.asked & (self.answers != self.truth))
        return wrong[np.argsort(-self.losses[wrong], kind="stable")][:count].astype(np.int64)

    def state_dict(self) -> dict[str, Any]:
        return {"next": self.next} | {name: getattr(self, name).copy() for name in _KEPT}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.next = state["next"]
        for name in _KEPT:
            getattr(self, name)[:] = state[name]


_KEPT = ("answers", "moved_answers", "losses", "sureness")


def shifted(x: Tensor, right: int, down: int) -> Tensor:
    """Pictures (N, 1, H, W) moved by whole pixels; what comes in at the border is black."""
    return torch.roll(F.pad(x, (4, 4, 4, 4)), (down, right), dims=(2, 3))[..., 4:-4, 4:-4].contiguous()
