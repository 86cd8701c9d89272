"""Where does the translator look?

A small network learns to translate from nothing but pairs of sentences.  The language is invented, so it is known which
word of the translation came from which word of the source: the network never is told.  Watch the matrix of its
attention, word by word of the translation, move into the boxes of the true alignment; and beside it the same network
without attention, which has to put a whole sentence into one vector.

References: Sutskever et al., "Sequence to sequence learning with neural networks", NeurIPS 2014; Cho et al., "Learning
phrase representations using RNN encoder-decoder", EMNLP 2014; Bahdanau et al., "Neural machine translation by jointly
learning to align and translate", ICLR 2015; Luong et al., "Effective approaches to attention-based neural machine
translation", EMNLP 2015; Vaswani et al., "Attention is all you need", NeurIPS 2017; Papineni et al., "BLEU", ACL 2002;
Wu et al., "Google's neural machine translation system", 2016 (length penalty); Mihaylova and Martins, "Scheduled
sampling for transformers", 2019 (guesses in two passes); Jain and Wallace, "Attention is not explanation", NAACL 2019.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
