"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import text
from engine.labs.language_model import units
from engine.labs.language_model.made_world import NOUNS

UNITS = {"bpe": "pieces of words (BPE)", "characters": "characters", "bytes": "bytes"}
MODELS = {"transformer": "transformer", "gru": "GRU", "convolution": "causal convolutions", "bigram": "bigram table",
          "vectors": "word vectors"}  # fmt: skip
OBJECTIVES = {
    "next": "the next token",
    "masked": "masked tokens",
    "diffusion": "masked diffusion",
    "neighbours": "neighbours of a word",
}
BLANKS = ("masked", "diffusion")  # objectives of which some tokens are hidden, and both sides of them seen
ORDERS = {"surest": "the surest first", "random": "in any order"}
READINGS = {"skip_gram": "each neighbour from the word", "cbow": "the word from all neighbours"}
TIMES = {"standard": 1, "large": 4}  # what the width is multiplied by
BUDGET = {"standard": 60.0, "large": 250.0}  # milliseconds of one core that a step may take
MERGES = 2_000  # at most
SLOW = 40  # tokens that a beam or a large model writes at most: a picture waits for them
MASKED_RATE = 0.005  # of learning: with twice as much it is slower
MASKED: dict[str, Any] = {"unit": "characters", "context": 32, "learning_rate": MASKED_RATE}  # comes with the objective
ANEW = 20  # tokens that a masked model writes at most: it reads everything anew for each
PASSES = 16  # in which blanks are filled, at most
EVERY = 10  # steps from one look at the held-out text to the next


