"""The knobs, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.bounds import patience
from engine.contract.knobs import Config as BaseConfig
from engine.contract.knobs import ConfigError, knob
from engine.data import plane
from engine.labs.neural_network import cost as epoch_cost
from engine.nets.optimiser_names import ELEMENTWISE, title

# What `engine.nets.stacked` has under these names.
FEATURES = ("x", "y", "x2", "y2", "xy", "sinx", "siny")
ACTIVATIONS = ("tanh", "relu", "leaky_relu", "gelu", "sigmoid", "sine", "linear")
INITIALISATIONS = ("he", "xavier", "lecun", "normal", "zero")
LOSSES = ("cross_entropy", "squared", "huber")

DATA = (  # how these are called on the page
    "Circle", "XOR", "Gaussians", "Spiral", "Moons", "Checkerboard", "Rings", "Three spirals", "Regression: plane",
    "Regression: Gaussians", "Drawn", "CSV",
)  # fmt: skip
ACTIVATION_TITLES = ("Tanh", "ReLU", "Leaky ReLU", "GELU", "Sigmoid", "Sine", "Linear")
INITIALISATION_TITLES = ("He", "Xavier", "LeCun", "Normal", "Zero")

FUSED = ("momentum", "nesterov", "adagrad", "adam", "adamw")  # torch has these in one call: three times as fast


TIMES = {"standard": 1, "large": 4}  # as many neurons as `hidden` says


@dataclass(frozen=True)
class Config(BaseConfig):
    data: str = knob(
        "spiral", choices=(*plane.DATASETS, "drawn", "csv"), titles=DATA, group="data", help="What is to be learned."
    )  # fmt: skip
    points: str = knob(
        "", length=(0, 6000), group="data", when="data=drawn|csv", help="Drawn or uploaded points, packed."
    )
    samples: int = knob(500, low=20, high=2000, group="data", help="Number of points, to train and to test together.")
    noise: float = knob(0.0, low=0.0, high=2.0, group="data", help="How far each point is moved at random.")
    train_share: float = knob(0.7, low=0.1, high=0.9, group="data", help="Share of the points to train on.")
    data_seed: int = knob(0, low=0, high=999_999, group="data", help="Which points are drawn, and which of them train.")
    features: tuple[str, ...] = knob(
        ("x", "y"),
        choices=FEATURES,
        titles=("x", "y", "x²", "y²", "xy", "sin x", "sin y"),
        group="network",
        help="Inputs; squares and products are divided by 6.",
    )
    hidden: tuple[int, ...] = knob(
        (8, 8, 8), low=1, high=64, length=(0, 8), group="network", help="Neurons in each layer."
    )
    size: str = knob(
        "standard", choices=tuple(TIMES), titles=("Standard", "Large"), group="network",
        help="Large has 4 times as many neurons in each hidden layer, of which the first quarter is drawn. It is meant "
        "for a server with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    activation: str = knob("tanh", choices=ACTIVATIONS, titles=ACTIVATION_TITLES, group="network",
                           help="What each hidden neuron applies.")  # fmt: skip
    initialisation: str = knob("xavier", choices=INITIALISATIONS, titles=INITIALISATION_TITLES, group="network",
                               help="First weights.")  # fmt: skip
    norm: str = knob("none", choices=("none", "batch", "layer"), titles=("None", "Batch", "Layer"), group="network",
                     help="Before each activation.")  # fmt: skip
    loss: str = knob(
        "cross_entropy", choices=LOSSES, titles=("Cross-entropy", "Squared", "Huber"), group="training",
        help="What is made small. Cross-entropy is for classes; a regression uses the squared error instead.",
    )  # fmt: skip
    optimiser: str = knob(
        "adam",
        choices=ELEMENTWISE,
        titles=[title(n) for n in ELEMENTWISE],
        group="training",
        help="How a gradient becomes a step.",
    )
    learning_rate: float = knob(
        0.007, low=1e-5, high=10.0, log=True, live=True, group="training", help="Size of a step."
    )
    batch_size: int = knob(10, low=1, high=1000, group="training", help="Points behind each step.")
    l1: float = knob(
        0.0, low=0.0, high=1.0, log=True, live=True, group="training", help="Pulls weights to exactly zero."
    )
    l2: float = knob(
        0.0, low=0.0, high=1.0, log=True, live=True, group="training", help="Pulls large weights towards zero."
    )
    dropout: float = knob(0.0, low=0.0, high=0.9, live=True, group="training", help="Share of neurons off at a time.")
    seeds: int = knob(1, low=1, high=64, group="run", help="Networks trained together: seed, seed + 1, and so on.")
    shown: int = knob(0, low=0, high=63, look=True, group="view", help="Which of these networks is drawn.")
    follow: int = knob(0, low=0, high=1999, look=True, group="view", help="The point whose numbers are written out.")
    gradients: bool = knob(
        False, look=True, label="Gradient of each layer",
        help="Draw how large the gradient is that comes back to each layer: dL/dz, its root mean square over neurons "
        "and training points.",
    )  # fmt: skip
    discretise: bool = knob(False, look=True, label="Discretise the output",
                            help="Colour the answer alone, and not how sure of it the network is.")  # fmt: skip

    def check(self) -> None:
        if not self.features:
            raise ConfigError("features", self.features, "choose at least one input")
        count = self.samples
        if self.data in ("drawn", "csv"):
            try:
                count = len(plane.from_points(self.points).xy)
            except plane.DataError as error:
                raise ConfigError("points", self.points, str(error).rstrip(".")) from None
        cost = epoch_cost.milliseconds(
            (len(self.features), *self.widths, 3), seeds=self.seeds, points=count, batch=self.batch_size,
            train=round(count * self.train_share), norm=self.norm != "none", dropout=self.dropout > 0,
            fused=self.optimiser in FUSED,
        )  # fmt: skip
        if cost > (allowed := patience(epoch_cost.LONGEST[self.size])):
            large = self.size == "large"
            raise ConfigError(
                "size" if large else "hidden", self.size if large else ",".join(map(str, self.hidden)),
                f"an epoch or a picture of it would take about {cost:.0f} milliseconds, and everybody else on this "
                f"server would wait; {allowed:.0f} are allowed. Lower hidden, seeds or samples, raise batch_size"
                + (", or take the standard size" if large else ""),
            )  # fmt: skip

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons in each hidden layer."""
        return tuple(TIMES[self.size] * n for n in self.hidden)
