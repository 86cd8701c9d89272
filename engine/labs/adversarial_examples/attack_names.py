"""What the attacks are called and how that is written, and what may bound them; `attacks.py` has them."""

from __future__ import annotations

NAMES = ("random_sign", "fgsm", "bim", "pgd", "deepfool", "cw", "one_pixel")
TITLES = ("Random sign", "FGSM", "BIM", "PGD", "DeepFool", "C&W", "One pixel")
NORMS = ("inf", "2")
