"""What there is to choose from, and what it is called; without torch, for knobs and words."""

from __future__ import annotations

KINDS = {"full": "full", "window": "window", "blocks": "blocks", "linear": "linear", "nsa": "NSA"}
TASKS = {"pairs": "pairs", "needle": "a needle in noise"}
TALKING = ("full", "window", "blocks")  # kinds whose heads have one square each, which they can mix
FEATURES = {"elu": "ELU + 1", "relu": "ReLU", "softmax": "softmax"}
SHARING = {"multi_head": "each head its own (MHA)", "grouped": "shared in groups (GQA)",
           "multi_query": "one for all heads (MQA)", "latent": "from a latent (MLA)"}  # fmt: skip
SMALLEST = -44  # log2 of the least size of a gradient's number that is counted apart
EVERY = 10  # of many additions, every tenth sum is kept to be drawn
NUMBERS = {"bf16": "bf16", "fp16": "fp16", "e4m3": "fp8 (e4m3)", "e5m2": "fp8 (e5m2)"}
WEIGHTS = {"float32": "float32", "bf16": "bf16, to the nearest", "lot": "bf16, up or down by lot",
           "copy": "bf16, and a float32 copy"}  # fmt: skip
GRADIENTS = {"float32": "float32", **{name: NUMBERS[name] for name in ("fp16", "e5m2", "e4m3")}}
SIZES = ("512", "1024", "2048", "4096")  # lengths up to which times are taken
# Layers, heads, heads of keys and values, width of a head, latent numbers of a layer (0: none), and which it uses.
MODELS = (
    ("GPT-2 XL (2019)", 48, 25, 0, 64, 0, "multi_head"),
    ("Llama 3 70B (2024)", 80, 64, 8, 128, 0, "grouped"),
    ("DeepSeek-V2 (2024)", 60, 128, 0, 128, 576, "latent"),
)
