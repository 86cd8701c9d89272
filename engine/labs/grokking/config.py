"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.nets.optimiser_names import title

BITS = 6  # of a, and as many of b, in a parity
PERMUTED = 120  # permutations of five things
HEADS = 4
OPERATIONS = {
    "a+b": "a + b mod p", "a-b": "a − b mod p", "a*b": "a · b mod p", "a^2+b^2": "a² + b² mod p",
    "permutations": "permutations of five", "parity": "parity of some bits",
}  # fmt: skip
MODELS = {"sum": "MLP, embeddings summed", "concat": "MLP, side by side", "transformer": "one-layer transformer"}
OPTIMISERS = ("adamw", "adam", "momentum", "lion")
TIMES = {"standard": 1, "large": 4}  # as wide as `width` says
LONGEST = {"standard": 90.0, "large": 400.0}  # milliseconds of one core that a step may take


@dataclass(frozen=True)
class Config(BaseConfig):
    operation: str = knob(
        "a+b", choices=tuple(OPERATIONS), titles=tuple(OPERATIONS.values()), group="table",
        help="What stands in the table. In a parity, a and b are six bits each.",
    )  # fmt: skip
    p: int = knob(43, low=11, high=97, group="table", when="operation=a+b|a-b|a*b|a^2+b^2", label="Modulus p",
                  help="The table has p rows and p columns. The circle of a product needs a prime.")  # fmt: skip
    bits: int = knob(3, low=2, high=6, group="table", when="operation=parity", label="Bits that count",
                     help="How many of the twelve bits decide; the others are noise.")  # fmt: skip
    train_share: float = knob(0.4, low=0.05, high=0.95, group="table", called="train share",
                              help="Share of the table that the network is shown.")  # fmt: skip
    data_seed: int = knob(0, low=0, high=999_999, group="table", help="Which cells of the table are shown.")
    model: str = knob(
        "sum", choices=tuple(MODELS), titles=tuple(MODELS.values()), group="network",
        help="Summed embeddings cannot tell (a, b) from (b, a): right for a sum, hopeless for a difference. The others "
        "take more of the table, a train share of 0.6, and the transformer also more than a thousand steps.",
    )  # fmt: skip
    width: int = knob(128, low=16, high=512, log=True, group="network",
                      help="Hidden neurons; embeddings have half as many numbers.")  # fmt: skip
    size: str = knob(
        "standard", choices=tuple(TIMES), group="network",
        help="Large is 4 times as wide. It is meant for a server with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    activation: str = knob("relu", choices=("relu", "square", "gelu"), group="network",
                           help="What each hidden neuron applies.")  # fmt: skip
    init_scale: float = knob(1.0, low=0.1, high=8.0, log=True, group="network",
                             help="How large weights and embeddings begin; 1 is usual.")  # fmt: skip
    weight_decay: float = knob(1.0, low=0.0, high=10.0, log=True, live=True, group="training",
                               help="Each step shrinks every weight by this times the learning rate.")  # fmt: skip
    learning_rate: float = knob(0.01, low=1e-4, high=1.0, log=True, live=True, group="training", help="Size of a step.")
    optimiser: str = knob(
        "adamw", choices=OPTIMISERS, titles=tuple(title(name) for name in OPTIMISERS), group="training",
        help="How a gradient becomes a step. AdamW and Lion shrink weights directly, the others through the gradient.",
    )  # fmt: skip
    loss: str = knob("cross_entropy", choices=("cross_entropy", "squared"), group="training",
                     help="What is made small on the cells that are shown.")  # fmt: skip
    seeds: int = knob(1, low=1, high=16, group="run", help="Networks trained together: seed, seed + 1, and so on.")
    shown: int = knob(0, low=0, high=15, look=True, group="view", label="Network shown",
                      help="Which of the networks trained together is drawn.")  # fmt: skip
    frequency: int = knob(0, low=0, high=48, look=True, group="view", label="Frequency of the circle",
                          help="0 takes the strongest one. A click on a bar chooses too.")  # fmt: skip

    def check(self) -> None:
        if self.operation == "parity" and self.model == "transformer":
            raise ConfigError("model", self.model, "choose sum or concat: the bits of a parity are read by an MLP")
        if (cost := self.cost) > (most := LONGEST[self.size]):
            name = "size" if self.size == "large" else "width" if self.seeds == 1 else "seeds"
            raise ConfigError(
                name, getattr(self, name),
                f"a step would take about {cost:.0f} milliseconds, and everybody else on this server would wait; "
                f"{most:.0f} are allowed. Lower seeds, width, p or train_share",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """Where the order counts, embeddings must not be summed; a parity has no transformer."""
        apart = self.operation in ("a-b", "permutations") and self.model == "sum"
        if turned == "operation" and (apart or (self.operation == "parity" and self.model == "transformer")):
            return replace(self, model="concat")
        return self

    @property
    def kind(self) -> str:
        """How two elements become one vector; the bits of a parity stand side by side in any case."""
        return "concat" if self.operation == "parity" else self.model

    @property
    def elements(self) -> int:
        """Rows of the table."""
        return PERMUTED if self.operation == "permutations" else 1 << BITS if self.operation == "parity" else self.p

    @property
    def answers(self) -> int:
        """How many different answers there are."""
        return 2 if self.operation == "parity" else self.elements

    @property
    def hidden(self) -> int:
        """Hidden neurons."""
        times: int = TIMES[self.size]
        return times * self.width

    @property
    def embedded(self) -> int:
        """Numbers in an embedding, the same for each head."""
        return HEADS * max(1, self.hidden // (2 * HEADS))

    @property
    def cost(self) -> float:
        """About how many milliseconds of one core a step takes (torch 2.13, a server of 2024)."""
        mixed = self.embedded * (self.hidden + 60) if self.model == "transformer" else 0
        passes = self.elements**2 * (1 + 3 * self.train_share)  # forward through all cells, back through those shown
        return 1.0 + self.seeds * (1.5 + 6e-8 * passes * (self.hidden * (self.answers + 12) + mixed))