@dataclass(frozen=True)
class Config(BaseConfig):
    text_key: str = knob("", length=(0, 20), group="text", help="A text of your own on the shelf.")
    unit: str = knob(
        "bpe", choices=tuple(UNITS), titles=tuple(UNITS.values()), group="text", label="A token is",
        when="objective=next|masked|diffusion",
        help="What it reads and writes one after the other. Pieces of words are found by byte pair encoding.",
    )  # fmt: skip
    merges: int = knob(
        400, low=0, high=MERGES, group="text", when="unit=bpe", label="Pieces made by merging", called="merges",
        help="How often the commonest pair of neighbours becomes a token of its own. 256 bytes are there before.",
    )  # fmt: skip
    model: str = knob(
        "transformer", choices=tuple(MODELS), titles=tuple(MODELS.values()), group="model",
        help="What reads the tokens so far. The bigram table sees only the last one.",
    )  # fmt: skip
    objective: str = knob(
        "next", choices=tuple(OBJECTIVES), titles=tuple(OBJECTIVES.values()), group="model", label="It predicts",
        called="objective",
        help="What it is trained to guess: the token after those it sees, or tokens that are hidden, from both sides: "
        "a share of each piece, or any number of them, none to all left to see.",
    )  # fmt: skip
    masked: float = knob(
        0.3, low=0.15, high=0.6, group="model", when="objective=masked", label="Share of tokens masked",
        called="share masked", help="How many tokens of each piece are hidden, at random, and have to be guessed.",
    )  # fmt: skip
    reading: str = knob(
        "skip_gram", choices=tuple(READINGS), titles=tuple(READINGS.values()), group="model",
        when="objective=neighbours", label="Word vectors guess", called="what is guessed",
        help="Skip-gram guesses a neighbour from the word, CBOW the word from the mean of all its neighbours.",
    )  # fmt: skip
    layers: int = knob(2, low=1, high=6, group="model", when="model=transformer|gru|convolution",
                       help="One after the other.")  # fmt: skip
    heads: int = knob(4, low=1, high=8, group="model", when="model=transformer", help="Of each attention.")
    width: int = knob(64, low=16, high=256, log=True, group="model", when="model=transformer|gru|convolution|vectors",
                      help="Numbers that stand for what was read so far.")  # fmt: skip
    size: str = knob(
        "standard", choices=tuple(TIMES), group="model",
        help="Large is 4 times as wide. It is meant for a server with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    context: int = knob(24, low=16, high=128, group="model", label="Tokens it sees", called="context",
                        when="objective=next|masked|diffusion",
                        help="How far back it looks, and the length of the pieces that it trains on.")  # fmt: skip
    rank: int = knob(
        0, low=0, high=64, group="model", when="model=transformer|gru|convolution", label="Rank of the embedding",
        help="0: full. r: a table of r numbers for each token, and a matrix that makes the width of them.",
    )  # fmt: skip
    tied: bool = knob(
        False, group="model", when="model=transformer|gru|convolution", label="One embedding, in and out",
        called="tied", help="The numbers of a token are also those by which it is predicted.",
    )  # fmt: skip
    shared: bool = knob(False, group="model", when="model=transformer", label="Layers share their numbers",
                        called="shared", help="The same layer again and again.")  # fmt: skip
    learning_rate: float = knob(0.01, low=1e-4, high=0.1, log=True, live=True, group="training",
                                help="Of the optimiser, once it is warm; if “large”, a quarter of it.")  # fmt: skip
    batch_size: int = knob(32, low=4, high=128, log=True, group="training",
                           help="Pieces of text in each step; word vectors make 16 guesses for each.")  # fmt: skip
    dropout: float = knob(0.0, low=0.0, high=0.5, group="training", when="model=transformer|gru|convolution",
                          help="Share of the numbers around the layers that each step leaves out.")  # fmt: skip
    prompt: str = knob("", length=(0, 120), look=True, group="writing", label="It goes on from",
                       when="objective=next|masked|diffusion",
                       help="Your own beginning. Empty: the commonest first word of a sentence.")  # fmt: skip
    decoding: str = knob("sample", choices=("sample", "greedy", "beam"), look=True, group="writing",
                         titles=("at random", "greedy", "beam of 4"), label="Next token", when="objective=next|masked",
                         help="Drawn by probability; always the likeliest; or the likeliest line.")  # fmt: skip
    temperature: float = knob(
        0.7, low=0.0, high=2.0, look=True, group="writing", when="decoding=sample",
        help="What scores are divided by: low is careful, high is bold, 0 always takes the likeliest.",
    )  # fmt: skip
    top_k: int = knob(0, low=0, high=100, look=True, group="writing", when="decoding=sample", label="Top-k",
                      help="Only the k likeliest tokens may be drawn. 0: all.")  # fmt: skip
    top_p: float = knob(1.0, low=0.05, high=1.0, look=True, group="writing", when="decoding=sample", label="Top-p",
                        help="Only the fewest tokens that have this probability together may be drawn.")  # fmt: skip
    repetition: float = knob(
        1.0, low=1.0, high=2.0, look=True, group="writing", when="decoding=sample|greedy", label="Repetition penalty",
        help="Positive scores of tokens that are there already are divided by it, negative ones multiplied.",
    )  # fmt: skip
    written: int = knob(40, low=8, high=120, look=True, group="writing", label="Tokens written",
                        when="objective=next|masked|diffusion",
                        help="Each picture writes so many, always with the same random numbers. "
                        "A beam, a large model or diffusion: 40 at most; a masked one: 20; and "
                        "diffusion no more than a piece has room for.")  # fmt: skip
    word_a: str = knob("king", choices=NOUNS, look=True, group="writing", when="objective=neighbours",
                       label="Word a", called="word a", help="What a - b + c begins with.")  # fmt: skip
    word_b: str = knob("man", choices=NOUNS, look=True, group="writing", when="objective=neighbours",
                       label="Word b", called="word b", help="What is taken away.")  # fmt: skip
    word_c: str = knob("woman", choices=NOUNS, look=True, group="writing", when="objective=neighbours",
                       label="Word c", called="word c", help="What is put in its place.")  # fmt: skip
    passes: int = knob(8, low=1, high=PASSES, look=True, group="writing", when="objective=diffusion",
                       label="Passes that fill the blanks", called="passes",
                       help="All begin as blanks, and each pass fills as many of them. One: all at once.")  # fmt: skip
    order: str = knob("surest", choices=tuple(ORDERS), titles=tuple(ORDERS.values()), look=True, group="writing",
                      when="objective=diffusion", label="Which blanks a pass fills", called="order",
                      help="Those of whose tokens it is surest, or any: always the same ones.")  # fmt: skip
    place: int = knob(20, low=0, high=100, look=True, group="tokens", label="Held-out text shown, %",
                       when="objective=next|masked|diffusion",
                      help="Where in the part that it never trains on.")  # fmt: skip
    sentence: str = knob("", length=(0, 120), look=True, group="tokens", label="Your sentence, cut into tokens",
                         when="objective=next|masked|diffusion",
                         help="Any text. Empty: the beginning of the part that it never trains on.")  # fmt: skip
    cut: int = knob(MERGES, low=0, high=MERGES, look=True, group="tokens", label="Merges made so far",
                     when="unit=bpe",
                    help="The sentence as it was cut when only so many pairs had been merged.")  # fmt: skip

    def check(self) -> None:
        whole = len(text.require(self.text_key)) if self.model != "vectors" else 12 * self.context  # it reads none
        if whole < 12 * self.context:
            raise ConfigError(
                "context", self.context, f"your text has {whole} characters, too few for pieces of {self.context} "
                f"tokens; choose at most {whole // 12} or give a text of at least {12 * self.context} characters",
            )  # fmt: skip
        if self.model == "transformer" and (self.model_width % self.heads or self.model_width // self.heads % 2):
            raise ConfigError("width", self.width, f"give a number that {self.heads} heads share as even numbers")
        if (self.objective == "neighbours") != (self.model == "vectors"):
            raise ConfigError(
                "model", self.model, "word vectors and neighbours go together; choose model vectors and objective "
                "neighbours, or neither",
            )  # fmt: skip
        if self.objective in BLANKS and self.model != "transformer":
            raise ConfigError(
                "objective", self.objective, "only the transformer looks to both sides here; choose model transformer, "
                "or objective next",
            )  # fmt: skip
        if (cost := self.cost) > (most := patience(BUDGET[self.size])):
            raise ConfigError(
                "batch_size", self.batch_size, f"a step would take about {cost:.0f} milliseconds, and everybody else "
                f"on this server would wait; {most:.0f} are allowed. Lower batch_size, width, context or layers",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """Characters and bytes are short: more of them are seen.  A beginning in one language is none in another.

        Only the transformer looks to both sides, and letters are guessed sooner than pieces of words; what the masked
        objective brings along goes with it.
        """
        if turned == "objective" and self.objective in BLANKS:
            width = self._divided(64 if self.model == "vectors" else self.width)
            return replace(self, model="transformer", width=width, **MASKED | {"context": self._pieces(32)})
        if (turned, self.objective) == ("objective", "neighbours") or (turned, self.model) == ("model", "vectors"):
            return replace(self, objective="neighbours", model="vectors", width=16, **self._unmasked())
        if turned == "objective" and self.model == "vectors":
            return replace(self, model="transformer", width=self._divided(64))
        if turned == "objective":
            return replace(self, **self._unmasked())
        if turned == "model" and not (self.model == "transformer" and self.objective in BLANKS):
            width = 64 if self.objective == "neighbours" else self.width
            width = self._divided(width) if self.model == "transformer" else width
            brought = self._unmasked() if self.objective in BLANKS else {}
            return replace(self, objective="next", width=width, **brought)
        if turned == "unit":
            return replace(self, context=self._pieces(24 if self.unit == "bpe" else 32))
        if turned == "text_key":
            return replace(self, prompt="", sentence="", context=self._pieces(min(self.context, 24)))
        return self

    def _divided(self, width: int) -> int:
        """`width`, or the next one that the heads share as even numbers."""
        shares = 2 * self.heads
        return width if width * TIMES[self.size] % shares == 0 else min(-(-width // shares), 256 // shares) * shares

    def _pieces(self, context: int) -> int:
        """`context`, or as much of it as the visitor's text has room for."""
        return min(context, max(16, len(text.require(self.text_key)) // 12)) if self.text_key else context

    def _unmasked(self) -> dict[str, Any]:
        """What stands at what the masked objective brought along, back at its default."""
        rate = {"learning_rate": 0.01} if self.learning_rate == MASKED_RATE else {}
        whole = all(getattr(self, name) == value for name, value in MASKED.items())
        return {name: self.knobs()[name].default for name in MASKED} if whole else rate

    @property
    def model_width(self) -> int:
        """Numbers that stand for what was read so far, W."""
        return self.width * TIMES[self.size]

    @property
    def rate(self) -> float:
        """AdamW's: the wider the layers, the smaller the steps (Yang et al., "Tensor programs V", 2021)."""
        return self.learning_rate / TIMES[self.size]

    @property
    def writes(self) -> int:
        """Tokens of the line that a picture writes."""
        slow = self.decoding == "beam" or self.size == "large"
        slow = slow or self.objective == "diffusion"
        most = ANEW if self.objective == "masked" else SLOW if slow else self.written
        return min(self.written, most)

    @property
    def elsewhere(self) -> dict[str, str] | None:
        """The knobs of the lab on attention heads, as in a link, for this model; None where it has no such shape."""
        plain = self.model == "transformer" and self.objective == "next"
        plain = plain and not (self.rank or self.tied or self.shared)
        merges = units.merges(self.text_key, self.merges, self.context) if self.unit == "bpe" else 0
        if not plain or self.unit == "bytes" or self.width > 128 or (self.unit == "bpe" and not merges):
            return None
        return {
            "task": "text", "text_key": self.text_key, "merges": str(merges),
            "length": str(min(64, self.context)), "layers": str(self.layers), "heads": str(self.heads),
            "width": str(self.width), "size": self.size, "feed_forward": "relu", "norm": "rms",
        }  # fmt: skip

    @property
    def vocabulary(self) -> int:
        """About how many tokens there are."""
        return {"bpe": 256 + self.merges, "characters": text.MAX_CHARACTERS, "bytes": 256}[self.unit]

    @property
    def cost(self) -> float:
        """About how many milliseconds of one core a step takes (torch 2.13, a server of 2024)."""
        W, V, read = self.model_width, self.vocabulary, self.batch_size * self.context
        if self.model == "vectors":
            return 1.0 + 1e-4 * 16 * self.batch_size * (1 + W / 16)
        if self.model == "bigram":
            return 1.0 + 3e-6 * read * V + 1e-6 * V * V
        each = {"transformer": 12 * W * W + 2 * W * self.context, "gru": 6 * W * W, "convolution": 3 * W * W}
        flops = 6.0 * read * (self.layers * each[self.model] + W * V)
        one_by_one = 0.12 * self.context * self.layers if self.model == "gru" else 0.0  # it waits for each token
        return 3.0 + 2.0 * self.layers + flops / 4e7 + 6e-6 * read * V + one_by_one
