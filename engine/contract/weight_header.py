"""What a file of weights says about itself: its bounds, and the metadata in its header.  Nothing here loads torch."""

from __future__ import annotations

import json
import struct

MAX_BYTES = 25_000_000
MAX_HEADER = 1_000_000


class NetworkFileError(ValueError):
    """A file that is no network, or does not fit; ``str(error)`` is a sentence for the visitor."""


def about(data: bytes) -> dict[str, str]:
    """The metadata in the header of the file `data`, as `engine.contract.weights.write` was given them.

    The header is its length (uint64, little-endian), then JSON.  Tensors are not looked at.  Raises `NetworkFileError`.
    """
    nothing = NetworkFileError("The file is no network: upload a .safetensors file that this playground wrote.")
    if len(data) < 8:
        raise nothing
    (length,) = struct.unpack("<Q", data[:8])
    if length > MAX_HEADER or not data[8:9] == b"{":
        raise nothing
    if length > len(data) - 8:
        raise NetworkFileError("The file is damaged or cut off; download the network again.")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise nothing from None
    found = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()) or "lab" not in found:
        raise NetworkFileError("The file holds a network, but not one of this playground: it does not say which lab.")
    return dict(found)
