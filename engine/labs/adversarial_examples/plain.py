"""Why do networks err when hardly anything changes?  Two networks learn to read digits, and attacks change the digits.

Run it: it trains and draws.  The constants are the knobs of the lab.  Does not know: restarts, target, source,
norm, eps_2, data, start, network, size, attack=deepfool|cw|one_pixel, model=cnn|taken.
Begins with: data=digits, start=scratch.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

SEED = 0
ATTACK = "pgd"
EPS = 0.05
STEPS = 10
STEP_SIZE = 0.25
DEFENCE = "adversarial_training"
TRAINING_EPS = 0.1
MODEL = "mlp"
TRAINING_STEPS = 400
EXAMPLE = 0

Network = Callable[[Tensor], Tensor]  # pictures (N, 1, 8, 8) in [0, 1] -> logits (N, 10)


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


images, digits = load_digits().images, load_digits().target
parts = train_test_split(images, digits, test_size=500, stratify=digits, random_state=0)
train_x, test_x = (torch.from_numpy(part)[:, None].float() / 16 for part in parts[:2])  # (N, 1, 8, 8)
train_y, test_y = (torch.from_numpy(part) for part in parts[2:])


def make() -> nn.Sequential:
    """A network with first weights that are the same each time: He's, or near zero without a hidden layer."""
    dice, layers = generator(SEED, "weights"), nn.ModuleList([nn.Flatten()])
    sizes = {"linear": (64, 10), "mlp": (64, 64, 64, 10)}[MODEL]
    for n, m in itertools.pairwise(sizes):
        linear = nn.Linear(n, m)
        nn.init.normal_(linear.weight, 0, math.sqrt(2 / n) if len(sizes) > 2 else 0.01, generator=dice)
        nn.init.zeros_(linear.bias)
        layers.extend([linear, nn.ReLU()])
    return nn.Sequential(*layers[:-1])


plain, learner = make(), make()


def defended(x: Tensor) -> Tensor:
    """The network that defends itself.  If it rounds pixels, no gradient comes through."""
    logits: Tensor = learner((x * 8).round() / 8 if DEFENCE == "rounded_pixels" else x)
    return logits


networks: tuple[Network, Network] = (plain, defended)


def project(moved: Tensor, x: Tensor, eps: float) -> Tensor:
    """The nearest pictures to the moved ones in which no pixel is more than eps from x, or outside [0, 1]."""
    return (x + (moved - x).clamp(-eps, eps)).clamp(0, 1)


def climb(network: Network, at: Tensor, x: Tensor, y: Tensor, *, eps: float, step: float, steps: int) -> Tensor:
    """Make the loss of the true classes y (N,) large, from `at` and near x: at <- project(at + step * sign dL/dx)."""
    for _ in range(steps):
        at = at.detach().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(network(at), y, reduction="sum"), at)
        at = project(at + step * slope.sign(), x, eps)
    return at.detach()


def attack(network: Network, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Pictures near x (N, 1, 8, 8) that the network should take for another class than y (N,)."""
    dice = torch.rand(x.shape, generator=generator(SEED, "attack"))
    match ATTACK:
        case "random_sign":  # to compare with: it does not look at the network
            return project(x + eps * torch.where(dice < 0.5, -1.0, 1.0), x, eps)
        case "fgsm":  # fast gradient sign method: one long step
            return climb(network, x, x, y, eps=eps, step=eps, steps=1)
        case "bim":  # basic iterative method: many short ones
            return climb(network, x, x, y, eps=eps, step=STEP_SIZE * eps, steps=STEPS)
        case "pgd":  # projected gradient descent: the same from a random place
            start = project(x + eps * (2 * dice - 1), x, eps)
            return climb(network, start, x, y, eps=eps, step=STEP_SIZE * eps, steps=STEPS)
    raise ValueError(f"The attack {ATTACK} is not written out in this file.")


def train(steps: int) -> Iterator[dict[str, float]]:
    """An update of both networks, the second by attacked pictures, and then 25 test pictures, plain and under FGSM."""
    optimisers = [torch.optim.Adam(network.parameters(), lr=0.005) for network in (plain, learner)]
    right = torch.full((4, 500), -1)  # of what was last said of each test picture: 1 right, 0 wrong, -1 nothing yet
    for step in range(steps):
        order = torch.randperm(len(train_x), generator=generator(SEED, f"order/{step // 20}"))
        batch = order[step % 20 * 64 :][:64]
        x, y, moved, losses = train_x[batch], train_y[batch], train_x[batch], []
        if DEFENCE == "adversarial_training":
            dice, eps = torch.rand(x.shape, generator=generator(SEED, f"attack/{step}")), TRAINING_EPS
            start = project(x + eps * (2 * dice - 1), x, eps)
            moved = climb(defended, start, x, y, eps=eps, step=2.5 * eps / 3, steps=3)
        for network, pictures, optimiser in zip(networks, (x, moved), optimisers, strict=True):
            loss = F.cross_entropy(network(pictures), y)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            losses.append(loss.item())
        at = slice(25 * step % 500, 25 * step % 500 + 25)
        x, y = test_x[at], test_y[at]
        for i, network in enumerate(networks):
            moved = climb(network, x, x, y, eps=EPS, step=EPS, steps=1)
            right[2 * i, at], right[2 * i + 1, at] = (network(each).argmax(1) == y for each in (x, moved))
        shares = ((right == 1).sum(1) / (right >= 0).sum(1)).tolist()
        names = ("plain_accuracy", "plain_attacked", "defended_accuracy", "defended_attacked")
        yield {"plain_loss": losses[0], "defended_loss": losses[1]} | dict(zip(names, shares, strict=True))


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(TRAINING_STEPS))
    print({name: round(value, 3) for name, value in history[-1].items()})
    figure, (*pictures, right) = plt.subplots(1, 4, figsize=(16, 4), width_ratios=(1, 1, 1, 1.5), layout="constrained")
    x, y = test_x[EXAMPLE, None], test_y[EXAMPLE, None]
    pictures[0].imshow(x[0, 0], cmap="gray", vmin=0, vmax=1)
    pictures[0].set(title=f"Test picture {EXAMPLE}: a “{int(y)}”")
    radii = [EPS * k / 5 for k in range(11)]
    for name, network, axis in zip(("plain", "defended"), networks, pictures[1:], strict=True):
        moved = attack(network, x, y, EPS)
        sure, answer = network(moved).detach().softmax(1).max(1)
        axis.imshow(moved[0, 0], cmap="gray", vmin=0, vmax=1)
        axis.set(title=f"{name}, {ATTACK}: “{int(answer)}”, {float(sure):.0%}")
        attacked = [attack(network, test_x, test_y, eps) for eps in radii]
        right.plot(radii, [float((network(each).argmax(1) == test_y).float().mean()) for each in attacked], label=name)
    for axis in pictures:
        axis.axis("off")
    right.set(title=f"Accuracy under {ATTACK}", xlabel="radius ε of the attack", ylabel="share of test pictures right")
    right.legend()
    plt.show()
