"""Which line fits best?  Gradient descent moves a line towards points.

Run it: it trains and draws.  The constants are the knobs of the lab.
"""

import hashlib
from collections.abc import Iterator

import torch
from torch import nn

SEED = 0
POINTS = 40
NOISE = 0.3
LEARNING_RATE = 0.1


def generator(stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{SEED}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


dice = generator("points")
x = 2 * torch.rand(POINTS, generator=dice) - 1  # (N,)
y = 0.8 * x - 0.3 + NOISE * torch.randn(POINTS, generator=dice)  # (N,)

line = nn.Linear(1, 1)
with torch.no_grad():
    for parameter in line.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator("line")))


def train(steps: int) -> Iterator[dict[str, float]]:
    """Move the line, and give the loss before each step."""
    optimiser = torch.optim.SGD(line.parameters(), lr=LEARNING_RATE)
    for _ in range(steps):
        loss = (line(x[:, None])[:, 0] - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield {"loss": loss.item()}


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    losses = [metrics["loss"] for metrics in train(100)]
    print(f"mean squared error {losses[-1]:.4f}, slope {line.weight.item():.3f}, height {line.bias.item():.3f}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.scatter(x, y)
    left.plot(x, line(x[:, None]).detach()[:, 0], color="tab:red")
    left.set(title="The line", xlabel="x", ylabel="y")
    right.semilogy(losses)
    right.set(title="How far off is it?", xlabel="step", ylabel="mean squared error")
    plt.show()
