"""What is made small: by a judge that learns from comparisons, and by a policy that learns from either."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def optimum(ref_log_probs: Tensor, reward: Tensor, beta: float) -> Tensor:
    """The best policy at a price of `beta` for each nat of KL: log of pi_ref exp(reward / beta) / Z, (…, N).

    It maximises the expected reward less beta KL(pi, pi_ref), and gets beta log Z.  Rafailov et al., 2023, equation 4.
    """
    return (ref_log_probs + reward / beta).log_softmax(-1)


def kl(log_probs: Tensor, other: Tensor) -> Tensor:
    """KL(p, q) in nats over the last dimension, (…, N) to (…)."""
    return (log_probs.exp() * (log_probs - other)).sum(-1)


def preference_loss(reward_w: Tensor, reward_l: Tensor) -> Tensor:
    """Bradley-Terry: minus the mean log-probability that winners beat losers, (…, B) to (…).  Ouyang et al., 2022."""
    return -F.logsigmoid(reward_w - reward_l).mean(-1)


def dpo_loss(policy_w: Tensor, policy_l: Tensor, ref_w: Tensor, ref_l: Tensor, beta: float) -> Tensor:
    """The same with beta log(pi / pi_ref) in place of a reward; log-probabilities (…, B) to (…).  Rafailov, eq. 7."""
    return preference_loss(beta * (policy_w - ref_w), beta * (policy_l - ref_l))


def reinforce_loss(log_probs: Tensor, advantage: Tensor) -> Tensor:
    """Its gradient is minus that of the expected reward; (…, B) to (…).  Williams, 1992."""
    return -(advantage.detach() * log_probs).mean(-1)


def ppo_loss(log_probs: Tensor, old: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """The clipped surrogate, (…, B) to (…); `old` is log-probability at drawing.  Schulman et al., 2017, eq. 7."""
    ratio, advantage = (log_probs - old.detach()).exp(), advantage.detach()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean(-1)


def best_of(ref_log_probs: Tensor, reward: Tensor, n: int) -> Tensor:
    """Log-probabilities of the best of `n` sentences drawn from the reference, (…, N); of equals each is as likely.

    Costs at most log n - (n - 1) / n nats, and exactly that if no two are ever equal (Beirami et al., 2024).
    """
    p = ref_log_probs.double().exp()
    p = p / p.sum(-1, keepdim=True)
    rising, order = reward.sort(-1)
    below = F.pad(p.gather(-1, order).cumsum(-1), (1, 0))  # (…, N + 1): how likely the k lowest are
    worse = below.gather(-1, torch.searchsorted(rising, reward.contiguous()))
    upto = below.gather(-1, torch.searchsorted(rising, reward.contiguous(), right=True))
    found = p / (upto - worse) * (upto**n - worse**n)
    return found.clamp_min(1e-300).log().log_softmax(-1).to(ref_log_probs.dtype)


def advantages(reward: Tensor, *, baseline: bool) -> Tensor:
    """Rewards (…, B) less the mean of the others in the batch, which leaves the gradient unbiased; or as they are."""
    count = reward.shape[-1]
    if not baseline or count < 2:
        return reward
    return (reward - reward.mean(-1, keepdim=True)) * (count / (count - 1))
