"""Networks as files: safetensors, with what they are written into the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from engine.contract.weight_header import MAX_BYTES, MAX_HEADER, NetworkFileError
from engine.contract.weight_header import about as header

__all__ = ["MAX_BYTES", "MAX_HEADER", "NetworkFile", "NetworkFileError", "fit", "read", "write"]


@dataclass(frozen=True)
class NetworkFile:
    """A network as it came: ``tensors`` by name, and ``about`` it (``lab``, ``config`` and what the lab adds)."""

    tensors: dict[str, Tensor]
    about: dict[str, str]


def write(model: nn.Module, about: Mapping[str, str]) -> bytes:
    """Parameters and buffers of `model` as a safetensors file with `about` as its metadata.

    Waits for the GPU.  The file format: https://huggingface.co/docs/safetensors
    """
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(tensors, dict(about))


def read(data: bytes) -> NetworkFile:
    """The network in a file that `write` made.  Nothing in the file is executed.  Raises `NetworkFileError`."""
    if len(data) > MAX_BYTES:
        raise NetworkFileError(f"The file has {len(data) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are accepted.")
    about = header(data)
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError, OverflowError, RuntimeError):  # torch, at sizes that no memory has
        raise NetworkFileError("The file is damaged or cut off; download the network again.") from None
    for name, tensor in tensors.items():
        if tensor.is_complex():
            raise NetworkFileError(f"In the file, {_short(name)} holds complex numbers; real ones are accepted.")
        _require_finite(name, tensor.float())  # a network computes in single precision
    return NetworkFile(tensors, about)


def fit(model: nn.Module, file: NetworkFile) -> None:
    """Load `file` into `model`.

    Raises `NetworkFileError`, and changes nothing, if shapes differ, or if numbers are not what they are here: whole
    where these are, and finite in the model's own precision.
    """
    mine = model.state_dict()
    for name, tensor in mine.items():
        if name not in file.tensors:
            raise NetworkFileError(f"The file does not fit: {name} {_shape(tensor)} is missing in it.")
        if file.tensors[name].shape != tensor.shape:
            raise NetworkFileError(
                f"The file does not fit: {name} is {_shape(file.tensors[name])} in it and {_shape(tensor)} here."
            )
    for name in sorted(file.tensors):
        if name not in mine:
            raise NetworkFileError(
                f"The file does not fit: {_short(name)} {_shape(file.tensors[name])} in it has no place here."
            )
    for name, tensor in mine.items():
        given = file.tensors[name]
        if given.is_complex() or (given.is_floating_point() and not tensor.is_floating_point()):
            kinds = f"{_kind(given)} in it and {_kind(tensor)} here"
            raise NetworkFileError(f"The file does not fit: {name} holds {kinds}.")
        _require_finite(name, given.to(tensor.dtype))
    model.load_state_dict(file.tensors)


def _require_finite(name: str, tensor: Tensor) -> None:
    if not bool(torch.isfinite(tensor).all()):
        raise NetworkFileError(f"In the file, {_short(name)} holds a value that is not finite.")


def _kind(tensor: Tensor) -> str:
    return "complex numbers" if tensor.is_complex() else "numbers" if tensor.is_floating_point() else "whole numbers"


def _shape(tensor: Tensor) -> str:
    return "(" + ", ".join(str(n) for n in tensor.shape) + ")"


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."
