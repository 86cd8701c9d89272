"""Why does a little noise fool it?

Two networks start from the same weights.  One learns from pictures as they are, the other defends itself, for instance
by learning from pictures under attack.  Watch a change that nobody would notice turn one digit into another, while
random noise of the same size does nothing; then watch how much of that the defence takes away, and what it costs.

References: Szegedy et al., "Intriguing properties of neural networks", 2014; Goodfellow, Shlens, Szegedy, "Explaining
and harnessing adversarial examples", 2015; Madry et al., "Towards deep learning models resistant to adversarial
attacks", 2018; Tsipras et al., "Robustness may be at odds with accuracy", 2019; Xu, Evans, Qi, "Feature squeezing",
2018; Athalye, Carlini, Wagner, "Obfuscated gradients give a false sense of security", 2018.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
