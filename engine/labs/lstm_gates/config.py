"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import text

TITLES = {"rnn": "tanh RNN", "gru": "GRU", "lstm": "LSTM"}
SHOWN = 16  # sequences kept apart, to look at
TIMES = {"standard": 1, "large": 4}  # what the hidden size is multiplied by
ROOM = 12_800  # units times length: with more, others would have to wait for a step


@dataclass(frozen=True)
class Config(BaseConfig):
    task: str = knob(
        "brackets", choices=("brackets", "adding", "copying", "text"), group="task",
        titles=("Match brackets", "Add two marked numbers", "Copy after a pause", "Next character"),
        help="What is to be learned; each needs something remembered over many steps.",
    )  # fmt: skip
    length: int = knob(50, low=12, high=100, group="task", help="Steps in a sequence.")
    text_key: str = knob("", length=(0, 20), group="task", when="task=text", help="A text of your own to learn from.")
    cell: str = knob("lstm", choices=tuple(TITLES), titles=tuple(TITLES.values()), look=True, group="task",
                     label="Cell shown", help="Whose gates are shown; all three train.")  # fmt: skip
    example: int = knob(0, low=0, high=SHOWN - 1, look=True, group="view", help="Which sequence it reads.")
    reading: str = knob("", length=(0, 100), look=True, group="task", when="task=text", label="Text to read",
                        help="Your own text under the cursor; left empty, a part it does not learn from.")  # fmt: skip
    temperature: float = knob(0.6, low=0.1, high=2.0, live=True, group="task", when="task=text",
                              help="Divides the logits when it writes: low plays safe, high gambles.")  # fmt: skip
    hidden: int = knob(
        32, low=4, high=64, group="cells", label="Hidden size", help="Numbers in the state of each cell."
    )
    size: str = knob(
        "standard", choices=tuple(TIMES), group="cells",
        help="Large has 4 times as many numbers in the state of each cell. It is meant for a server with a GPU; "
        "without one it learns more slowly.",
    )  # fmt: skip
    forget_bias: float = knob(1.0, low=-4.0, high=4.0, group="cells", label="Forget-gate bias",
                              help="First bias of the LSTM's forget gate; above 0 it begins by keeping.")  # fmt: skip
    recurrent_scale: float = knob(
        1.0, low=0.1, high=5.0, group="cells", label="Scale of recurrent weights",
        help="First recurrent weights of all cells are multiplied by this; above 2 gradients can explode.",
    )  # fmt: skip
    optimiser: str = knob(
        "adam", choices=("adam", "gradient_descent"), titles=("Adam", "Gradient descent"), group="training",
        help="Adam rescales every gradient; plain gradient descent takes it as it comes, exploded or not.",
    )  # fmt: skip
    learning_rate: float = knob(0.02, low=1e-4, high=1.0, log=True, live=True, group="training",
                                help="Size of a step.")  # fmt: skip
    clip: float = knob(1.0, low=0.0, high=100.0, log=True, live=True, group="training", label="Gradient clipping",
                       help="A longer gradient is cut to this length; 0 cuts nothing.")  # fmt: skip
    span_start: int = knob(0, low=0, high=99, look=True, group="view", help="First step of the brushed span.")
    span_stop: int = knob(0, low=0, high=100, look=True, group="view", help="The step after the span; 0 for none.")

    def check(self) -> None:
        if self.task == "text":
            text.require_length(self.text_key, self.length)
        room = int(patience(ROOM))
        if self.units * self.length > room:
            raise ConfigError(
                "size", self.size, f"with {self.units} numbers in each state and {self.length} steps in a sequence "
                f"others would have to wait; choose a hidden size of at most {room // self.length // TIMES[self.size]} "
                f"or sequences of at most {room // self.units} steps",
            )  # fmt: skip

    @property
    def units(self) -> int:
        """Numbers in the state of each cell, H."""
        return self.hidden * TIMES[self.size]
