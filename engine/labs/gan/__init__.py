"""Can a forger and a detective learn together?

A generator turns noise into points, or digits, and wants them taken for real; a discriminator wants to tell them from
real ones.  Watch the discriminator's surface push the fakes around, the generator fold its noise over the data, how
many of the modes it covers, and how easily the two run in circles instead of meeting.

References: Goodfellow et al., "Generative adversarial nets", 2014; Mescheder, Geiger, Nowozin, "Which training methods
for GANs do actually converge?", 2018 (Dirac-GAN); and those in `engine.nets.gan_losses`.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
