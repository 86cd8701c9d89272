"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob

METHODS = {
    "reinforce": "by reward (REINFORCE)", "ppo": "by reward, each batch again (PPO)",
    "dpo": "from comparisons, no judge (DPO)", "best_of_n": "not at all: take the best of n",
    "rejection": "keep the best, learn from them",
}  # fmt: skip
TASTES = {
    "words": "good words and bad words", "repetition": "and no repetition", "order": "and “can” after “we”",
    "yours": "yours: click what you like",
}  # fmt: skip
JUDGES = {"linear": "linear: counts words", "two_layer": "two layers", "none": "none: the true reward itself"}
TIMES = {"standard": 1, "large": 4}  # what the width is multiplied by
HIDDEN = 32  # neurons in each of the two hidden layers
ASKED = 200  # pairs that a visitor may answer
LONGEST = {"standard": 60.0, "large": 200.0}  # milliseconds of one core that a step may take
MOST_PAIRS = 240_000  # comparisons of all judges together: they are fitted when the run begins


@dataclass(frozen=True)
class Config(BaseConfig):
    method: str = knob(
        "reinforce", choices=tuple(METHODS), titles=tuple(METHODS.values()), group="method",
        label="How it learns (method)",
        help="How preferences change the language model. DPO learns from comparisons, the others from rewards.",
    )  # fmt: skip
    taste: str = knob(
        "repetition", choices=tuple(TASTES), titles=tuple(TASTES.values()), group="people",
        label="What people like (taste)",
        help="What the one who compares sentences goes by. No model is told it; yours is known to you alone.",
    )  # fmt: skip
    choices: str = knob(
        "", length=(0, ASKED), live=True, group="people", when="taste=yours", label="Your choices",
        help="A letter for each pair you were asked about, L for left and R for right. A click adds one; empty it to "
        "begin anew.",
    )  # fmt: skip
    comparisons: int = knob(
        4_000, low=20, high=60_000, log=True, group="people", when="taste=words|repetition|order",
        help="Pairs of sentences of which somebody has said which is better.",
    )  # fmt: skip
    fresh: bool = knob(False, group="people", when="taste=words|repetition|order", label="Comparisons without end",
                       help="New pairs at every step, so that none is ever seen twice.")  # fmt: skip
    noise: float = knob(
        1.0, low=0.0, high=4.0, group="people", when="taste=words|repetition|order", label="Noise of the answers",
        help="0: the better of two always wins. 1: Bradley and Terry's model. More: answers nearly at random.",
    )  # fmt: skip
    judge: str = knob(
        "linear", choices=tuple(JUDGES), titles=tuple(JUDGES.values()), group="people",
        when="method=reinforce|ppo|best_of_n|rejection", label="Who rewards (judge)",
        help="A reward model: before the first step it has learned from the comparisons how good a sentence is. A "
        "linear one sees no two words together.",
    )  # fmt: skip
    beta: float = knob(
        0.5, low=0.02, high=5.0, log=True, live=True, group="method", label="Price of change β",
        help="What each nat of distance (KL) from the reference, the language before, costs in reward. "
        "Keeping the best, and best of n, pay none.",
    )  # fmt: skip
    clip: float = knob(0.2, low=0.02, high=1.0, group="method", when="method=ppo", label="PPO clip",
                       help="How far a probability may move, as a share of that at drawing.")  # fmt: skip
    epochs: int = knob(4, low=1, high=10, group="method", when="method=ppo", label="PPO epochs",
                       help="Gradient steps on each batch of sentences.")  # fmt: skip
    baseline: bool = knob(True, group="method", when="method=reinforce|ppo",
                          help="Count only what is better or worse than the rest of the batch.")  # fmt: skip
    candidates: int = knob(16, low=2, high=64, group="method", when="method=best_of_n", label="Candidates n",
                           help="Sentences of which the judge takes the best. Each step adds one.")  # fmt: skip
    batch_size: int = knob(128, low=8, high=1024, log=True, group="training",
                           help="Sentences, or for DPO pairs, behind each step.")  # fmt: skip
    learning_rate: float = knob(0.005, low=1e-4, high=0.1, log=True, live=True, group="training",
                                help="Size of Adam's step.")  # fmt: skip
    size: str = knob(
        "standard", choices=tuple(TIMES), group="training",
        help="Large policies are 4 times as wide. Meant for a server with a GPU; without one they learn more slowly.",
    )  # fmt: skip
    seeds: int = knob(1, low=1, high=16, group="run",
                      help="Languages with their judges, trained together: seed, seed + 1, …")  # fmt: skip
    shown: int = knob(0, low=0, high=15, look=True, group="view", label="Policy shown",
                      help="Which of those trained together is drawn.")  # fmt: skip

    def check(self) -> None:
        if wrong := self.choices.upper().strip("LR"):
            raise ConfigError("choices", self.choices, "write L for left or R for right, one letter a pair, and not "
                              f"{wrong[:1]!r}")  # fmt: skip
        if self.yours and self.judge == "none" and self.method != "dpo":
            raise ConfigError("judge", "none", "your taste is not written down anywhere, so it has to be learned by a "
                              "linear judge or one of two layers")  # fmt: skip
        if self.seeds * self.comparisons > MOST_PAIRS:
            raise ConfigError("comparisons", self.comparisons, f"{self.seeds} judges have to read them when the run "
                              f"begins: give at most {MOST_PAIRS // self.seeds:,}, or fewer seeds")  # fmt: skip
        if self.cost > (most := patience(LONGEST[self.size])):
            raise ConfigError("seeds" if self.seeds > 1 else "batch_size", self.seeds if self.seeds > 1
                              else self.batch_size, f"a step would take about {self.cost:.0f} milliseconds, and others "
                              f"wait for it; {most:.0f} are allowed. Lower seeds, epochs or batch_size")  # fmt: skip

    def settle(self, turned: str) -> Config:
        """A taste that is nowhere written down needs a judge that learns."""
        if self.yours and self.judge == "none":
            return replace(self, taste="repetition") if turned == "judge" else replace(self, judge="linear")
        return self

    @property
    def yours(self) -> bool:
        """Whether the visitor's own choices are the comparisons."""
        return self.taste == "yours"

    @property
    def hidden(self) -> int:
        """Neurons in each hidden layer of a policy."""
        return TIMES[self.size] * HIDDEN

    @property
    def judged(self) -> str:
        """The judge that there is: for DPO none, but where nothing else says what your taste is."""
        if self.method == "dpo":
            return "linear" if self.yours else "none"
        return self.judge

    @property
    def cost(self) -> float:
        """About how many milliseconds of one core a step takes."""
        passes = self.epochs if self.method == "ppo" else 1
        network = 0.5 + 0.4 * self.seeds * (TIMES[self.size] ** 1.5)
        return float(0.5 + passes * (network + 2e-4 * self.seeds * self.batch_size))
