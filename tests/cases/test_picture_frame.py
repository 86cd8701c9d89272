"""A thin dark frame turned paper into ink: the ground was taken from the outermost pixels.

A digit on white paper, with and without a thin black frame, is the same digit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.data.uploads import read_upload

PICTURES = Path(__file__).parent / "pictures"


@pytest.mark.parametrize("side", [8, 28])
def test_a_digit_is_the_same_with_a_frame(side: int) -> None:
    plain, framed = (read_upload((PICTURES / name).read_bytes(), side)[0] for name in ("seven.png", "seven_framed.png"))
    assert np.corrcoef(plain.ravel(), framed.ravel())[0, 1] > 0.9
