"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import knob
from engine.data import cloud_shapes

SIZES = {"small": (64, 2), "medium": (128, 3), "large": (256, 3)}  # neurons and layers
UPDATES = 8_000  # of the stored network,
STORED = {"objective": "noise", "schedule": "cosine", "steps": 1000, "size": "medium"}  # to which it fits
COUNTS = (1, 2, 3, 5, 10, 20, 50)  # steps in which samples are drawn to be measured


@dataclass(frozen=True)
class Config(BaseConfig):
    data: str = knob(
        "digits", choices=("digits", *cloud_shapes.SHAPES), titles=("Digits", *cloud_shapes.TITLES), group="data",
        help="What is to be drawn: pictures, or points of a plane, where one sees every step of the way.",
    )  # fmt: skip
    points: str = knob("", length=(0, 6000), group="data", when="data=drawn", help="Drawn points, packed.")
    start: str = knob(
        "trained", choices=("trained", "scratch"), titles=("Trained earlier", "Untrained"), group="data",
        label="Network at the start", when="data=digits",
        help="Those of a stored network that was trained on these digits before, or random ones. It predicts noise, "
        "has medium size, the cosine schedule and 1,000 noise levels; with other settings first weights are random.",
    )  # fmt: skip
    conditional: bool = knob(
        False, label="Tell it the class", group="training", when=f"data={'|'.join(cloud_shapes.CLASSES)}",
        help="Which heap, moon, ring or square a point belongs to. Then each sample is asked for by its class.",
    )  # fmt: skip
    objective: str = knob(
        "noise", choices=("noise", "flow"), titles=("Noise prediction", "Flow matching"), group="training",
        help="What the network is asked: which noise was added, or in which direction noise lies, seen from the data.",
    )  # fmt: skip
    schedule: str = knob(
        "cosine", choices=("linear", "cosine"), titles=("Linear", "Cosine"), group="training", when="objective=noise",
        help="How fast the data drown in noise.",
    )  # fmt: skip
    steps: int = knob(
        1000, low=10, high=1000, label="Noise levels", group="training", when="objective=noise",
        help="From the data to pure noise, in training.",
    )  # fmt: skip
    size: str = knob(
        "medium", choices=tuple(SIZES), titles=("Small", "Medium", "Large"), group="training",
        help="Of the network: 64, 128 or 256 neurons in a layer; 128, 256 or 384 for digits.",
    )  # fmt: skip
    learning_rate: float = knob(4e-3, low=1e-5, high=0.1, log=True, live=True, group="training", help="Size of a step.")
    sampler: str = knob(
        "ddim", choices=("ddim", "ddpm", "heun"), titles=("DDIM", "DDPM", "Heun"), live=True, group="drawing",
        when="objective=noise", help="DDIM adds no noise on the way, DDPM does, Heun looks twice before each step.",
    )  # fmt: skip
    flow_sampler: str = knob(
        "ddim", choices=("ddim", "heun"), titles=("Euler", "Heun"), label="Sampler", live=True, group="drawing",
        when="objective=flow", help="Euler follows the arrow, Heun looks twice before each step.",
    )  # fmt: skip
    eta: float = knob(
        0.0, low=0.0, high=1.0, live=True, label="Noise on the way (η)", group="drawing", when="sampler=ddim",
        help="For DDIM with noise prediction: 0 adds none, 1 as much as DDPM.",
    )  # fmt: skip
    sampling_steps: int = knob(
        50, low=1, high=1000, log=True, live=True, group="drawing",
        help="From noise to a sample; at most as many as there are noise levels.",
    )  # fmt: skip
    guidance: float = knob(
        0.5, low=0.0, high=10.0, live=True, group="drawing", when="data=digits",
        help="How much the difference that the class makes is exaggerated (w); 0 exaggerates nothing.",
    )  # fmt: skip
    plane_guidance: float = knob(
        0.0, low=0.0, high=10.0, live=True, label="Guidance", group="drawing", when="conditional=1",
        help="How much the difference that the class makes is exaggerated (w); 0 exaggerates nothing.",
    )  # fmt: skip

    def check(self) -> None:
        if self.data == "drawn":
            cloud_shapes.require(self.points)

    def settle(self, turned: str) -> Config:
        """The stored network brings along what it fits; what it does not fit brings random first weights."""
        if self.data != "digits" or self.start != "trained" or self.trained:
            return self
        return replace(self, **STORED) if turned == "start" else replace(self, start="scratch")  # type: ignore[arg-type]

    @property
    def trained(self) -> bool:
        """Whether the first weights are those of the stored network."""
        fits = all(getattr(self, name) == value for name, value in STORED.items())
        return self.data == "digits" and self.start == "trained" and fits

    @property
    def method(self) -> str:
        return self.sampler if self.objective == "noise" else self.flow_sampler

    @property
    def classes(self) -> int:
        """How many classes the network is told, 0 if none."""
        return 10 if self.data == "digits" else cloud_shapes.CLASSES.get(self.data, 0) if self.conditional else 0

    @property
    def sampler_settings(self) -> tuple[str, float, int, float]:
        """What decides how samples are drawn: method, eta, steps, guidance."""
        weight = self.guidance if self.data == "digits" else self.plane_guidance
        return self.method, self.eta if self.objective == "noise" else 0.0, self.sampling_steps, weight
