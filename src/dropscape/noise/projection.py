"""Variance of samples projected on given directions (paper A, sections 3.5.2 and 6.2)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.noise.samples import centred


def projected_variance(samples: ArrayLike, directions: ArrayLike, correction: int = 0) -> NDArray[np.float64]:
    """Compute Var(Proj_v(S)) for every row v of ``directions`` (paper A, Definition 3), shape (K,), float64.

    The product runs in float64: along a flat direction the projection is a small difference of large terms, and
    in float32 the result would stop falling at about 1e-14 of the largest variance. The directions are used as
    they are: directions that are orthonormal only to float32 leak about as much of the largest variance.

    Args:
        samples: (N, P), N >= 2.
        directions: (K, P), rows of unit length.
        correction: the variance is divided by N - correction: 0 is the paper's definition; 1 is unbiased where
            the directions were not chosen with these samples.
    """
    deviations = centred(samples)
    basis = np.asarray(directions, dtype=np.float64)
    if basis.ndim != 2 or basis.shape[1] != deviations.shape[1]:
        raise ValueError(f"directions must have the shape (K, P={deviations.shape[1]}), not {basis.shape}.")
    projections = deviations @ basis.T
    return np.einsum("nk,nk->k", projections, projections) / (len(deviations) - correction)
