"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.bounds import patience
from engine.contract.knobs import Config as LabConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import text

LIMIT = 1.6  # the plane is the square [-LIMIT, LIMIT]^2
TIMES = {"standard": 1, "large": 4}  # what the expert width is multiplied by
MAX_STORED = {"standard": 1024, "large": 2048}  # neurons of all experts: with more, others would wait for a step


@dataclass(frozen=True)
class Config(LabConfig):
    data: str = knob(
        "clusters", choices=("clusters", "skewed", "text"), group="tokens",
        titles=("Clusters", "Skewed clusters", "Text"),
        help="What is routed: points of the plane, the same with clusters of very different sizes, or characters.",
    )  # fmt: skip
    clusters: int = knob(
        4, low=2, high=8, group="tokens", when="data=clusters|skewed", help="Each has a rule of its own to be learned."
    )
    common: float = knob(
        0.5, low=0.0, high=1.0, group="tokens", when="data=clusters|skewed", label="Common part",
        help="Share of what is to be learned that is the same in all clusters.",
    )  # fmt: skip
    text_key: str = knob("", length=(0, 20), group="tokens", when="data=text", help="A text of your own on the shelf.")
    experts: int = knob(4, low=1, high=64, group="experts", help="Among how many experts the router chooses.")
    top_k: int = knob(1, low=1, high=8, group="experts", label="Top-k", help="Experts that each token is sent to.")
    width: int = knob(
        16, low=0, high=64, group="experts", label="Expert width",
        help="Hidden neurons (GELU) of an expert; with 0 it is a linear map.",
    )  # fmt: skip
    size: str = knob(
        "standard", choices=tuple(TIMES), group="experts", when=f"width={'|'.join(map(str, range(1, 65)))}",
        help="Large has 4 times as many neurons in each expert, and so in the dense networks. It is meant for a server "
        "with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    shared: int = knob(0, low=0, high=4, group="experts", label="Shared experts", help="Experts for every token.")
    balance_loss: float = knob(
        1.0, low=0.0, high=10.0, log=True, live=True, group="balance", label="Balancing loss α",
        help="Weight of the loss that is lowest when all experts get the same number of tokens.",
    )  # fmt: skip
    bias_rate: float = knob(
        0.0, low=0.0, high=0.1, log=True, live=True, group="balance", label="Bias step u",
        help="Balancing without a loss: after each step the bias of a crowded expert falls by this much, and that of "
        "one with too few tokens rises.",
    )  # fmt: skip
    noise: float = knob(
        0.8, low=0.0, high=3.0, live=True, group="balance", label="Router noise",
        help="Standard deviation of noise in the router's logits while it trains.",
    )  # fmt: skip
    router_start: str = knob(
        "sectors", choices=("sectors", "even", "random"), group="balance", when="data=clusters|skewed",
        titles=("equal sectors", "even", "random"),
        help="Sectors: each expert begins with an equal part of the plane's directions. Even: the router's weights for "
        "what all tokens have in common begin at zero, so that it favours nobody.",
    )  # fmt: skip
    capacity_factor: float = knob(
        0.0, low=0.0, high=4.0, live=True, group="balance",
        help="An expert takes this many times its fair share of a batch; what is over is dropped. 0: no limit.",
    )  # fmt: skip
    learning_rate: float = knob(
        0.02, low=1e-4, high=0.5, log=True, live=True, group="training", help="Of Adam, for all three networks."
    )
    weight_decay: float = knob(
        0.0, low=0.0, high=1.0, log=True, live=True, group="training", help="Pulls all weights towards zero (AdamW)."
    )

    def check(self) -> None:
        if self.top_k > self.experts:
            raise ConfigError("top_k", self.top_k, f"with {self.experts} experts a token goes to 1 to {self.experts}")
        together = self.experts + self.shared
        room = int(patience(MAX_STORED[self.size])) // TIMES[self.size] // together
        if self.width > room:
            raise ConfigError(
                "width", self.width, f"{together} experts of at most {room} neurons fit here, "
                "or a step would keep other visitors waiting",
            )  # fmt: skip
        if self.data == "text":
            text.require(self.text_key)

    @property
    def neurons(self) -> int:
        """Hidden neurons of an expert; 0 if it is a linear map."""
        return self.width * TIMES[self.size]
