"""How do experts share the work?

A router sends each token to a few of many experts, and all of them learn together.  Watch the plane being divided among
the experts while the routing forms, some experts starve, and what it takes to keep all of them at work.  Two dense
networks learn from the same batches: one with the neurons that a token meets, and one that stores as much.

References: Jacobs et al., "Adaptive mixtures of local experts", 1991; Shazeer et al., "Outrageously large neural
networks", ICLR 2017; Lepikhin et al., "GShard", 2020 (capacity); Fedus et al., "Switch transformers", JMLR 2022 (the
balancing loss); Dai et al., "DeepSeekMoE", 2024 (shared experts); Wang et al., "Auxiliary-loss-free load balancing",
2024, and DeepSeek-AI, "DeepSeek-V3", 2024 (the bias).
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
