"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.bounds import patience
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
MODULAR = ("a+b", "a-b", "a*b", "a^2+b^2")
MODELS = {"sum": "MLP, embeddings summed", "concat": "MLP, side by side", "transformer": "one-layer transformer"}
OPTIMISERS = ("adamw", "adam", "momentum", "lion")
TRAINED = {"one": "one network", "phases": "phase picture: 36 networks"}
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # across the phase picture; beyond the last hardly a cell is new in both orders
DECAYS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # up the phase picture
NETWORKS = len(SHARES) * len(DECAYS)
TIMES = {"standard": 1, "large": 4}  # as wide as `width` says
LONGEST = {"standard": 90.0, "large": 400.0}  # milliseconds of one core that a step may take


@dataclass(frozen=True)
class Config(BaseConfig):
    trained: str = knob(
        "one", choices=tuple(TRAINED), titles=tuple(TRAINED.values()), group="run",
        label="What is trained", called="training",
        help="The phase picture trains a small network for each of six training shares and six weight decays at once. "
        "Back at one network, it is the one of the cell chosen.",
    )  # fmt: skip
    operation: str = knob(
        "a+b", choices=tuple(OPERATIONS), titles=tuple(OPERATIONS.values()), group="table",
        help="What stands in the table. In a parity, a and b are six bits each.",
    )  # fmt: skip
    p: int = knob(43, low=11, high=97, group="table", when="operation=a+b|a-b|a*b|a^2+b^2", label="Modulus p",
                  help="The table has p rows and p columns. The circle of a product needs a prime.")  # fmt: skip
    bits: int = knob(3, low=2, high=6, group="table", when="operation=parity", label="Bits that count",
                     help="How many of the twelve bits decide; the others are noise.")  # fmt: skip
    train_share: float = knob(0.4, low=0.05, high=0.95, group="table", called="train share", when="trained=one",
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
    weight_decay: float = knob(1.0, low=0.0, high=10.0, log=True, live=True, group="training", when="trained=one",
                               help="Each step shrinks every weight by this times the learning rate.")  # fmt: skip
    learning_rate: float = knob(0.01, low=1e-4, high=1.0, log=True, live=True, group="training", help="Size of a step.")
    optimiser: str = knob(
        "adamw", choices=OPTIMISERS, titles=tuple(title(name) for name in OPTIMISERS), group="training",
        help="How a gradient becomes a step. AdamW and Lion shrink weights directly, the others through the gradient.",
    )  # fmt: skip
    loss: str = knob("cross_entropy", choices=("cross_entropy", "squared"), group="training",
                     help="What is made small on the cells that are shown.")  # fmt: skip
    seeds: int = knob(1, low=1, high=16, group="run", when="trained=one",
                      help="Networks trained together: seed, seed + 1, and so on.")  # fmt: skip
    shown: int = knob(0, low=0, high=15, look=True, group="view", when="trained=one", label="Network shown",
                      help="Which of the networks trained together is drawn.")  # fmt: skip
    cell_share: str = knob(
        "0.5", choices=tuple(f"{share:g}" for share in SHARES), look=True, group="view", when="trained=phases",
        label="Train share of the cell", help="Which network of the phase picture is drawn below it, as by a click.",
    )  # fmt: skip
    cell_decay: str = knob(
        "1", choices=tuple(f"{decay:g}" for decay in DECAYS), look=True, group="view", when="trained=phases",
        label="Weight decay of the cell", help="Its other half: the row of the phase picture.",
    )  # fmt: skip
    frequency: int = knob(0, low=0, high=48, look=True, group="view", label="Frequency of the circle",
                          help="0 takes the strongest one. A click on a bar chooses too.")  # fmt: skip

    def check(self) -> None:
        if self.trained == "phases":
            self._check_phases()
        if self.operation == "parity" and self.model == "transformer":
            raise ConfigError("model", self.model, "choose sum or concat: the bits of a parity are read by an MLP")
        if (cost := self.cost) > (most := patience(LONGEST[self.size])):
            name = "size" if self.size == "large" else "width" if self.seeds == 1 else "seeds"
            lower = "width or p" if self.trained == "phases" else "seeds, width, p or train_share"
            raise ConfigError(
                name, getattr(self, name),
                f"a step would take about {cost:.0f} milliseconds, and everybody else on this server would wait; "
                f"{most:.0f} are allowed. Lower {lower}",
            )  # fmt: skip

    def _check_phases(self) -> None:
        if self.operation not in MODULAR:
            raise ConfigError("operation", self.operation, f"for a phase picture choose one of {', '.join(MODULAR)}")
        if self.seeds > 1:
            raise ConfigError("seeds", self.seeds, "the phase picture has one network in each of its cells; give 1")

    def settle(self, turned: str) -> Config:
        """Where the order counts, embeddings must not be summed; a parity has no transformer.

        The phase picture brings networks small enough for all of them to be done within a minute; and one network after
        it is that of the cell which was chosen, to the same weights.
        """
        if turned == "trained":
            return self._small() if self.trained == "phases" else self._of_the_cell()
        apart = self.operation in ("a-b", "permutations") and self.model == "sum"
        if turned == "operation" and (apart or (self.operation == "parity" and self.model == "transformer")):
            return replace(self, model="concat")
        return self

    def _small(self) -> Config:
        def near(value: float, choices: tuple[float, ...]) -> str:
            return f"{min(choices, key=lambda choice: abs(choice - value)):g}"

        return replace(
            self, operation=self.operation if self.operation in MODULAR else "a+b", p=31, width=64, size="standard",
            model="concat" if self.operation == "a-b" else "sum", learning_rate=0.02, seeds=1,
            cell_share=near(self.train_share, SHARES), cell_decay=near(self.weight_decay, DECAYS),
        )  # fmt: skip

    def _of_the_cell(self) -> Config:
        return replace(self, train_share=float(self.cell_share), weight_decay=float(self.cell_decay))

    @property
    def cell(self) -> int:
        """Which network of the phase picture is looked at; share after share of a decay."""
        return DECAYS.index(float(self.cell_decay)) * len(SHARES) + SHARES.index(float(self.cell_share))

    @property
    def kind(self) -> str:
        """How two elements become one vector; the bits of a parity stand side by side in any case."""
        return "concat" if self.operation == "parity" else self.model

    @property
    def unordered(self) -> bool:
        """Whether neither the network nor the table can tell (a, b) from (b, a)."""
        return self.kind == "sum" and self.operation in ("a+b", "a*b", "a^2+b^2")

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
        if self.trained == "phases":
            cells = self.elements * (self.elements + 1) // 2 if self.unordered else self.elements**2
            each = self.hidden * (self.answers + 22) + 47 * self.answers + 3 * mixed
            return 1.0 + NETWORKS * 1.8e-7 * cells * each
        passes = self.elements**2 * (1 + 3 * self.train_share)  # forward through all cells, back through those shown
        return 1.0 + self.seeds * (1.5 + 6e-8 * passes * (self.hidden * (self.answers + 12) + mixed))
