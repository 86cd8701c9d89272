"""What does each neuron see?

A network of a few neurons learns to colour the plane.  Watch what each neuron makes of the plane, how the hidden layers
bend it until a straight cut is enough, and how the gradient travels back through the layers that the data came through.
Many networks that differ in their seed alone can be trained together.

References: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 1986; Smilkov et
al., "Direct-manipulation visualization of deep networks" (TensorFlow Playground), 2017; Olah, "Neural networks,
manifolds, and topology", 2014; Ioffe and Szegedy, "Batch normalization", 2015; Ba et al., "Layer normalization", 2016.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__, "chain_rule")
