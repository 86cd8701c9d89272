"""When does memorising become knowing?

A small network is shown a part of a table, such as a + b modulo 43, and soon knows that part by heart.  Of the rest it
knows nothing, for a long time; and then, within some hundred steps, everything.  Watch the table fill, and the circle
that was there before it: the network puts the residues on circles and adds angles.

References: Power et al., "Grokking: generalization beyond overfitting on small algorithmic datasets", 2022; Nanda et
al., "Progress measures for grokking via mechanistic interpretability", ICLR 2023; Liu et al., "Towards understanding
grokking", NeurIPS 2022, and "Omnigrok", ICLR 2023; Gromov, "Grokking modular arithmetic", 2023; Zhong et al., "The
clock and the pizza", NeurIPS 2023; Barak et al., "Hidden progress in deep learning", NeurIPS 2022 (parities).
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
