"""What must a memory select?

A state space layer carries a few numbers from place to place.  In S4 how fast they fade is fixed, so the layer is a
convolution; in Mamba the step size is computed from what is read: a large one writes and forgets, one near zero lets
a place pass unseen.  Watch the steps open at the letters and stay shut at the noise, and what the same letters become
beside it, in a layer that cannot choose.

References: Gu et al., "HiPPO", NeurIPS 2020; Gu, Goel, Ré, "Efficiently modeling long sequences with structured state
spaces" (S4), ICLR 2022; Gu et al., "On the parameterization and initialization of diagonal state space models" (S4D),
NeurIPS 2022; Gu, Dao, "Mamba", 2023; Dao, Gu, "Transformers are SSMs" (Mamba-2), ICML 2024; Ali, Zimerman, Wolf, "The
hidden attention of Mamba models", 2024; Blelloch, "Prefix sums and their applications", 1990.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__, "systems")
