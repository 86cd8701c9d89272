"""What does a reward do to a language?  A toy language of 1,296 sentences, a judge, and REINFORCE or DPO.

Run it: it trains and draws.  The constants are the knobs of the lab.
Does not know: choices, fresh, clip, epochs, candidates, size, seeds, taste=order|yours, method=ppo|best_of_n|rejection.
"""

import hashlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F

SEED = 0
METHOD = "reinforce"  # or "dpo"
TASTE = "repetition"  # or "words"
COMPARISONS = 4_000
NOISE = 1.0
JUDGE = "linear"  # or "two_layer", or "none": the true reward itself
BETA = 0.5
BASELINE = True
BATCH_SIZE = 128
LEARNING_RATE = 0.005

WORDS = ("yes", "sure", "we", "can", "go", "no")
V, T = len(WORDS), 4
every = torch.cartesian_prod(*[torch.arange(V)] * T)  # (N, T), all sentences in the order of a dictionary
# All beginnings, filled up on the left, (C, T - 1): before the first word, then what can stand before the second, …
before = torch.cat([F.pad(every[:: V ** (T - known), :known], (T - 1 - known, 0), value=V) for known in range(T)])


def generator(stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{SEED}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def drawn(log_probs: torch.Tensor, dice: torch.Tensor) -> torch.Tensor:
    """Sentences that random numbers in [0, 1) choose."""
    edges = log_probs.exp().cumsum(-1)
    return torch.searchsorted(edges / edges[-1], dice.double(), right=True).clamp_max(len(edges) - 1)


# The policy: up to three words before, embedded, two hidden layers of 32, and the next word.
dice = generator("policy")
embedding = torch.randn(V + 1, 12, generator=dice)
first, first_bias = torch.randn(36, 32, generator=dice) / 36**0.5, torch.zeros(32)
second, second_bias = torch.randn(32, 32, generator=dice) / 32**0.5, torch.zeros(32)
last, last_bias = torch.randn(32, V, generator=dice) / 32**0.5, torch.zeros(V)
parameters = [p.double().requires_grad_() for p in (embedding, first, first_bias, second, second_bias, last, last_bias)]


def policy() -> torch.Tensor:
    """Log-probabilities of all sentences, (N,): of each word after what stands before it, summed."""
    embedding, first, first_bias, second, second_bias, last, last_bias = parameters  # in double precision
    x = torch.tanh(embedding[before].flatten(1) @ first + first_bias)
    following = (torch.tanh(x @ second + second_bias) @ last + last_bias).log_softmax(-1)  # (C, V)
    total = torch.zeros(1)
    for part in torch.split(following, [V**known for known in range(T)]):  # of the first word, the second, …
        total = (total[:, None] + part).flatten()
    return total


# The reference: the policy learns to write like a random language, in which a word depends on the one before.
dice = generator("language")
start, turn = torch.randn(V, generator=dice), 1.5 * torch.randn(V, V, generator=dice)
language = start.log_softmax(-1)[every[:, 0]] + turn.log_softmax(-1)[every[:, :-1], every[:, 1:]].sum(1)
optimiser = torch.optim.Adam(parameters, lr=0.02)
for _ in range(120):
    optimiser.zero_grad()
    (-language.double().exp() * policy()).sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
ref = policy().detach()

# People: what they go by, and which of two sentences they preferred.
true = ((every == 0) | (every == 1)).sum(1).double() - (every == 5).sum(1)
if TASTE == "repetition":
    true = true - 2.5 * (every[:, 1:] == every[:, :-1]).sum(1)
dice = generator("comparisons")
pairs = drawn(ref, torch.rand(COMPARISONS, 2, generator=dice))
likes_first = torch.sigmoid((true[pairs[:, 0]] - true[pairs[:, 1]]) / max(NOISE, 1e-6))
likes_first = likes_first > torch.rand(COMPARISONS, generator=dice)
pairs = torch.where(likes_first[:, None], pairs, pairs.flip(1))  # (M, 2), winners first


def judge() -> torch.Tensor:
    """What a reward model believes of all sentences after it has fitted the comparisons, (N,)."""
    inputs = F.one_hot(every, V).flatten(1).double()  # (N, 24): which word stands where
    weights = [torch.zeros(V * T, 1)]
    if JUDGE == "two_layer":
        weights = [torch.randn(V * T, 32, generator=generator("judge")) / T**0.5, torch.zeros(32), torch.zeros(32, 1)]
    weights = [weight.double().requires_grad_() for weight in weights]

    def rewards() -> torch.Tensor:
        hidden = torch.tanh(inputs @ weights[0] + weights[1]) if len(weights) > 1 else inputs
        return (hidden @ weights[-1])[:, 0]

    optimiser = torch.optim.Adam(weights, lr=0.1 if JUDGE == "linear" else 0.02)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 200)
    for _ in range(200):
        optimiser.zero_grad()
        winners, losers = rewards()[pairs].T
        prior = 0.5 / COMPARISONS * sum(weight.square().sum() for weight in weights)
        (-F.logsigmoid(winners - losers).mean() + prior).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        falling.step()
    return rewards().detach()


believed = true if METHOD == "dpo" or JUDGE == "none" else judge()
true, believed = (reward - (ref.exp() * reward).sum() for reward in (true, believed))


def train(steps: int) -> Iterator[dict[str, float]]:
    """A batch at each step; the metrics are sums over all sentences."""
    optimiser, dice = torch.optim.Adam(parameters, lr=LEARNING_RATE), generator("batches")
    best = (ref + believed / BETA).log_softmax(-1)  # the exact optimum
    for _ in range(steps):
        if METHOD == "dpo":
            w, l = pairs[torch.randint(len(pairs), (BATCH_SIZE,), generator=dice)].T  # noqa: E741
            raised = BETA * (policy() - ref)
            loss = -F.logsigmoid(raised[w] - raised[l]).mean()
        else:
            now = policy()
            wrote = drawn(now.detach(), torch.rand(BATCH_SIZE, generator=dice))
            gain = believed[wrote] - BETA * (now.detach() - ref)[wrote]
            if BASELINE:
                gain = (gain - gain.mean()) * BATCH_SIZE / (BATCH_SIZE - 1)  # less the mean of the others
            loss = -(gain * now[wrote]).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        now = policy().detach()
        p = now.exp()
        yield {"loss": float(loss.detach()), "kl": float(p @ (now - ref)), "to_optimum": float(p @ (now - best)),
               "believed": float(p @ believed), "true": float(p @ true)}  # fmt: skip


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(200))
    print(history[-1])
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5))
    left.scatter(believed, policy().detach() - ref, c=true, s=6, cmap="RdBu")
    left.axline((0, -float((ref + believed / BETA).logsumexp(0))), slope=1 / BETA)
    left.set(xlabel="believed reward of a sentence", ylabel="ln(policy / reference)")
    for name in ("believed", "true"):
        right.plot([m["kl"] for m in history], [m[name] for m in history], label=name)
    right.legend()
    plt.show()
