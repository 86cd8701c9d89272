"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.labs.translation import own_grammar
from engine.labs.translation.word_lists import ALL, GRAMMAR

PAIRS = {"language": "invented language", "numbers": "number words", "dates": "dates", "own": "your own grammar"}
MODELS = {
    "both": "with and without attention", "attention": "with attention", "none": "without attention",
    "transformer": "transformer", "all": "all three",
}  # fmt: skip
KINDS = {
    "both": ("attention", "none"), "attention": ("attention",), "none": ("none",), "transformer": ("transformer",),
    "all": ("attention", "none", "transformer"),
}  # fmt: skip
TITLES = {"attention": "with attention", "none": "without", "transformer": "transformer"}
TIMES = {"standard": 1, "large": 4}  # what the width is multiplied by
BUDGET = {"standard": 60.0, "large": 250.0}  # milliseconds of one core that a step may take
HELD_OUT = 96  # sentences that the models are judged by
LONGEST = {"language": (16, 32, 48), "numbers": (12, 12, 12), "dates": (12, 12, 12), "own": (20, 20, 20)}


@dataclass(frozen=True)
class Config(BaseConfig):
    pair: str = knob(
        "language", choices=tuple(PAIRS), titles=tuple(PAIRS.values()), group="sentences", label="What is translated",
        called="language", help="English into an invented language with the verb at the end; number words into "
        "digits, units before tens; dates into year-month-day; or lines of your own.",
    )  # fmt: skip
    grammar: str = knob(
        GRAMMAR, length=(0, 2_000), group="sentences", when="pair=own", label="Your own grammar",
        help="Lists of words, N: cat = neko | dog = inu, and sentences with places for them: the N sees the N2 = "
        "N wa N2 o miru.",
    )  # fmt: skip
    clauses: int = knob(1, low=1, high=3, group="sentences", when="pair=language", label="Clauses, at most",
                        called="clauses", help="Joined by “and”: each makes the sentence longer.")  # fmt: skip
    vocabulary: int = knob(ALL, low=8, high=ALL, group="sentences", when="pair=language", label="Source words",
                           help="Different words of the source language.")  # fmt: skip
    agreement: float = knob(
        1.0, low=0.0, high=1.0, group="sentences", when="pair=language", label="Nouns with a gender",
        help="Share of the nouns whose article follows their gender: lo miro, but la kala. The others take lo or nu.",
    )  # fmt: skip
    models: str = knob(
        "both", choices=tuple(MODELS), titles=tuple(MODELS.values()), group="model", label="Translators",
        help="All of them learn from the same sentences, each alone.",
    )  # fmt: skip
    attention: str = knob(
        "general", choices=("dot", "general", "additive"), group="model", label="Attention scores by",
        when="models=both|attention|all", help="How a state of the decoder is compared with one of the encoder: h·s, "
        "h·Ws, or v·tanh(Wh + Us).",
    )  # fmt: skip
    encoder: str = knob(
        "two", choices=("two", "one"), titles=("in two directions", "in one direction"), group="model",
        label="Encoder reads", when="models=both|attention|none|all",
        help="In two directions a state knows of the words before and after its own.",
    )  # fmt: skip
    source_order: str = knob(
        "as_it_is", choices=("as_it_is", "reversed"), titles=("as it is", "reversed"), group="model",
        help="Whether the source is fed backwards, as Sutskever et al. did.",
    )  # fmt: skip
    width: int = knob(
        64, low=16, high=128, log=True, group="model", help="Numbers that stand for a word, and in a state."
    )
    heads: int = knob(4, low=1, high=8, group="model", when="models=transformer|all", help="Of each attention.")
    layers: int = knob(
        2, low=1, high=4, group="model", when="models=transformer|all", help="Blocks of encoder and decoder."
    )
    size: str = knob(
        "standard", choices=tuple(TIMES), group="model",
        help="Large is 4 times as wide. It is meant for a server with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    learning_rate: float = knob(0.005, low=1e-4, high=0.1, log=True, live=True, group="training",
                                help="Size of Adam's step, halved every 300 steps.")  # fmt: skip
    batch_size: int = knob(32, low=4, high=128, log=True, group="training", help="New sentences in each step.")
    teacher_forcing: float = knob(
        1.0, low=0.0, high=1.0, live=True, group="training",
        help="Share of the words before that are the right ones; the others are the model's own guesses.",
    )  # fmt: skip
    label_smoothing: float = knob(0.0, low=0.0, high=0.5, group="training",
                                  help="Share of the target that is spread over all words.")  # fmt: skip
    judge_beam: bool = knob(
        False, group="run", label="Judge a beam too",
        help="At every tenth step 32 of the new sentences are translated greedily and by a beam of 4.",
    )  # fmt: skip
    shown: int = knob(
        64, low=1, high=HELD_OUT, look=True, group="view", label="Sentence shown",
        help="One of those it is tested on, from the shortest to the longest.",
    )  # fmt: skip
    sentence: str = knob("", length=(0, 300), look=True, group="view", label="Your own sentence",
                         help="Words of the source language. Empty: one of those it is tested on.")  # fmt: skip
    rows: str = knob(
        "right", choices=("right", "own"), titles=("the right words", "its own words"), look=True, group="view",
        label="Rows of the matrix", help="The right words are given one after the other, or it goes on from its own.",
    )  # fmt: skip
    written: int = knob(48, low=1, high=48, look=True, group="view", label="Words written",
                        help="How far the translation below has got.")  # fmt: skip
    decoding: str = knob("greedy", choices=("greedy", "sample", "beam"), look=True, group="view",
                         help="The likeliest next word; one drawn by lot; or the likeliest sentences.")  # fmt: skip
    beam: int = knob(4, low=1, high=8, look=True, group="view", when="decoding=beam", label="Width of the beam",
                     help="Sentences that are gone on with at each word.")  # fmt: skip
    length_penalty: float = knob(0.0, low=0.0, high=2.0, look=True, group="view", when="decoding=beam",
                                 help="0 ranks by log probability alone, which favours short sentences.")  # fmt: skip
    tree_from: int = knob(1, low=1, high=48, look=True, group="view", label="Search shown from word",
                          help="Of a long search fourteen words are drawn, from this one on.")  # fmt: skip
    begin_with: str = knob("", length=(0, 200), look=True, group="view", label="Translation begins with",
                           help="Words of the target language that it has to go on from: what if?")  # fmt: skip
    look_at: tuple[int, ...] = knob(
        (), low=101, high=4899, length=(0, 48), look=True, group="view", label="Forced to look",
        help="203: for its second word it must look at the third source word. A click on the matrix does it too.",
    )  # fmt: skip

    def check(self) -> None:
        if self.pair == "own":
            try:
                own_grammar.read(self.grammar)
            except own_grammar.GrammarError as error:
                raise ConfigError("grammar", self.grammar, str(error)) from None
        if self.model_width % 2 or self.model_width % self.heads:
            raise ConfigError("width", self.width, f"give an even number that {self.heads} heads can share evenly")
        if (cost := self.cost) > (most := patience(BUDGET[self.size])):
            raise ConfigError(
                "batch_size", self.batch_size, f"a step would take about {cost:.0f} milliseconds, and everybody else "
                f"on this server would wait; {most:.0f} are allowed. Lower batch_size, width, clauses or layers, or "
                "train fewer translators",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """The transformer needs a smaller step; what was written for one language is not for another."""
        if turned == "models" and self.models == "transformer":
            return replace(self, learning_rate=min(self.learning_rate, 0.004))
        if turned in ("pair", "grammar"):
            return replace(self, sentence="", begin_with="", look_at=())
        return self

    @property
    def model_width(self) -> int:
        """Numbers that stand for a word, W."""
        return self.width * TIMES[self.size]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The translators that are trained, the one that is looked at first."""
        return KINDS[self.models]

    @property
    def longest(self) -> int:
        """Words that a translation may have."""
        return LONGEST[self.pair][self.clauses - 1]

    @property
    def cost(self) -> float:
        """About how many milliseconds of one core a step takes (torch 2.13, a server of 2024)."""
        words = {"language": (9, 14, 19)[self.clauses - 1], "numbers": 5, "dates": 9, "own": 7}[self.pair]
        W, read = self.model_width, self.batch_size * words
        one = 2.5 + 0.55 * words + 1.3e-6 * read * W * (W + 100)
        compared = 2e-5 * read * words * W if self.attention == "additive" else 0.0
        each = {"none": 0.8 * one, "attention": one + compared,
                "transformer": 4 + 4.5 * self.layers + 4.5e-6 * read * self.layers * W * W}  # fmt: skip
        return sum(each[kind] for kind in self.kinds)
