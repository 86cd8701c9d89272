"""Which pixels did the network go by?  Four answers, computed by captum, for any network with convolutions.

References: Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks", 2013 (saliency); Sundararajan, Taly
and Yan, "Axiomatic attribution for deep networks", ICML 2017 (integrated gradients); Selvaraju et al., "Grad-CAM", ICCV
2017; Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014 (occlusion); Adebayo et al.,
"Sanity checks for saliency maps", NeurIPS 2018; Kokhlikyan et al., "Captum", 2020.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

METHODS = ("saliency", "integrated_gradients", "grad_cam", "occlusion")
COMPLETE = 5e-4  # by how much integrated gradients may miss the difference that they must add up to
STEPS = (64, 4096)  # places between black and the picture at which they look: twice as many until that is reached

Array = NDArray[np.float32]


def attribute(model: nn.Module, x: Tensor, target: int | Tensor, method: str, *, steps: int | None = None) -> Array:
    """How much each pixel of the pictures `x` (N, C, H, W) counts for the logit of class `target`, one or (N,).

    `method` is one of `METHODS`.  Returns an array with the shape of `x`; for "grad_cam", which looks at the last
    convolution and is enlarged to the picture, it is (N, 1, H, W).  "saliency" has no sign: it is |dL/dx|.
    "integrated_gradients" adds up to the logit minus that of a black picture; it takes as many steps on the way as
    that needs, or so many `steps`.  "occlusion" is by how much the logit
    falls when a black square covers the pixel.  The model is looked at in evaluation mode and left as it was.

    Raises `ValueError` for an unknown method, and for Grad-CAM of a model without convolutions.
    """
    if method not in METHODS:
        raise ValueError(f"There is no attribution '{method}'; the attributions are {', '.join(METHODS)}.")
    last = last_convolution(model) if method == "grad_cam" else None
    if method == "grad_cam" and last is None:
        raise ValueError("Grad-CAM weighs the maps of the last convolution, and this network has none.")
    from captum import attr  # 1.4 s, and most runs are never asked

    training = model.training
    model.eval()
    x = x.detach().clone().requires_grad_()
    try:
        with torch.enable_grad():
            found: Any
            if method == "saliency":
                found = attr.Saliency(model).attribute(x, target=target, abs=True)
            elif method == "integrated_gradients":
                found = _integrated(attr.IntegratedGradients(model), x, target, steps)
            elif last is not None:
                found = attr.LayerGradCam(model, last).attribute(x, target=target, relu_attributions=True)
                found = F.interpolate(found, size=x.shape[-2:], mode="bilinear")
            else:
                side, stride = occluder(x.shape[-1])
                found = attr.Occlusion(model).attribute(
                    x, target=target, sliding_window_shapes=(x.shape[1], side, side),
                    strides=(x.shape[1], stride, stride), perturbations_per_eval=64,
                )  # fmt: skip
    finally:
        model.train(training)
    return np.asarray(found.detach().cpu().numpy(), dtype=np.float32)


def _integrated(method: Any, x: Tensor, target: int | Tensor, steps: int | None) -> Any:
    if steps is not None:
        return method.attribute(x, target=target, n_steps=steps)
    count, last = STEPS
    while True:
        found, missing = method.attribute(
            x, target=target, n_steps=count, internal_batch_size=512 * len(x), return_convergence_delta=True
        )
        if count >= last or float(missing.abs().max()) <= COMPLETE:
            return found
        count *= 2


def occluder(side: int) -> tuple[int, int]:
    """(side, stride) of the black square that slides over pictures of `side` pixels: 3 and 1 for 8, 7 and 3 for 28."""
    return max(2, round(side / 4)) | 1, max(1, side // 9)


def last_convolution(model: nn.Module) -> nn.Module | None:
    """The convolution that comes last in `model`, or None."""
    found = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return found[-1] if found else None


def rank_correlation(one: Array, other: Array) -> float:
    """Spearman's rank correlation of the sizes |.| of two maps: 1 if they order the pixels alike; 0 if one is flat.

    Adebayo et al. 2018 compare the map of a trained network with that of a network with random weights by this number.
    """
    a, b = (_ranks(np.abs(values).ravel()) for values in (one, other))
    if not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """The rank of each number; equal ones share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    ranks: NDArray[np.float64] = (ends - (count - 1) / 2)[place]
    return ranks
