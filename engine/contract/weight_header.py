"""What a file of weights says about itself: its bounds, and what stands in its header.  Nothing here loads torch.

The file format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

MAX_BYTES = 25_000_000
MAX_HEADER = 1_000_000
MAX_DIMENSIONS = 64  # as in torch
PICKLES = (*(bytes([0x80, protocol]) for protocol in range(2, 6)), b"PK\x03\x04")  # bare, and in torch's archive

# Every type that torch reads from such a file, by the bytes of one number.
BYTES = {kind: size for size, kinds in {
    1: ("BOOL", "U8", "I8", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ"),
    2: ("I16", "U16", "F16", "BF16"),
    4: ("I32", "U32", "F32"),
    8: ("I64", "U64", "F64", "C64"),
}.items() for kind in kinds}  # fmt: skip


class NetworkFileError(ValueError):
    """A file that is no network, or does not fit; ``str(error)`` is a sentence for the visitor."""


class TensorInfo(NamedTuple):
    """What can be said of a tensor without its numbers."""

    shape: tuple[int, ...]
    kind: str = "numbers"  # or "whole numbers" or "complex numbers"


@dataclass(frozen=True)
class Header:
    """The header of a network's file: its ``tensors`` by name, and what it says ``about`` itself."""

    tensors: dict[str, TensorInfo]
    about: dict[str, str]


def read(data: bytes) -> Header:
    """The header of the file `data`, which `engine.contract.weights.write` made; no number in it is looked at.

    The header is its length (uint64, little-endian), then JSON; behind it the tensors lie one after the other, without
    gaps.  Raises `NetworkFileError`.
    """
    if len(data) > MAX_BYTES:
        raise NetworkFileError(f"The file has {len(data) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are accepted.")
    nothing = NetworkFileError(
        "The file is a pickle or an archive (.pt, .pkl, .npz). To read one can run anything that is in it, so none is "
        "opened here, and it is no network of this playground: upload a .safetensors file that this playground wrote."
        if data.startswith(PICKLES)
        else "The file is no network: upload a .safetensors file that this playground wrote."
    )
    if len(data) < 8:
        raise nothing
    (length,) = struct.unpack("<Q", data[:8])
    if length > MAX_HEADER or not data[8:9] == b"{":
        raise nothing
    if length > len(data) - 8:
        raise damaged()
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise nothing from None
    about = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()) or "lab" not in about:
        raise NetworkFileError("The file holds a network, but not one of this playground: it does not say which lab.")
    return Header(_tensors(header, len(data) - 8 - length), about)


def require_fit(here: Mapping[str, TensorInfo], given: Mapping[str, TensorInfo]) -> None:
    """Raise `NetworkFileError` if the tensors `given` by a file have not the names and shapes that they have here, or
    are not whole or real where these are."""
    for name, tensor in here.items():
        if name not in given:
            raise NetworkFileError(f"The file does not fit: {name} {_shape(tensor)} is missing in it.")
        if given[name].shape != tensor.shape:
            raise NetworkFileError(
                f"The file does not fit: {name} is {_shape(given[name])} in it and {_shape(tensor)} here."
            )
    for name in sorted(given):
        if name not in here:
            raise NetworkFileError(
                f"The file does not fit: {shortened(name)} {_shape(given[name])} in it has no place here."
            )
    for name, tensor in here.items():
        kind = given[name].kind
        if kind not in (tensor.kind, "whole numbers"):  # a whole number is a number too
            raise NetworkFileError(f"The file does not fit: {name} holds {kind} in it and {tensor.kind} here.")


def damaged() -> NetworkFileError:
    return NetworkFileError("The file is damaged or cut off; download the network again.")


def shortened(name: str) -> str:
    """A tensor's name in a sentence: a file may hold any."""
    return name if len(name) <= 60 else name[:57] + "..."


def _tensors(header: Mapping[str, object], size: int) -> dict[str, TensorInfo]:
    """The tensors that a header tells of, which fill `size` bytes."""
    found, places = {}, []
    for name, entry in header.items():
        match entry:
            case {"dtype": str(kind), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if kind in BYTES:
                if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape):
                    raise damaged()
                if math.prod(shape) * BYTES[kind] != end - begin:
                    raise damaged()
                found[name] = TensorInfo(tuple(shape), _kind(kind))
                places.append((begin, end))
            case _:
                raise damaged()
    at = 0
    for begin, end in sorted(places):
        if begin != at:
            raise damaged()
        at = end
    if at != size:
        raise damaged()
    for name, tensor in found.items():
        if tensor.kind == "complex numbers":
            raise NetworkFileError(f"In the file, {shortened(name)} holds complex numbers; real ones are accepted.")
    return found


def _kind(dtype: str) -> str:
    return "complex numbers" if dtype == "C64" else "numbers" if "F" in dtype else "whole numbers"


def _shape(tensor: TensorInfo) -> str:
    return "(" + ", ".join(str(n) for n in tensor.shape) + ")"
