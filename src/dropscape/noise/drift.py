"""How far a trajectory drifts while it is sampled, and what is left when the drift is removed (paper A, section 3.4.1).

The paper samples "in the exploration phase". A cross-entropy keeps falling, so a trajectory moves on while it
fluctuates, and its covariance is that of a path. A parabola of the step in each coordinate is the path.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.noise.samples import centred

LARGEST_SHARE = 0.5  # of the variance that a straight line may explain in a stationary window; ours
LARGEST_FALL = 2.0  # or rise, of the loss in a stationary window, in standard errors; ours


def detrended(samples: ArrayLike, degree: int) -> NDArray[np.float64]:
    """Remove from each coordinate of consecutive steps (N, P) its least-squares polynomial of the step, float64."""
    deviations = centred(samples, at_least=degree + 2)
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, len(deviations)), degree + 1))
    return deviations - basis @ (basis.T @ deviations)


def drift(trajectory: ArrayLike, objectives: ArrayLike) -> dict[str, Any]:
    """Measure the drift of one seed's trajectory (N, P) and of what its steps descended (N,), the loss under dropout.

    linear_share, quadratic_share: of the sampled variance, explained by a polynomial of the step. displacement: from
    the first step to the last, over the noise radius sqrt(Tr Sigma) of the quadratically detrended sample. loss_fall:
    of the mean over the first tenth of the steps, until the last tenth; loss_fall_error is its standard error, from
    steps whose masks are independent. stationary: the loss changes by at most two standard errors, and a straight line
    explains at most half of the variance.
    """
    deviations, loss = centred(trajectory, at_least=4), np.asarray(objectives, dtype=np.float64)
    total = np.einsum("np,np->", deviations, deviations)
    left = {degree: np.square(detrended(trajectory, degree)).sum() for degree in (1, 2)}
    tenth = max(len(loss) // 10, 2)
    first, last = loss[:tenth], loss[-tenth:]
    error = math.sqrt((first.var(ddof=1) + last.var(ddof=1)) / tenth) / first.mean()
    fall = 1 - last.mean() / first.mean()
    radius = math.sqrt(left[2] / len(deviations))
    linear = 1 - left[1] / total if total > 0 else math.nan
    return {
        "linear_share": linear,
        "quadratic_share": 1 - left[2] / total if total > 0 else math.nan,
        "displacement": np.linalg.norm(deviations[-1] - deviations[0]) / radius if radius > 0 else math.nan,
        "loss_fall": fall,
        "loss_fall_error": error,
        "stationary": bool(abs(fall) <= LARGEST_FALL * error and linear <= LARGEST_SHARE),
    }
