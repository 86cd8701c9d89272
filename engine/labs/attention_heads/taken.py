"""A transformer that was trained elsewhere, on the shelf: whether it is one of this shape, and its numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from engine.contract import weight_header
from engine.contract.knobs import ConfigError
from engine.contract.weight_header import NetworkFileError, TensorInfo
from engine.data import shelf

if TYPE_CHECKING:
    from torch import nn

SHAPE = ("task", "text_key", "merges", "layers", "heads", "key_value_heads", "width", "size", "position", "length",
         "feed_forward", "norm", "norm_place")  # knobs that a network is made for  # fmt: skip


@lru_cache(maxsize=16)
def header(key: str) -> dict[str, TensorInfo]:
    """The tensors of a network on the shelf, without their numbers.  Raises `ConfigError` about the knob "network"."""
    try:
        return dict(weight_header.read(shelf.fetch(key)).tensors)
    except (shelf.ShelfError, NetworkFileError) as error:
        raise ConfigError("network", key, str(error).rstrip(".")) from None


def require_fit(key: str, *, layers: int, width: int, vocabulary: int) -> None:
    """Raise the `ConfigError` of the knob "network" if that on the shelf cannot be one of this shape."""
    tensors = header(key)
    embedding = tensors.get("embedding.weight", TensorInfo(())).shape
    blocks = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
    if embedding != (vocabulary, width) or len(blocks) != layers:
        raise ConfigError(
            "network", key, f"here {layers} layers of width {width} read {vocabulary} kinds of tokens; this network "
            f"has {len(blocks)} layers and an embedding of {' × '.join(map(str, embedding)) or 'another kind'}. "
            "Take it along with the button of its page, which sets the other knobs too",
        )  # fmt: skip


def load(model: nn.Module, key: str) -> None:
    """Give `model` the numbers of the network on the shelf.  Raises `ConfigError` about the knob "network"."""
    from engine.contract import weights  # with torch, which whoever has a model has loaded

    try:
        weights.fit(model, weights.read(shelf.fetch(key)))
    except (shelf.ShelfError, NetworkFileError) as error:
        raise ConfigError("network", key, str(error).rstrip(".")) from None
