"""Principal components of a sample set (paper A, Definition 1 and section 6.1)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dropscape.noise.samples import centred


@dataclass(frozen=True, eq=False)
class CovarianceSpectrum:
    """Eigenvalues and eigenvectors of Sigma = (1/N) sum_i (s_i - mean)(s_i - mean)^T, all float64.

    K = min(N - 1, P) pairs: centring takes one dimension from N samples, so the other P - K eigenvalues are zero
    exactly and have no direction.
    """

    # (K,), descending: variances along the eigenvectors. Not clipped: one that is zero may be slightly negative.
    eigenvalues: NDArray[np.float64]
    eigenvectors: NDArray[np.float64]  # (K, P), orthonormal rows, sign arbitrary
    # (K,): at most max(N, P) * 2.2e-16 of the largest. Their value and direction are rounding error, for no axis.
    numerically_zero: NDArray[np.bool_]
    total_variance: float  # Tr(Sigma)

    def __repr__(self) -> str:
        kept, size = self.eigenvectors.shape
        largest = f"{self.eigenvalues[0]:.4g}" if kept else "none"
        variances = f"largest variance {largest}, {self.total_variance:.4g} in all"
        return f"CovarianceSpectrum({kept} of {size} directions, {variances})"

    def to_pandas(self) -> pd.DataFrame:
        """One row a direction: index (from 1), variance, numerically_zero."""
        columns = {"variance": self.eigenvalues, "numerically_zero": self.numerically_zero}
        return pd.DataFrame({"index": np.arange(1, len(self.eigenvalues) + 1)} | columns)

    def plot(self, axes: Any = None) -> Any:
        """Draw the variances against their indices; returns the axes."""
        from matplotlib import pyplot

        axes = axes or pyplot.figure().gca()
        table = self.to_pandas().query("not numerically_zero")
        axes.plot(table["index"], table["variance"], ".")
        axes.set(xlabel="principal direction", ylabel="variance", yscale="log")
        return axes


def covariance_spectrum(samples: ArrayLike) -> CovarianceSpectrum:
    """Compute all eigenpairs of the covariance of N >= 2 samples with the paper's factor 1/N, in float64.

    Samples are (N, P): an array, a tensor of a processor or ``DropoutGradients``.

    The same samples choose the directions and measure the variance along them, which makes the large eigenvalues
    too large and the small ones several-fold too small when N is not much larger than P; ``projected_variance`` of
    other samples along them is free of that. A trajectory is neither detrended nor decorrelated.

    An eigenvalue lambda carries an absolute error of a few 2.2e-16 of the largest, that is, a relative error below
    one per cent wherever it is not flagged as numerically zero.
    """
    deviations = centred(samples)
    count, dimension = deviations.shape
    kept = min(count - 1, dimension)
    # numpy computes X^T X and X X^T as symmetric products, at half the arithmetic of a general one.
    if count >= dimension:
        ascending, vectors = np.linalg.eigh(deviations.T @ deviations / count)
        eigenvalues = ascending[::-1][:kept].copy()
        eigenvectors = np.ascontiguousarray(vectors.T[::-1][:kept])
    else:
        # The N x N Gram matrix has the same non-zero eigenvalues. Its eigenvectors, mapped to parameter space, are
        # orthogonal only relative to the largest; the QR step, which runs from large to small, makes them so.
        ascending, vectors = np.linalg.eigh(deviations @ deviations.T / count)
        eigenvalues = ascending[::-1][:kept].copy()
        eigenvectors = np.linalg.qr(deviations.T @ vectors[:, ::-1][:, :kept])[0].T
    floor = max(count, dimension) * np.finfo(np.float64).eps * max(eigenvalues[0], 0.0)
    return CovarianceSpectrum(
        eigenvalues=eigenvalues,
        eigenvectors=eigenvectors,
        numerically_zero=eigenvalues <= floor,
        total_variance=float(np.einsum("np,np->", deviations, deviations)) / count,
    )
