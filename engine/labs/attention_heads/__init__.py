"""What does a head attend to?

A small transformer learns a task over short sequences of characters.  Watch every head of every layer as it learns
where to look: the attention of one position is a row, and a pattern in the map is what the head has learned to do.  On
repeated random sequences two layers make an induction head: the first finds what stood before each token, the second
looks for the place after the last token like this one, and the loss falls at the step where that stripe appears.

References: Vaswani et al., "Attention is all you need", 2017; Elhage et al., "A mathematical framework for transformer
circuits", 2021; Olsson et al., "In-context learning and induction heads", 2022; Su et al., "RoFormer" (rotary), 2021;
Press et al., "Train short, test long" (ALiBi), 2022; Shazeer, "Fast transformer decoding" (multi-query), 2019; Ainslie
et al., "GQA" (grouped queries), 2023.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
