"""An estimate of the norm of an expectation from independent differences (paper C, Definition 1 and Fig. 1b, c).

The norm of a mean of N noisy differences is on average larger than the norm of their expectation: its square is too
large by tr V, V being the covariance of the mean, however small the error is. ``|mean|^2 - tr V`` is unbiased (it is
the U-statistic of the products of two different trials). Both are given.
"""

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class WeakError:
    """An estimate of the norm of an expectation from N independent differences."""

    squared: float  # the unbiased estimate of its square, which may be negative
    squared_error: float  # the standard error of ``squared``
    norm: float  # the root of ``squared``; NaN where that is not positive
    norm_error: float  # the standard error of ``norm``, to first order; NaN with it
    norm_of_mean: float  # the norm of the mean, biased upwards
    sampling_error: float  # the root of tr V, what ``norm_of_mean`` is on average (in square) if the expectation is 0
    trials: int  # N


def weak_error(differences: Tensor) -> WeakError:
    """Both estimates from differences (N, q), also of any other test functions; fewer than three are a ValueError.

    For independent rows of expectation mu and covariance N V the variance of ``|mean|^2 - tr V`` is exactly
    ``4 mu^T V mu + 2 tr(V^2) N/(N-1)``. Here mu^T V mu and tr(V^2) are estimated without bias for normal differences,
    but the first not below 0: where mu is lost in the noise the standard error is some 30 % too large.
    """
    trials = len(differences)
    if trials < 3:
        raise ValueError(f"{trials} trials were given; a weak error with its standard error needs at least three.")
    differences = differences.double()
    mean = differences.mean(dim=0)
    centred = (differences - mean) / math.sqrt(trials * (trials - 1))  # centred^T centred estimates V
    trace = float(centred.square().sum())
    # The smaller of the two matrices that have the same eigenvalues.
    gram = centred @ centred.T if trials < centred.shape[1] else centred.T @ centred
    degrees = trials - 1
    square_trace = float(gram.square().sum()) - trace**2 / degrees
    square_trace = max(square_trace * degrees**2 / ((degrees - 1) * (degrees + 2)), 0.0)
    along_mean = max(float((centred @ mean).square().sum()) - square_trace, 0.0)
    squared = float(mean @ mean) - trace
    squared_error = math.sqrt(4 * along_mean + 2 * square_trace * trials / degrees)
    norm = math.sqrt(squared) if squared > 0 else math.nan
    return WeakError(
        squared=squared,
        squared_error=squared_error,
        norm=norm,
        norm_error=squared_error / (2 * norm),
        norm_of_mean=float(mean.norm()),
        sampling_error=math.sqrt(trace),
        trials=trials,
    )
