"""Convolutional networks described by a few numbers, and the arithmetic of their sizes.  Nothing here loads torch.

References: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016; Araujo, Norris and Sim,
"Computing receptive fields of convolutional neural networks", Distill 2019.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from engine.contract.weight_header import TensorInfo

POOLINGS = ("max", "average", "none")
NORMS = ("none", "batch", "layer", "group")
POOL = 2  # side and stride of a pooling window
DEEPEST, WIDEST = 50, 128  # layers, channels


class ArchitectureError(ValueError):
    """A network that cannot be built.  The sentence says what is wrong and, if a map shrinks to nothing, where."""


class Window(NamedTuple):
    """How a convolution or a pooling slides: the numbers of torch's own layers, the same down and across."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many places a kernel finds along `n` pixels; 0 or less if it does not fit.

    Dumoulin and Visin, relationship 15: floor((n + 2 p - d (k - 1) - 1) / s) + 1.
    """
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


@dataclass(frozen=True)
class Row:
    """One convolution layer of an `Architecture`: its sizes, and what a unit of it sees."""

    inputs: int  # maps that come in
    outputs: int  # maps that go out
    window: Window
    side_in: int
    side_conv: int  # after the convolution
    side_out: int  # after the pooling, if there is one
    pools: bool
    opens: bool  # a skip connection starts before this layer
    closes: bool  # and ends behind this one
    sees: int  # receptive field of a unit of the convolution, in pixels of the picture
    jump: int  # pixels between what two neighbouring units see
    start: int  # first pixel that unit 0 sees; less than 0 where the padding is


@dataclass(frozen=True)
class Architecture:
    """A convolutional network for pictures of `side` x `side` in `classes` classes.

    It has a block for each number in `channels`.  The first convolution of a block has these channels, and `kernel`,
    `stride`, `padding` and `dilation`; the other `depth` - blocks convolutions are shared out behind these first ones
    and keep the size (with the next odd kernel).  A block ends with `pooling` over 2 x 2.  With `residual`, skip
    connections go round every two of the convolutions that keep the size.  Raises `ArchitectureError`.
    """

    side: int
    classes: int
    channels: tuple[int, ...] = (16, 32)
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    pooling: str = "max"
    residual: bool = False
    depth: int = 2
    norm: str = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        for name, low, high in (("side", 4, 64), ("classes", 2, 100), ("kernel", 1, 7), ("stride", 1, 4),
                                ("padding", 0, 8), ("dilation", 1, 4), ("depth", 1, DEEPEST)):  # fmt: skip
            _require_whole(name, getattr(self, name), low, high)
        if not 1 <= len(self.channels) <= 6:
            raise ArchitectureError(f"A network has 1 to 6 blocks, not {len(self.channels)}.")
        for count in self.channels:
            _require_whole("channels", count, 1, WIDEST)
        for name, known in (("pooling", POOLINGS), ("norm", NORMS)):
            if getattr(self, name) not in known:
                raise ArchitectureError(f"{name} is one of {', '.join(known)}, not {str(getattr(self, name))[:20]!r}.")
        if not isinstance(self.residual, bool):
            raise ArchitectureError("residual is true or false.")
        if self.depth < len(self.channels):
            raise ArchitectureError(f"{len(self.channels)} blocks need at least as many layers, not {self.depth}.")
        for number, row in enumerate(self.rows, 1):
            single = row.outputs // norm_groups(self.norm, row.outputs) * row.side_conv**2 < 2
            if single and self.norm in ("layer", "group"):
                raise ArchitectureError(
                    f"Layer {number} has groups of a single number, which a {self.norm} norm would always turn into 0: "
                    "take more channels, less pooling or another norm."
                )

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every convolution layer with its sizes, first to last."""
        per_block = [self.depth // len(self.channels) + (block < self.depth % len(self.channels))
                     for block in range(len(self.channels))]  # fmt: skip
        first = Window(self.kernel, self.stride, self.padding, self.dilation)
        odd = self.kernel | 1
        same = Window(odd, 1, self.dilation * (odd - 1) // 2, self.dilation)
        rows: list[Row] = []
        side, inputs, sees, jump, start = self.side, 1, 1, 1, 0
        for block, layers in enumerate(per_block):
            for place in range(layers):
                window = same if place else first
                conv = output_size(side, *window)
                if conv < 1:
                    raise ArchitectureError(_no_room(len(rows) + 1, side, window))
                pools = place == layers - 1 and self.pooling != "none"
                out = output_size(conv, POOL, POOL) if pools else conv
                if out < 1:
                    raise ArchitectureError(
                        f"Behind layer {len(rows) + 1} the map is {conv} × {conv}, too small to pool over "
                        f"{POOL} × {POOL}: take fewer blocks, less stride or more padding."
                    )
                sees += window.dilation * (window.kernel - 1) * jump
                start -= window.padding * jump
                jump *= window.stride
                paired = self.residual and place > 0
                rows.append(
                    Row(
                        inputs=inputs, outputs=self.channels[block], window=window, side_in=side, side_conv=conv,
                        side_out=out, pools=pools, opens=paired and place % 2 == 1,
                        closes=paired and (place % 2 == 0 or place == layers - 1), sees=sees, jump=jump, start=start,
                    )
                )  # fmt: skip
                side, inputs = out, self.channels[block]
                if pools:  # whoever comes next looks through the pooling window
                    sees += (POOL - 1) * jump
                    jump *= POOL
        return tuple(rows)

    @property
    def features(self) -> int:
        """Numbers that the last, linear layer reads."""
        return self.rows[-1].outputs * self.rows[-1].side_out ** 2

    @property
    def multiplications(self) -> int:
        """Multiplications to classify one picture."""
        rows = self.rows
        return self.features * self.classes + sum(
            row.inputs * row.outputs * row.window.kernel**2 * row.side_conv**2 for row in rows
        )

    @property
    def tensors(self) -> dict[str, TensorInfo]:
        """Parameters and buffers of the network, in the order and with the names that `ConvNet` has them."""
        found: dict[str, TensorInfo] = {}
        for number, row in enumerate(self.rows):
            layer, maps = f"layers.{number}", TensorInfo((row.outputs,))
            found[f"{layer}.conv.weight"] = TensorInfo((row.outputs, row.inputs, row.window.kernel, row.window.kernel))
            found[f"{layer}.conv.bias"] = maps
            if self.norm != "none":
                found |= {f"{layer}.norm.weight": maps, f"{layer}.norm.bias": maps}
            if self.norm == "batch":
                found |= {f"{layer}.norm.running_mean": maps, f"{layer}.norm.running_var": maps}
                found[f"{layer}.norm.num_batches_tracked"] = TensorInfo((), "whole numbers")
        found["head.weight"] = TensorInfo((self.classes, self.features))
        found["head.bias"] = TensorInfo((self.classes,))
        return found

    def to_json(self) -> str:
        """This architecture as text, for the metadata of a file of weights."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """The inverse of `to_json`.  Raises `ArchitectureError` for a text that does not describe a network."""
        try:
            fields: dict[str, Any] = dict(json.loads(text))
            fields["channels"] = tuple(fields["channels"])
            return cls(**fields)
        except ArchitectureError:
            raise
        except (TypeError, ValueError, KeyError, RecursionError):
            raise ArchitectureError("The text does not describe a convolutional network of this playground.") from None


def _require_whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ArchitectureError(f"{name} is a whole number from {low} to {high}, not {str(value)[:20]}.")


def _no_room(layer: int, side: int, window: Window) -> str:
    span = window.dilation * (window.kernel - 1) + 1
    stretched = f", stretched to {span} × {span} by dilation {window.dilation}," if window.dilation > 1 else ""
    padded = side + 2 * window.padding
    return (
        f"At layer {layer} the kernel of {window.kernel} × {window.kernel}{stretched} does not fit into a map of "
        f"{side} × {side} with padding {window.padding} ({padded} × {padded}): take a smaller kernel or dilation, "
        "fewer blocks, or more padding."
    )


def norm_groups(norm: str, channels: int) -> int:
    """Into how many groups a norm divides the channels."""
    return 1 if norm == "layer" else math.gcd(4, channels)
