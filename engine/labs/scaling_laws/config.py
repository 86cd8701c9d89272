"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob

ACROSS = {"sizes": "sizes of the model", "repeats": "repeats of the data"}
FLOORS = {"true": "true entropy", "fitted": "fitted E", "none": "nothing"}
CONSTANTS = {"hoffmann": "Hoffmann et al. 2022", "besiroglu": "Besiroglu et al. 2024"}
PASSES = (1, 4, 16, 64)  # how often the data are shown
LONGEST = 30.0  # milliseconds of one core that a step may take
POOL = 3_100_000  # pairs that are kept for repeats, of all trainings together: four of the longest runs


@dataclass(frozen=True)
class Config(BaseConfig):
    across: str = knob(
        "sizes", choices=tuple(ACROSS), titles=tuple(ACROSS.values()), group="compared", label="What differs",
        help="Models of different sizes on fresh data; or one size on data that are shown once, 4, 16 and 64 times.",
    )  # fmt: skip
    sizes: int = knob(10, low=2, high=12, group="compared", label="Sizes trained together", when="across=sizes",
                      help="From rank 1 to the largest rank, spaced evenly on a logarithmic scale.")  # fmt: skip
    rank: int = knob(
        32, low=2, high=64, log=True, group="compared", label="Largest rank r",
        help="A model is two tables of tokens by r numbers: N = 2 × vocabulary × r parameters.",
    )  # fmt: skip
    planned: int = knob(1000, low=100, high=3000, group="compared", label="Steps planned", when="across=repeats",
                        help="The run ends there; shown 4 times, the data are a quarter of what it reads.")  # fmt: skip
    seeds: int = knob(4, low=1, high=6, group="compared", label="Trainings of each size",
                      help="With other first weights and other tokens: how far a fit is luck.")  # fmt: skip
    vocabulary: int = knob(64, low=16, high=128, log=True, group="language", help="Tokens of the language.")
    exponent: float = knob(
        1.0, low=0.5, high=2.0, group="language", label="How fast its rules weaken, s",
        help="The k-th rule of the language is k^−s as strong as the first. Small: there are ever more to learn.",
    )  # fmt: skip
    batch_size: int = knob(
        256, low=32, high=2048, log=True, group="training", label="Tokens a step",
        help="Pairs of last and next token behind each step.",
    )  # fmt: skip
    learning_rate: float = knob(0.02, low=1e-3, high=0.3, log=True, live=True, group="training", help="Adam's step.")
    averaged: bool = knob(
        True, group="training", label="Averaged weights",
        help="Losses are read from an average of the last weights, about an eighth of the run. It stands for a "
        "learning rate that falls to zero, so one run tells of every amount of data.",
    )  # fmt: skip
    floor: str = knob("true", choices=tuple(FLOORS), titles=tuple(FLOORS.values()), look=True, group="view",
                      label="Taken off the loss", when="across=sizes",
                      help="What is subtracted before the logarithm is drawn.")  # fmt: skip
    answer: int = knob(5, low=1, high=20, look=True, group="view", label="Tokens in an answer, k", when="across=sizes",
                       help="All of them must be right.")  # fmt: skip
    constants: str = knob(
        "hoffmann", choices=tuple(CONSTANTS), titles=tuple(CONSTANTS.values()), look=True, group="calculator",
        label="Published constants", help="Two fits of one law to the same runs of real language models.",
    )  # fmt: skip
    budget: float = knob(580.0, low=1e-3, high=1e6, log=True, look=True, group="calculator",
                         label="Budget C, 10²¹ operations", help="Chinchilla took 580, GPT-3 310.")  # fmt: skip
    served: float = knob(0.0, low=0.0, high=100.0, look=True, group="calculator",
                         label="Tokens served, trillions",
                         help="Tokens that the finished model then writes.")  # fmt: skip

    def check(self) -> None:
        if self.rank > self.vocabulary:
            raise ConfigError("rank", self.rank, f"a vocabulary of {self.vocabulary} has a table of that rank at most")
        if self.across == "repeats" and (kept := self.seeds * self.planned * self.batch_size) > POOL:
            raise ConfigError("planned", self.planned, f"{kept:,} tokens would have to be kept; {POOL:,} are allowed. "
                              "Lower it, tokens a step or trainings of each size")  # fmt: skip
        if (cost := self.cost) > (most := patience(LONGEST)):
            raise ConfigError(
                "seeds", self.seeds,
                f"a step would take about {cost:.0f} milliseconds, and everybody else on this server would wait; "
                f"{most:.0f} are allowed. Lower it, or vocabulary, sizes or the largest rank",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """No rank above the number of tokens; repeats show best on a model that its data could fill."""
        other = self
        if turned == "across":
            other = replace(other, rank=min(self.vocabulary, 8 if self.across == "repeats" else 32))
        if turned == "vocabulary" and self.rank > self.vocabulary:
            other = replace(other, rank=self.vocabulary)
        return other

    @property
    def ranks(self) -> tuple[int, ...]:
        """The rank of each model trained; where fewer ranks lie between, there are fewer sizes."""
        if self.across == "repeats":
            return (self.rank,) * len(PASSES)
        found: list[int] = []
        for rank in np.geomspace(1, self.rank, self.sizes).round():
            found.append(max(int(rank), found[-1] + 1 if found else 1))
        return tuple(sorted({min(rank, self.rank) for rank in found}))

    @property
    def flops(self) -> float:
        """Operations of the calculator's budget."""
        return self.budget * 1e21

    @property
    def parameters(self) -> tuple[int, ...]:
        """N of each."""
        return tuple(2 * self.vocabulary * rank for rank in self.ranks)

    @property
    def cost(self) -> float:
        """About how many milliseconds of one core a step takes (torch 2.13, a server of 2024)."""
        models = len(self.ranks) * self.seeds
        fits = 0.2 * (self.seeds + 1) if self.across == "sizes" else 0.0  # 15 each, some 15 times in 1000 steps
        return 0.8 + fits + models * (self.vocabulary**2 * (2.2e-5 + 6e-7 * max(self.ranks)) * 0.6)
