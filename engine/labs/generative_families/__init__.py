"""Four ways to learn a distribution: who pays what?

A variational autoencoder, a GAN, a normalizing flow (RealNVP) and a diffusion model see the same batches of points at
the same time, and are judged by the same measures.  Each gives up something else: the autoencoder sharpness, the GAN
any measure of its own, the flow the freedom to tear the plane, diffusion the speed of drawing.  Watch who covers which
modes, what lies between them, and what a sample costs.

References: Kingma and Welling, "Auto-encoding variational Bayes", 2014; Goodfellow et al., "Generative adversarial
nets", 2014; Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", 2017; Ho, Jain, Abbeel, "Denoising
diffusion probabilistic models", 2020; Theis, van den Oord, Bethge, "A note on the evaluation of generative models",
2016; Xiao, Kreis, Vahdat, "Tackling the generative learning trilemma with denoising diffusion GANs", 2022.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
