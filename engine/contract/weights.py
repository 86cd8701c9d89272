"""Networks as files: safetensors, with what they are written into the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from engine.contract import weight_header
from engine.contract.weight_header import MAX_BYTES, MAX_HEADER, NetworkFileError, TensorInfo

__all__ = ["MAX_BYTES", "MAX_HEADER", "NetworkFile", "NetworkFileError", "fit", "read", "write"]


@dataclass(frozen=True)
class NetworkFile:
    """A network as it came: ``tensors`` by name, and ``about`` it (``lab``, ``config`` and what the lab adds)."""

    tensors: dict[str, Tensor]
    about: dict[str, str]


def write(model: nn.Module, about: Mapping[str, str]) -> bytes:
    """Parameters and buffers of `model` as a safetensors file with `about` as its metadata.

    Waits for the GPU.
    """
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(tensors, dict(about))


def read(data: bytes) -> NetworkFile:
    """The network in a file that `write` made.  Nothing in the file is executed.  Raises `NetworkFileError`."""
    about = weight_header.read(data).about
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError, OverflowError, RuntimeError):  # torch, at sizes that no memory has
        raise weight_header.damaged() from None
    for name, tensor in tensors.items():
        _require_finite(name, tensor.float())  # a network computes in single precision
    return NetworkFile(tensors, about)


def fit(model: nn.Module, file: NetworkFile) -> None:
    """Load `file` into `model`.

    Raises `NetworkFileError`, and changes nothing, if shapes differ, or if numbers are not what they are here: whole
    where these are, and finite in the model's own precision.
    """
    here = model.state_dict()
    weight_header.require_fit(_infos(here), _infos(file.tensors))
    for name, tensor in here.items():
        _require_finite(name, file.tensors[name].to(tensor.dtype))
    model.load_state_dict(file.tensors)


def _infos(tensors: Mapping[str, Tensor]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(tuple(tensor.shape), _kind(tensor)) for name, tensor in tensors.items()}


def _require_finite(name: str, tensor: Tensor) -> None:
    if not bool(torch.isfinite(tensor).all()):
        raise NetworkFileError(f"In the file, {weight_header.shortened(name)} holds a value that is not finite.")


def _kind(tensor: Tensor) -> str:
    return "complex numbers" if tensor.is_complex() else "numbers" if tensor.is_floating_point() else "whole numbers"
