"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.labs.efficient_attention.kinds import FEATURES, GRADIENTS, KINDS, NUMBERS, SHARING, SIZES, TASKS, WEIGHTS

ASKED = 16  # questions at the end of a sequence, at most
PARTS = 6  # of the distances at which a needle may lie, over which recall is counted apart
COUNTS = (1, 2, 4, 8, 16, 24)  # pairs in a sequence: each batch has one of these
LONGEST = 60.0  # milliseconds of one core that a step may take
OFF = "not yet"


@dataclass(frozen=True)
class Config(BaseConfig):
    kinds: tuple[str, ...] = knob(
        ("full", "window", "blocks", "linear"), choices=tuple(KINDS), titles=tuple(KINDS.values()), group="attention",
        label="Kinds", help="A network with each kind of attention learns from the same batches. Native sparse "
        "attention (NSA) reads the mean of each block, in full the blocks whose mean fits best, and a window.",
    )  # fmt: skip
    task: str = knob(
        "pairs", choices=tuple(TASKS), titles=tuple(TASKS.values()), group="task",
        help="Pairs: many of key and value, and then keys are asked for. A needle: one pair, anywhere among dots.",
    )  # fmt: skip
    pairs: int = knob(16, low=1, high=24, group="task", label="Pairs, at most", when="task=pairs",
                      help="A batch has 1, 2, 4, 8, 16 or 24 pairs of key and value in each sequence, up to this."
    )  # fmt: skip
    length: int = knob(48, low=16, high=112, group="task", help="Places that are read before the questions.")
    tokens: str = knob(
        "", length=(0, 200), look=True, group="task", label="Your own sequence",
        help="Empty: one drawn by lot. A capital with the small letter after it is a pair, a dot is noise: Qd..Rx.",
    )  # fmt: skip
    window: int = knob(16, low=1, high=128, log=True, group="attention",
                       help="Places that a place sees in window attention: itself and those right before it."
    )  # fmt: skip
    block: int = knob(8, low=2, high=32, log=True, group="attention", label="Block",
                      help="Places in a block, of which attention by blocks reads all or none.")  # fmt: skip
    top: int = knob(1, low=1, high=16, group="attention", label="Blocks chosen",
                    help="Blocks that a place reads beside its own: those whose mean key fits best.")  # fmt: skip
    key_width: int = knob(8, low=2, high=64, log=True, group="attention", label="Key width of linear",
                          help="Numbers in a key of linear attention; its memory is a table of so many rows."
    )  # fmt: skip
    features: str = knob("elu", choices=tuple(FEATURES), titles=tuple(FEATURES.values()), group="attention",
                         label="Features of linear", help="What makes queries and keys positive in linear attention."
    )  # fmt: skip
    width: int = knob(64, low=16, high=96, log=True, group="network", help="Numbers that stand for a place.")
    heads: int = knob(1, low=1, high=8, group="network", help="Attention side by side; heads share the width.")
    sharing: str = knob(
        "multi_head", choices=tuple(SHARING), titles=tuple(SHARING.values()), group="network", label="Keys and values",
        help="What heads share. In groups: by four. Latent: all come from a few numbers, the only ones kept.",
    )  # fmt: skip
    talking: bool = knob(
        False, group="network", label="Talking heads", help="Heads of full, window and blocks mix their scores before "
        "softmax and their weights after it, by two tables that are learned.",
    )  # fmt: skip
    rank: int = knob(16, low=2, high=64, log=True, group="network", label="Latent numbers", when="sharing=latent",
                     help="Numbers kept for each place, of which all keys and values are computed.")  # fmt: skip
    learning_rate: float = knob(0.005, low=1e-4, high=0.1, log=True, live=True, group="training", help="AdamW's step.")
    weights: str = knob(
        "float32", choices=tuple(WEIGHTS), titles=tuple(WEIGHTS.values()), group="training", label="Weights kept in",
        help="To what each weight is rounded after each step: bf16 has 16 bits, 8 of them for digits. With a float32 "
        "copy steps are added to that.",
    )  # fmt: skip
    gradients: str = knob(
        "float32", choices=tuple(GRADIENTS), titles=tuple(GRADIENTS.values()), group="training",
        label="Gradients kept in", help="To what each gradient is rounded before the step that it makes.",
    )  # fmt: skip
    scaled: bool = knob(
        False, group="training", label="A scale for each tensor", when="gradients=fp16|e5m2|e4m3",
        help="Gradients are multiplied, before they are rounded, so that the largest of a tensor just fits.",
    )  # fmt: skip
    batch_size: int = knob(16, low=4, high=64, log=True, group="training", help="Sequences behind each step.")
    question: int = knob(1, low=1, high=26, look=True, group="view", label="Question traced",
                         help="Which question's row is drawn under the sequence.")  # fmt: skip
    head: int = knob(1, low=1, high=8, look=True, group="view", label="Head shown", help="Whose squares are drawn.")
    tile: int = knob(1, low=1, high=630, look=True, group="view", label="Tile",
                     help="How far the tiled computation has come.")  # fmt: skip
    tile_size: int = knob(16, low=4, high=32, look=True, group="view", label="Tile size", help="Places along its side.")
    scale: float = knob(1.0, low=1.0, high=100.0, log=True, look=True, group="view", label="Scores times",
                        help="In the tiled picture scores are multiplied by this: above 89 their exponential overflows."
    )  # fmt: skip
    format: str = knob("bf16", choices=tuple(NUMBERS), titles=tuple(NUMBERS.values()), look=True, group="view",
                       label="Number format", help="Whose numbers are drawn on the line.")  # fmt: skip
    number: float = knob(1.001, low=0.001, high=400.0, log=True, look=True, group="view", label="Value to round",
                         help="Where on the line of numbers.")  # fmt: skip
    measured: str = knob(OFF, choices=(OFF, *SIZES), titles=("not yet", *(f"to {int(s):,}" for s in SIZES)),
                         look=True, group="view", label="Measured here",
                         help="Up to which length the machine that trains takes the time of each kind, once."
    )  # fmt: skip

    def check(self) -> None:
        if not self.kinds:
            raise ConfigError("kinds", self.kinds, "choose at least one kind of attention")
        if self.width % self.heads:
            raise ConfigError("heads", self.heads, f"the width {self.width} must be a multiple of it; try 1, 2, 4 or 8")
        if self.talking and self.heads == 1:
            raise ConfigError("talking", self.talking, "one head has nobody to talk to; give it 2, 4 or 8 heads")
        if self.pairs > self.length // 2:
            raise ConfigError("pairs", self.pairs, f"a length of {self.length} has room for {self.length // 2}")
        if (cost := self.cost) > (most := patience(LONGEST)):
            raise ConfigError(
                "batch_size", self.batch_size,
                f"a step would take about {cost:.0f} milliseconds, and everybody else on this server would wait; "
                f"{most:.0f} are allowed. Lower it, or length, width or heads, or choose fewer kinds",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """Shorter sequences have room for fewer pairs; sharing and talking need more than one head."""
        other = self
        if turned == "length" and self.pairs > self.length // 2:
            other = replace(other, pairs=self.length // 2)
        if turned == "pairs" and self.pairs > self.length // 2:
            other = replace(other, length=2 * self.pairs)
        alone = self.heads == 1 and self.width % 8 == 0
        shares, talks = turned == "sharing" and self.sharing != "multi_head", turned == "talking" and self.talking
        if alone and (shares or talks):
            other = replace(other, heads=4 if talks else 8)  # mixing squares takes time
        return other

    @property
    def counts(self) -> tuple[int, ...]:
        """How many pairs a batch may have."""
        return (*(count for count in COUNTS if count < self.most), self.most)

    @property
    def most(self) -> int:
        """Pairs in a sequence, at most; a needle is one."""
        return 1 if self.task == "needle" else self.pairs

    @property
    def asked(self) -> int:
        """Questions at the end of a sequence, at most."""
        return min(ASKED, self.most)

    @property
    def distances(self) -> tuple[int, ...]:
        """The farthest that a needle may lie back, in each of the parts over which recall is counted apart."""
        return tuple(self.length * part // PARTS for part in range(1, PARTS + 1))

    @property
    def by(self) -> tuple[int, ...]:
        """Over what recall is counted apart: numbers of pairs, or distances of a needle."""
        return self.distances if self.task == "needle" else self.counts

    @property
    def places(self) -> int:
        """T, places of a sequence with its questions."""
        return self.length + self.asked

    @property
    def groups(self) -> int:
        """Heads of keys and values."""
        return {"grouped": max(1, self.heads // 4), "multi_query": 1}.get(self.sharing, self.heads)

    @property
    def head_width(self) -> int:
        """Numbers in a value, and but for linear attention in a key, of one head."""
        return self.width // self.heads

    @property
    def settings(self) -> dict[str, int | str]:
        """What the kinds of attention must be told."""
        return {"window": self.window, "block": self.block, "top": self.top, "features": self.features}

    @property
    def cost(self) -> float:
        """About how many milliseconds of one core a step takes (torch 2.13, a server of 2024)."""
        cells = self.batch_size * self.places * self.width / 1e5
        square = (1 + self.talking) * self.batch_size * self.heads * self.places**2 / 1e5
        squares = {"linear": 1.0, "nsa": 4.0}  # NSA has three
        bits = 0.0 if self.gradients == "float32" else 4e-4 * self.width**2  # a network has about 6 width^2 weights
        return 1.0 + sum(2.0 + 5.0 * cells + squares.get(kind, 2.0) * square + bits for kind in self.kinds)
