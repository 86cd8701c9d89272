"""What there is to choose from, and what it is called; without torch, for knobs and words."""

from __future__ import annotations

KINDS = {"full": "full", "window": "window", "blocks": "blocks", "linear": "linear"}
FEATURES = {"elu": "ELU + 1", "relu": "ReLU", "softmax": "softmax"}
SHARING = {"multi_head": "each head its own", "grouped": "one for four heads", "multi_query": "one for all heads",
           "latent": "from a latent"}  # fmt: skip
SIZES = ("512", "1024", "2048", "4096")  # lengths up to which times are taken
# Layers, heads, groups of heads that share keys and values, width of a head, and latent numbers of a layer (0: none).
MODELS = (
    ("GPT-2 XL (2019)", 48, 25, 25, 64, 0),
    ("Llama 3 70B (2024)", 80, 64, 8, 128, 0),
    ("DeepSeek-V2 (2024)", 60, 128, 128, 128, 576),
)
