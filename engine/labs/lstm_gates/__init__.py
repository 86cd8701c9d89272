"""How does a network remember?

A recurrent network reads a sequence step by step and has only its state to remember with.  Three cells, a tanh RNN, a
GRU and an LSTM, learn the same task from the same sequences.  Watch the gates open and close as the cursor moves along
the sequence, and how much of the gradient reaches each earlier step: what does not arrive cannot be learned from.

References: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997; Gers, Schmidhuber, Cummins,
"Learning to forget", Neural Computation 2000; Cho et al., "Learning phrase representations using RNN encoder-decoder",
EMNLP 2014; Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013; Karpathy,
Johnson, Fei-Fei, "Visualizing and understanding recurrent networks", 2015; Strobelt et al., "LSTMVis", 2018.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__, "cells")
