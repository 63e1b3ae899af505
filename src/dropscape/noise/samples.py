"""Checks and centring that every statistic of a sample set shares.

A sample set is an (N, P) array: N parameter vectors of consecutive steps (random trajectory data, paper A section
3.4.1) or N gradients under fresh dropout masks (random gradient data, section 3.4.2) of a block of P parameters.
Functions of this package take arrays or tensors and return numpy arrays. Another shape, or fewer samples than a
statistic needs, is a ConfigurationError, and a sample that is not finite a DivergenceError.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dropscape.errors import ConfigurationError, DivergenceError


def as_array(values: ArrayLike) -> NDArray:
    """Make an array of a tensor, of any device and float32 at least, or of what numpy takes."""
    if not isinstance(values, Tensor):
        return np.asarray(values)
    values = values.detach().cpu()
    return (values.float() if values.dtype in (torch.float16, torch.bfloat16) else values).numpy()


def centred(samples: ArrayLike, at_least: int = 2) -> NDArray[np.float64]:
    """Compute ``samples - mean`` in float64, shape (N, P); at least ``at_least`` samples are needed.

    A trajectory moves little compared with its distance from the origin, so its mean is taken and subtracted in
    float64 before anything is squared.
    """
    values = as_array(samples)
    if values.ndim != 2:
        raise ConfigurationError(f"samples have the shape {values.shape}; give rows, (N, P).")
    if len(values) < at_least:
        raise ConfigurationError(
            f"this statistic needs at least {at_least} samples, not {len(values)}; set a larger number of samples for "
            "the experiment."
        )
    # A sum is finite only if all its terms are, and it needs no (N, P) array of flags.
    finite = np.isfinite(values.sum(axis=1, dtype=np.float64))
    if not finite.all():
        raise DivergenceError(
            f"{len(values) - int(finite.sum())} of {len(values)} samples hold a value that is not finite, the first "
            f"at index {int(np.argmin(finite))}; lower the experiment's learning rate."
        )
    return values - values.mean(axis=0, dtype=np.float64)
