"""Why does the learning rate decide everything?

Optimisers race down one loss of two parameters, all from the same point and with the same noise.  Watch what happens at
the edge 2/L, where L is the largest curvature (eigenvalue of the Hessian): just under it gradient descent converges,
just over it every step overshoots further.  In a ravine, where L is much larger than the smallest curvature m, the edge
allows only steps that are far too short along the floor; momentum and per-coordinate scaling are two answers to that.

Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.  Kingma and Ba, "Adam", ICLR 2015.
Goodfellow, Bengio and Courville, "Deep Learning", chapter 8.  The optimisers stand in engine/optim.py, the surfaces in
engine/surfaces.py, the predicted rate in engine/curvature.py.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
