"""Can a bigger model overfit less?

The classical answer is a U: a model that is too small misses what is there, one that is too large learns the noise by
heart.  Make it larger still, and the test error falls again.  Watch where the peak stands, what the fit looks like
there and beyond, how large its coefficients grow, and what a little ridge does to it.  Every point on the curve is a
model fitted from scratch, for all seeds at once.

References: Belkin, Hsu, Ma, Mandal, "Reconciling modern machine-learning practice and the classical bias-variance
trade-off", PNAS 2019; Belkin, Hsu, Xu, "Two models of double descent for weak features", 2020; Nakkiran et al., "Deep
double descent", 2020; Hastie et al., "Surprises in high-dimensional ridgeless least squares interpolation", 2022;
Heckel and Yilmaz, "Early stopping in deep networks: double descent and how to eliminate it", 2021.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
