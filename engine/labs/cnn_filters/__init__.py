"""What does a convolution look for?

A small kernel slides over a picture and answers at every place with one number: how much this place looks like me.
Nobody tells the kernels what to look for; watch them become detectors of edges, then of strokes, then of digits, while
the network learns to read.  Then ask it which pixels it went by, and ask whether that answer can be trusted.

References: LeCun et al., "Gradient-based learning applied to document recognition", 1998; Zeiler and Fergus,
"Visualizing and understanding convolutional networks", ECCV 2014; He et al., "Deep residual learning for image
recognition", CVPR 2016; Zhang, "Making convolutional networks shift-invariant again", ICML 2019; Adebayo et al.,
"Sanity checks for saliency maps", NeurIPS 2018.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
