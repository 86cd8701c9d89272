"""What does a reward do to a language?

A toy language of six words and sentences of four: 1,296 sentences, so few that rewards, distances and the best policy
are sums and not estimates.  A small network writes it; somebody compares sentences; the network learns from that, by a
judge and policy gradients or directly.  Watch all sentences walk on to a straight line, and what becomes of the true
reward when the judge is not as wise as the one it learned from.

References: Christiano et al., "Deep reinforcement learning from human preferences", 2017; Stiennon et al., "Learning
to summarize from human feedback", 2020; Ouyang et al., "Training language models to follow instructions with human
feedback", 2022; Schulman et al., "Proximal policy optimization algorithms", 2017; Rafailov et al., "Direct preference
optimization", 2023; Gao et al., "Scaling laws for reward model overoptimization", 2023; Dong et al., "RAFT", 2023;
Beirami et al., "Theoretical guarantees on the best-of-n alignment policy", 2024; Pal et al., "Smaug", 2024.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
