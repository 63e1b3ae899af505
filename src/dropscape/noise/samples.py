"""Checks and centring that every statistic of a sample set shares.

A sample set is an (N, P) array: N parameter vectors of consecutive steps (random trajectory data, paper A section
3.4.1) or N gradients under fresh dropout masks (random gradient data, section 3.4.2) of a block of P parameters.
Functions of this package take numpy arrays or CPU tensors and return numpy arrays. Another shape is a ValueError, fewer
samples than a statistic needs a ConfigurationError, and a sample that is not finite a DivergenceError.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.errors import ConfigurationError, DivergenceError


def centred(samples: ArrayLike, at_least: int = 2) -> NDArray[np.float64]:
    """Compute ``samples - mean`` in float64, shape (N, P); at least ``at_least`` samples are needed.

    A trajectory moves little compared with its distance from the origin, so its mean is taken and subtracted in
    float64 before anything is squared.
    """
    values = np.asarray(samples)
    if values.ndim != 2:
        raise ValueError(f"samples must have the shape (N, P), not {values.shape}.")
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
