"""A network that was taken over from the shelf."""

from __future__ import annotations

from functools import lru_cache

from engine.contract import weights
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.data import shelf
from engine.nets.architecture import Architecture, ArchitectureError
from engine.nets.convnet import ConvNet


@lru_cache(maxsize=64)
def architecture(key: str, *, side: int, classes: int) -> Architecture:
    """The architecture of a network on the shelf, for pictures of `side` x `side`.

    Raises `ConfigError` about the knob "network" if it is not there, damaged, or made for other pictures.
    """
    try:
        file = weights.read(shelf.fetch(key))
        found = Architecture.from_json(file.about.get("architecture", ""))
        weights.fit(ConvNet(found, generator(0, "weights")), file)
    except (shelf.ShelfError, weights.NetworkFileError, ArchitectureError) as error:
        raise ConfigError("network", key, str(error).rstrip(".")) from None
    if (found.side, found.classes) != (side, classes):
        raise ConfigError("network", key, f"it reads pictures of {found.side} × {found.side} pixels; those of this "
                          f"data set have {side} × {side}")  # fmt: skip
    return found
