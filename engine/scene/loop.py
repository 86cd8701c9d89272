"""A plane with the loop of a game beside it, from noise to a verdict and back; ``assets/scene/loop.js`` draws it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.scene.panel import Panel

PARTS = ("noise", "forge", "real", "judge", "teach_d", "teach_g")  # ways of the loop along which something flows


def loop(
    panel: Panel,
    *,
    losses: tuple[float, float],
    verdicts: tuple[float, float],
    score: str,
    flows: Sequence[str],
    at: int,
) -> None:
    """Draw the loop of a GAN beside what stands on `panel`, or above it where there is no room beside it.

    `losses` are those of discriminator and generator, `verdicts` what the discriminator answers to real points and to
    fakes on average, which are a `score` ("D(x)", or "score").  Along the ways `flows`, some of `PARTS`, something
    moves whenever `at`, a count of what was done, is another than before; the others are pale.
    """
    if wrong := [name for name in flows if name not in PARTS]:
        raise ValueError(f"The ways of a loop are {', '.join(PARTS)}, and not {', '.join(wrong)}.")
    said = [[f"{value:.2f}".replace("-", "−") for value in pair] for pair in (losses, verdicts)]
    panel.extend("loop", losses=said[0], verdicts=said[1], score=score, flows=list(flows), count=at)
