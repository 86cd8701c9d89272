"""What the attacks are called and how that is written, and what may bound them; `attacks.py` has them."""

from __future__ import annotations

NAMES = ("random_sign", "fgsm", "bim", "pgd", "deepfool", "cw", "one_pixel")
TITLES = ("Random sign", "FGSM", "BIM", "PGD", "DeepFool", "C&W", "One pixel")
EXPLAINED = (
    "Random sign: noise",
    "FGSM: one gradient step",
    "BIM: several steps",
    "PGD: several steps, random start",
    "DeepFool",
    "C&W",
    "One pixel",
)  # where there is room for more than the name
NORMS = ("inf", "2")
