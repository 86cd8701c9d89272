"""What may be left out?

Attention compares each place with every earlier one: four times the work for twice the length.  A window leaves out
what is far, blocks what seems not to fit, linear attention keeps one small table instead of everything.  All learn
from the same batches here.  Watch whose recall breaks as pairs of key and value get more, and for what share of the
work; and see flash attention, which leaves out nothing but never writes the square.

References: Vaswani et al., "Attention is all you need", 2017; Beltagy, Peters, Cohan, "Longformer", 2020; Katharopoulos
et al., "Transformers are RNNs", ICML 2020; Arora et al., "Zoology", ICLR 2024; Lu et al., "MoBA", 2025; Milakov,
Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", NeurIPS 2022; Shazeer,
"Fast transformer decoding", 2019; Ainslie et al., "GQA", 2023; DeepSeek-AI, "DeepSeek-V2", 2024; Yuan et al., "Native
sparse attention", 2025; Micikevicius et al., "Mixed precision training", 2018, "FP8 formats for deep learning", 2022.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
