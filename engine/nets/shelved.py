"""Convolutional networks on the shelf: what one is, by the header of its file, without torch; and its numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from engine.contract import weight_header
from engine.contract.knobs import ConfigError
from engine.data import shelf
from engine.nets.architecture import Architecture, ArchitectureError

if TYPE_CHECKING:
    from engine.nets.convnet import ConvNet


@lru_cache(maxsize=64)
def architecture(key: str, *, side: int, classes: int) -> Architecture:
    """The architecture of a network on the shelf, for pictures of `side` x `side`.  Its numbers are not looked at.

    Raises `ConfigError` about the knob "network" if it is not there, damaged, or made for other pictures.
    """
    try:
        header = weight_header.read(shelf.fetch(key))
        if "architecture" not in header.about:
            raise ArchitectureError("the file does not say how its network is built; take one with convolutions")
        found = Architecture.from_json(header.about["architecture"])
        weight_header.require_fit(found.tensors, header.tensors)
    except (shelf.ShelfError, weight_header.NetworkFileError, ArchitectureError) as error:
        raise ConfigError("network", key, str(error).rstrip(".")) from None
    if (found.side, found.classes) != (side, classes):
        raise ConfigError(
            "network", key, f"it reads pictures of {found.side} × {found.side} pixels in {found.classes} classes; this "
            f"data set has {side} × {side} in {classes}",
        )  # fmt: skip
    return found


def load(network: ConvNet, key: str) -> None:
    """Give `network` the numbers of the one on the shelf.

    Raises `ConfigError` about the knob "network" if that is not there, does not fit, or holds what is not finite.
    """
    from engine.contract import weights  # with torch, which whoever has a network has loaded

    try:
        weights.fit(network, weights.read(shelf.fetch(key)))
    except (shelf.ShelfError, weight_header.NetworkFileError) as error:
        raise ConfigError("network", key, str(error).rstrip(".")) from None
