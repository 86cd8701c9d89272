"""What is between two digits?

An encoder turns each picture into a small cloud on a plane, a decoder turns every point of that plane into a picture.
Watch the plane fill with digits, drag a point from one to another, and see what lies between.  Then turn up the price
of a code until the plane dies, or drop it and watch holes open where nothing is decoded to anything.

References: Kingma and Welling, "Auto-encoding variational Bayes", 2014; Rezende, Mohamed, Wierstra, "Stochastic
backpropagation", 2014; Higgins et al., "beta-VAE", 2017; Tolstikhin et al., "Wasserstein auto-encoders", 2018;
Lucas et al., "Don't blame the ELBO! A linear VAE perspective on posterior collapse", 2019.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
