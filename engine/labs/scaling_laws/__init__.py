"""What does ten times more buy?

Ten sizes of one language model learn together, each from the same tokens, in a language whose entropy is known to the
last digit: so the floor below which no model gets is a line on the screen, and not a guess.  Watch the small models
lead, then the large ones overtake them, and the envelope of all become a straight line once the floor is taken off.
A law L(N, D) = E + A/N^alpha + B/D^beta is fitted while they train, and says how to spend the next budget.

References: Kaplan et al., "Scaling laws for neural language models", 2020; Hoffmann et al., "Training compute-optimal
large language models", 2022; Besiroglu et al., "Chinchilla scaling: a replication attempt", 2024; Sardana et al.,
"Beyond Chinchilla-optimal: accounting for inference in language model scaling laws", ICML 2024; Muennighoff et al.,
"Scaling data-constrained language models", NeurIPS 2023; Schaeffer, Miranda, Koyejo, "Are emergent abilities of large
language models a mirage?", NeurIPS 2023; Shamir, Zhang, "Stochastic gradient descent for non-smooth optimization",
ICML 2013 (the averaged weights).
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__, "bigrams", "parametric", "fitting")
