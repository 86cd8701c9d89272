"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import bpe, text
from engine.labs.attention_heads import taken
from engine.labs.attention_heads.vocabulary import TASKS, encoded, symbols
from engine.nets.transformer_cost import FEED_FORWARD, NORMS, milliseconds

SHARING = ("multi_head", "grouped", "multi_query")
TIMES = {"standard": 1, "large": 4}  # what the width is multiplied by
HELD_OUT = 16  # sequences that every step is judged by
BUDGET = {"standard": 20.0, "large": 45.0}  # milliseconds of one core for a step: on a bench others wait for it


@dataclass(frozen=True)
class Config(BaseConfig):
    task: str = knob(
        "induction", choices=TASKS, group="task",
        titles=("repeated sequences", "look up a key", "reverse", "sort", "text"),
        help="What is to be learned. Repeated sequences: a random word again and again, with another period each time.",
    )  # fmt: skip
    tokens: str = knob(
        "", length=(0, 200), look=True, group="task", label="Your own tokens",
        help="What the maps show. Empty: a sequence that training never uses. Letters, digits, and > before an answer.",
    )  # fmt: skip
    text_key: str = knob("", length=(0, 20), group="task", when="task=text", help="A text of your own on the shelf.")
    merges: int = knob(
        0, low=0, high=2_000, group="task", when="task=text", label="Pieces made by merging",
        help="0: every token is a character. Else bytes, and so many pieces by byte pair encoding.",
    )  # fmt: skip
    network: str = knob("", length=(0, 20), group="task", help="A transformer trained elsewhere, on the shelf.")
    length: int = knob(32, low=12, high=64, group="task", help="Tokens in a sequence, at most.")
    layers: int = knob(2, low=1, high=8, group="model", help="Blocks, one after the other.")
    heads: int = knob(2, low=1, high=8, group="model", help="Heads in each layer, which share its width.")
    key_value_heads: str = knob(
        "multi_head", choices=SHARING, group="model", label="Keys and values",
        titles=("each its own", "grouped by two", "one for all"),
        help="Whether heads share keys and values: multi-head, grouped-query or multi-query attention.",
    )  # fmt: skip
    width: int = knob(64, low=16, high=128, log=True, group="model", help="Numbers that stand for one token.")
    size: str = knob(
        "standard", choices=tuple(TIMES), group="model",
        help="Large has 4 times the width. It is meant for a server with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    position: str = knob(
        "rotary", choices=("none", "sinusoidal", "learned", "rotary", "alibi"), group="model",
        titles=("none", "sinusoidal", "learned", "rotary", "ALiBi"), help="How the model knows where a token stands.",
    )  # fmt: skip
    mask: str = knob(
        "causal", choices=("causal", "full", "sliding"), group="model",
        titles=("causal", "full", "sliding window"),
        help="What a position may see. Full: everything, so in repeated sequences and text also the answer.",
    )  # fmt: skip
    window: int = knob(8, low=1, high=64, group="model", when="mask=sliding", help="Tokens that a position may see.")
    feed_forward: str = knob(
        "none", choices=FEED_FORWARD, group="block", titles=("none", "ReLU", "GELU", "SwiGLU"),
        help="The layer after each attention, at every position by itself.",
    )  # fmt: skip
    norm: str = knob(
        "layer", choices=NORMS, group="block", titles=("LayerNorm", "RMSNorm"),
        help="What keeps numbers at one size.",
    )  # fmt: skip
    norm_place: str = knob("pre", choices=("pre", "post"), group="block", help="Before each layer, or after the sum.")
    learning_rate: float = knob(
        0.005, low=1e-5, high=0.1, log=True, live=True, group="training",
        help="Size of AdamW's step; with the size “large” a quarter of it, which suits the wider layers.",
    )  # fmt: skip
    batch_size: int = knob(16, low=4, high=128, log=True, group="training", help="Sequences behind each step.")
    kernel: str = knob(
        "products", choices=("products", "fused"), group="training",
        titles=("matrix products", "torch's fused kernel"), help="What computes attention in training.",
    )  # fmt: skip
    shown: int = knob(
        0, low=0, high=88, look=True, group="view",
        help="The head taken apart: 21 is layer 2, head 1; 0 is the one that says most.",
    )  # fmt: skip
    off: tuple[int, ...] = knob(
        (), low=11, high=88, length=(0, 64), look=True, group="view",
        help="Heads that are switched off where you look. Training goes on with all of them.",
    )  # fmt: skip

    def check(self) -> None:
        if self.heads % 2 and self.key_value_heads == "grouped":
            raise ConfigError("key_value_heads", "grouped", "here two heads share keys and values, so choose an even "
                              f"number of heads and not {self.heads}, or another way of sharing")  # fmt: skip
        if self.task == "text":
            text.require_length(self.text_key, self.length)
            wanted = 3 * (self.length + 1)  # tokens: a text of so many words has them, and need not be cut to know
            short = len(text.own(self.text_key)) < (bpe.LONGEST + 1) * wanted
            if self.merges and short and len(encoded(self.text_key, self.merges)) < wanted:
                raise ConfigError(
                    "merges", self.merges, "of so short a text too few tokens would be left; choose fewer"
                )
        pieces = self.merges if self.task == "text" else 0
        vocabulary = bpe.BYTES + pieces if pieces else len(symbols(self.task, self.text_key))  # at most
        if self.network:
            taken.require_fit(self.network, layers=self.layers, width=self.model_width,
                              vocabulary=len(symbols(self.task, self.text_key, self.merges)))  # fmt: skip
        takes = self._milliseconds(self.batch_size, vocabulary)
        budget = patience(BUDGET[self.size])
        if takes > budget:
            fits = next((n for n in range(self.batch_size, 3, -1) if self._milliseconds(n, vocabulary) <= budget), 0)
            wish = f"a batch of at most {fits} sequences, or " if fits else ""
            raise ConfigError(
                "batch_size" if wish else "width", self.batch_size if wish else self.width,
                f"{self.layers} layers of width {self.model_width} on {self.batch_size} sequences of {self.length} "
                f"tokens take about {takes:.0f} ms a step, and others wait for it; choose {wish}fewer layers, a "
                "smaller width or shorter sequences",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """A network that was taken along has the shape that it has: whoever turns that leaves it."""
        return replace(self, network="") if turned in taken.SHAPE else self

    def _milliseconds(self, sequences: int, vocabulary: int) -> float:
        """About what a step takes on one core: forward, twice as much back, the sequences held out, and AdamW."""
        return 2 + self.layers + milliseconds(
            layers=self.layers, heads=self.heads, width=self.model_width, feed_forward=self.feed_forward,
            length=self.length, vocabulary=vocabulary,
            sequences=3 * sequences + min(sequences, HELD_OUT),
        )  # fmt: skip

    @property
    def model_width(self) -> int:
        """Numbers that stand for one token, W."""
        return self.width * TIMES[self.size]

    @property
    def rate(self) -> float:
        """AdamW's: the wider the layers, the smaller the steps (Yang et al., "Tensor programs V", 2021)."""
        return self.learning_rate / TIMES[self.size]

    @property
    def groups(self) -> int:
        """Heads of keys and values."""
        return {"multi_head": self.heads, "grouped": self.heads // 2, "multi_query": 1}[self.key_value_heads]

    @property
    def head_width(self) -> int:
        """Numbers in one query: an even share of the width, since rotary positions turn pairs."""
        return max(2, self.model_width // self.heads // 2 * 2)
