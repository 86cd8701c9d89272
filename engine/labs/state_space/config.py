"""The knobs, and what they must not be together."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.labs.state_space.vocabulary import KEYS

TASKS = {"selective": "selective copying", "delay": "copying after a delay", "recall": "recall by key",
         "digits": "digits, pixel by pixel", "text": "a text, sign by sign"}  # fmt: skip
LAYERS = {"scalar": "selective (Mamba-2)", "s6": "selective (Mamba, S6)", "s4d": "time-invariant (S4D)", "gru": "GRU",
          "attention": "attention"}  # fmt: skip
METHODS = {"mixed": "Mamba's (exp A, Euler B)", "zoh": "zero-order hold", "euler": "Euler", "bilinear": "bilinear"}
COMPUTED = {"matrix": "matrix or convolution", "scan": "parallel scan", "recurrence": "recurrence"}
POLES = {"hippo": "HiPPO: −1/2 + iπn", "random": "random", "real": "real: −(n + 1)"}
CONVOLUTION = 4  # places that the short convolution sums
CLASSES = 10
PIXELS = 64
LONGEST_READ = 64  # places that are read in training
OFF, SIZES = "not yet", ("512", "2048", "4096")  # up to which length time is taken
LONGEST = 80.0  # milliseconds of one core that a step may take
SELECTS = ("scalar", "s6")
MOVED = re.compile(r"\s*([1-8])\s*,\s*([1-9][0-9]?)\s*,\s*(-[0-9]{1,3}(?:\.[0-9]{1,4})?)\s*,"
                   r"\s*(-?[0-9]{1,4}(?:\.[0-9]{1,4})?)\s*")  # fmt: skip
NOWHERE = (0, 0, 0.0, 0.0)


@dataclass(frozen=True)
class Config(BaseConfig):
    task: str = knob(
        "selective", choices=tuple(TASKS), titles=tuple(TASKS.values()), group="task",
        help="What must be remembered. Selective: letters at places that change, among noise; then they are asked for.",
    )  # fmt: skip
    tokens: str = knob(
        "", length=(0, 200), look=True, group="task", label="Your own sequence",
        when="task=selective|delay|recall|text",
        help="Empty: one that is drawn by lot. Letters a to f, and a dot for noise: a..c.b; for recall pairs: A3..B5; "
        "or any text.",
    )  # fmt: skip
    length: int = knob(20, low=8, high=LONGEST_READ, group="task", when="task=selective|delay|recall|text",
                       help="Places that are read before the question; of a text, in each window.")  # fmt: skip
    kept: int = knob(4, low=1, high=6, group="task", label="To remember", when="task=selective|delay|recall",
                     help="Letters, or pairs of key and value, among them.")  # fmt: skip
    layer: str = knob(
        "scalar", choices=tuple(LAYERS), titles=tuple(LAYERS.values()), group="layer",
        help="What mixes the places. Selective ones compute their step size from what they read.",
    )  # fmt: skip
    control: str = knob(
        "s4d", choices=("none", *LAYERS), titles=("nothing", *LAYERS.values()), group="layer",
        label="Trained beside it",
        help="A second network, with the same sizes, on the same batches.",
    )  # fmt: skip
    layers: int = knob(2, low=1, high=3, group="layer", help="One after the other.")
    width: int = knob(64, low=16, high=96, log=True, group="layer", help="Numbers that stand for a place.")
    heads: int = knob(8, low=1, high=8, group="layer", help="Groups of channels with one step size each; in S6 each "
                      "channel has its own.")  # fmt: skip
    state: int = knob(
        16, low=2, high=32, group="layer", label="State size N", help="Numbers that each channel carries."
    )
    dt_low: float = knob(0.001, low=1e-4, high=0.5, log=True, group="start", label="Smallest first step",
                         help="Step sizes begin between these two, the same at every place.")  # fmt: skip
    dt_high: float = knob(0.1, low=1e-3, high=1.0, log=True, group="start", label="Largest first step",
                          help="1 over the step size is about how many places a pole of −1 looks back.")  # fmt: skip
    pole_kind: str = knob(
        "hippo", choices=tuple(POLES), titles=tuple(POLES.values()), group="start", label="Poles of S4D",
        help="Where they begin: how fast the state turns and fades.",
    )  # fmt: skip
    convolution: bool = knob(True, group="parts", label="Short convolution",
                             help="Before it selects, a selective layer sums four places of each channel.")  # fmt: skip
    gate: bool = knob(
        True, group="parts", label="Gate", help="Multiplies what a selective layer has read, place by place."
    )
    method: str = knob("mixed", choices=tuple(METHODS), titles=tuple(METHODS.values()), group="parts",
                       label="Discretisation", help="How a continuous system becomes steps.")  # fmt: skip
    computed: str = knob(
        "matrix", choices=tuple(COMPUTED), titles=tuple(COMPUTED.values()), group="parts", label="Computed as",
        help="One layer, three ways. S6 has no matrix: it takes the recurrence.",
    )  # fmt: skip
    learning_rate: float = knob(0.006, low=1e-4, high=0.1, log=True, live=True, group="training", help="AdamW's step.")
    batch_size: int = knob(32, low=8, high=64, log=True, group="training", help="Sequences behind each step.")
    shown: int = knob(1, low=1, high=3, look=True, group="view", label="Layer shown", help="Counted from the input.")
    head: int = knob(
        0, low=0, high=8, look=True, group="view", label="Head shown",
        help="Whose matrix and state are drawn; 0: the one that selects most. A click on a row chooses.",
    )  # fmt: skip
    place: int = knob(0, low=0, high=70, look=True, group="view", label="Place written out",
                      help="At which place the step is written in numbers; 0 is the first letter.")  # fmt: skip
    curve: str = knob("", length=(0, 1000), look=True, group="view", label="Curve remembered",
                      help="Heights from -1 to 1 with commas between, as drawn on the pad; empty: a wave.")  # fmt: skip
    memory: int = knob(32, low=2, high=64, look=True, group="view", label="Numbers that remember it",
                       help="How many Legendre coefficients keep the curve.")  # fmt: skip
    measured: str = knob(OFF, choices=(OFF, *SIZES), titles=("not yet", *(f"to {int(s):,}" for s in SIZES)), look=True,
                         group="view", label="Times taken here", help="How long recurrence, scan, convolution, matrix "
                         "and attention take on the machine that trains, up to which length.")  # fmt: skip
    moved: str = knob("", length=(0, 80), look=True, group="view", label="Pole moved",
                      help="Channel, pole, real and imaginary part, such as 1, 3, -0.2, 2: its kernel with that pole "
                      "there. Drag a pole of S4D to write it; empty: as it was learned.")  # fmt: skip

    def check(self) -> None:
        if self.moved and self.moved_pole == NOWHERE:
            raise ConfigError(
                "moved", self.moved, "give channel, pole, real part (below 0) and imaginary part, such as 1, 3, -0.2, 2"
            )
        if self.dt_low > self.dt_high:
            raise ConfigError("dt_low", self.dt_low, f"the largest first step is {self.dt_high:g}; give at most that")
        if self.width % self.heads:
            raise ConfigError("heads", self.heads, f"the width {self.width} must be a multiple of it; try 1, 2, 4 or 8")
        if self.control == self.layer:
            raise ConfigError(
                "control", self.control, "that is what is trained already; choose another layer, or nothing"
            )
        if self.kept > self.most:
            raise ConfigError("kept", self.kept, f"in {self.length} places there is room for {self.most}")
        if (cost := self.cost) > (most := patience(LONGEST)):
            raise ConfigError(
                "batch_size", self.batch_size,
                f"a step would take about {cost:.0f} milliseconds, and everybody else on this server would wait; "
                f"{most:.0f} are allowed. Lower it, or length, width, layers or state, or train nothing beside it",
            )  # fmt: skip

    def settle(self, turned: str) -> Config:
        """A network is not its own control; digits are long, and S6 carries much, so they get smaller layers."""
        other = self
        if turned == "layer" and self.control == self.layer:
            other = replace(other, control="scalar" if self.layer == "s4d" else "s4d")
        if turned == "task" and self.task == "digits":
            other = replace(other, layer="s4d", control="none", width=self._shared(48), state=16)
        if turned == "task" and self.task != "digits" and self.layer == "s4d" and self.control == "none":
            other = replace(other, layer="scalar", control="s4d", width=self._shared(64))
        if turned in ("layer", "control") and "s6" in (other.layer, other.control):
            other = replace(other, width=min(other.width, self._shared(32)))
        return other

    def _shared(self, width: int) -> int:
        """The most up to `width` that the heads can share evenly."""
        return width - width % self.heads

    @property
    def moved_pole(self) -> tuple[int, int, float, float]:
        """Channel and pole, counted from 1, and where that pole is looked at; `NOWHERE` if it cannot be read."""
        found = MOVED.fullmatch(self.moved)
        return (int(found[1]), int(found[2]), float(found[3]), float(found[4])) if found else NOWHERE

    @property
    def most(self) -> int:
        """How much may have to be remembered."""
        return min(KEYS, self.length // 2) if self.task == "recall" else self.length // 2

    @property
    def places(self) -> int:
        """T, places of a sequence with its question."""
        return {"digits": PIXELS, "text": self.length}.get(self.task, self.length + self.kept)

    @property
    def poles(self) -> int:
        """Poles of a time-invariant channel: each is complex, and stands for two numbers."""
        return max(1, self.state // 2)

    @property
    def cost(self) -> float:
        """About how many milliseconds of one core a step takes (torch 2.13, a server of 2024)."""
        kinds = (self.layer, *((self.control,) if self.control != "none" else ()))
        return 2.0 + self.layers * sum(self._cost(kind) for kind in kinds)

    def _cost(self, kind: str) -> float:
        B, T, d, N = self.batch_size, self.places, self.width, self.state
        cells = B * T * d / 1e5  # in hundred thousands
        if kind == "scalar" and self.computed == "matrix":
            return 1.5 + 5.0 * cells + 3.0 * B * T * T * self.heads / 1e6
        if kind in SELECTS:
            levels = 1.5 * math.log2(T) if self.computed == "scan" else 2.4  # each goes through all states
            return 2.0 + 5.0 * cells + levels * cells * N + (0.2 * T if self.computed != "scan" else 0.0)
        if kind == "s4d":
            return 1.5 + 4.0 * cells + (1.2 * cells * N if self.computed == "recurrence" else d * N * T * 2e-5)
        if kind == "gru":
            return 1.0 + 0.08 * T + 6.0 * cells
        return 1.0 + 4.0 * cells + 3.0 * B * T * T * self.heads / 1e6
