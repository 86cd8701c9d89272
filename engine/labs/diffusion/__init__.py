"""How does noise become a picture?

A network sees points to which noise was added, and learns to say what was added.  That is all it learns, and enough:
begin with nothing but noise, take away a little of what it says, and ask again.  Watch particles find the shape, the
field of arrows that carries them, and how many steps it takes.

References: Sohl-Dickstein et al., "Deep unsupervised learning using nonequilibrium thermodynamics", 2015; Ho et al.,
"Denoising diffusion probabilistic models", 2020; Song et al., "Denoising diffusion implicit models", 2021; Ho and
Salimans, "Classifier-free diffusion guidance", 2022; Lipman et al., "Flow matching for generative modeling", 2023.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
