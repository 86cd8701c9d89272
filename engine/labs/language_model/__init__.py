"""What does predicting the next token teach?

A network learns one thing: given the text so far, which token comes next?  Watch the same line of writing, drawn with
the same random numbers each time, turn from noise into letters, words and phrases of the text that it learns from; and
the bits that a character of text costs it, held out from training, fall below those of tables that count.

It may also learn to fill blanks from both sides, a share of a text or any number of them, so that it writes by filling
blanks in any order, pass by pass; or, in a made world, words by their neighbours.

References: Shannon, "Prediction and entropy of printed English", 1951; Bengio et al., "A neural probabilistic language
model", JMLR 2003; Witten and Bell, "The zero-frequency problem", 1991; Mikolov et al., "Efficient estimation of word
representations in vector space", 2013; Levy and Goldberg, "Neural word embedding as implicit matrix factorization",
NeurIPS 2014; Sennrich et al., "Neural machine translation of rare words with subword units", ACL 2016; Vaswani et al.,
"Attention is all you need", NeurIPS 2017; Press and Wolf, "Using the output embedding to improve language models", EACL
2017; Fan et al., "Hierarchical neural story generation", ACL 2018 (top-k); Keskar et al., "CTRL", 2019 (repetition
penalty); Holtzman et al., "The curious case of neural text degeneration", ICLR 2020 (top-p); Devlin et al., "BERT",
NAACL 2019 (masked tokens); Lan et al., "ALBERT", ICLR 2020 (rank of the embedding, layers shared); Chang et al.,
"MaskGIT", CVPR 2022 (the surest blanks first); Sahoo et al., "Simple and effective masked diffusion language models",
NeurIPS 2024; Nie et al., "Large language diffusion models", 2025.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
