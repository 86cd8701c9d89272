"""How far two colours are apart for an eye: CIEDE2000, as normal sight and as three dichromacies see them.

G. Sharma, W. Wu and E. N. Dalal (2005), The CIEDE2000 color-difference formula: implementation notes, supplementary
test data, and mathematical observations, Color Research & Application 30(1).  G. M. Machado, M. M. Oliveira and
L. A. F. Fernandes (2009), A physiologically-based model for simulation of color vision deficiency, IEEE TVCG 15(6).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Machado et al., table 1, severity 1.0: from linear RGB to the linear RGB that such an eye cannot tell from it.
SIGHT: dict[str, Floats] = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# From linear RGB with sRGB's primaries to XYZ.
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> Floats:
    """sRGB "#rrggbb" as linear light (3,)."""
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(light: Floats) -> Floats:
    """CIELAB (3,), white point D65, of linear light (3,)."""
    xyz = TO_XYZ @ np.clip(light, 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio."""
    first, second = sorted((TO_XYZ[1] @ linear(a), TO_XYZ[1] @ linear(b)))
    return float((second + 0.05) / (first + 0.05))


def difference(a: str, b: str, sight: str) -> float:
    """CIEDE2000 between two colours "#rrggbb" as an eye of this kind sees them."""
    return ciede2000(lab(SIGHT[sight] @ linear(a)), lab(SIGHT[sight] @ linear(b)))


def ciede2000(one: Floats, other: Floats) -> float:
    """CIEDE2000 between two colours in CIELAB, each (3,), with all weights 1: equations 2 to 22 of Sharma et al."""
    L, a, b = np.stack([one, other]).T  # each (2,)
    chroma = np.hypot(a, b).mean()
    a = a * (1 + 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7))))
    C, h = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    grey = C.prod() == 0
    turn = 0.0 if grey else (h[1] - h[0] + 180) % 360 - 180  # within half a turn
    if not grey and h[1] - h[0] == 180:
        turn = 180.0
    dL, dC, dH = L[1] - L[0], C[1] - C[0], 2 * np.sqrt(C.prod()) * np.sin(np.radians(turn / 2))
    L_, C_ = L.mean(), C.mean()
    h_ = h.sum() if grey else h.mean()
    if not grey and abs(h[1] - h[0]) > 180:
        h_ += 180 if h.sum() < 360 else -180
    cos = lambda degrees: np.cos(np.radians(degrees))  # noqa: E731
    T = 1 - 0.17 * cos(h_ - 30) + 0.24 * cos(2 * h_) + 0.32 * cos(3 * h_ + 6) - 0.20 * cos(4 * h_ - 63)
    around_blue = 30 * np.exp(-(((h_ - 275) / 25) ** 2))
    R_C = 2 * np.sqrt(C_**7 / (C_**7 + 25.0**7))
    S_L = 1 + 0.015 * (L_ - 50) ** 2 / np.sqrt(20 + (L_ - 50) ** 2)
    S_C, S_H = 1 + 0.045 * C_, 1 + 0.015 * C_ * T
    R_T = -np.sin(np.radians(2 * around_blue)) * R_C
    light, c, h = dL / S_L, dC / S_C, dH / S_H
    return float(np.sqrt(light**2 + c**2 + h**2 + R_T * c * h))
