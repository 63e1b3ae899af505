"""Principal components of a sample set (paper A, Definition 1 and section 6.1), plain and on held-out samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.noise.projection import projected_variance
from dropscape.noise.samples import centred


@dataclass(frozen=True, eq=False)
class CovarianceSpectrum:
    """Eigenvalues and eigenvectors of Sigma = (1/N) sum_i (s_i - mean)(s_i - mean)^T, all float64.

    K = min(N - 1, P) pairs: centring takes one dimension from N samples, so the other P - K eigenvalues are zero
    exactly and have no direction.
    """

    # (K,), descending: variances along the eigenvectors. Not clipped: one that is zero may be slightly negative.
    eigenvalues: NDArray[np.float64]
    eigenvectors: NDArray[np.float64]  # (P, K), orthonormal columns, sign arbitrary
    # (K,): at most max(N, P) * 2.2e-16 of the largest. Their value and direction are rounding error, for no axis.
    numerically_zero: NDArray[np.bool_]
    total_variance: float  # Tr(Sigma)


def covariance_spectrum(samples: ArrayLike) -> CovarianceSpectrum:
    """Compute all eigenpairs of the covariance of N >= 2 samples with the paper's factor 1/N, in float64.

    The same samples choose the directions and measure the variance along them, which makes the large eigenvalues
    too large and the small ones several-fold too small when N is not much larger than P; ``held_out_variances`` is
    free of that. A trajectory is neither detrended nor decorrelated.

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
        eigenvectors = np.ascontiguousarray(vectors[:, ::-1][:, :kept])
    else:
        # The N x N Gram matrix has the same non-zero eigenvalues. Its eigenvectors, mapped to parameter space, are
        # orthogonal only relative to the largest; the QR step, which runs from large to small, makes them so.
        ascending, vectors = np.linalg.eigh(deviations @ deviations.T / count)
        eigenvalues = ascending[::-1][:kept].copy()
        eigenvectors, _ = np.linalg.qr(deviations.T @ vectors[:, ::-1][:, :kept])
    floor = max(count, dimension) * np.finfo(np.float64).eps * max(eigenvalues[0], 0.0)
    return CovarianceSpectrum(
        eigenvalues=eigenvalues,
        eigenvectors=eigenvectors,
        numerically_zero=eigenvalues <= floor,
        total_variance=float(np.einsum("np,np->", deviations, deviations)) / count,
    )


@dataclass(frozen=True, eq=False)
class HeldOutVariances:
    """Variance along the i-th principal direction of one half of the samples, seen in each half; float64.

    Both arrays are means over the two ways round and are paired with each other by index: same directions. With
    the spectrum of all N samples they are paired by rank only: its i-th direction is not exactly the i-th
    of a half. Where another quantity is needed along the very same directions, take
    ``covariance_spectrum`` of the first half and ``projected_variance`` of the second with ``correction=1``.
    """

    # (K,), K = min(N // 2 - 1, P): eigenvalues of the half that chose the directions, biased by that choice.
    in_sample: NDArray[np.float64]
    # (K,): variance of the other half, about that half's mean, with the factor 1 / (size - 1). For independent samples
    # its expectation, given the direction v, is exactly v^T Sigma v. It need not be monotone in the index.
    held_out: NDArray[np.float64]
    numerically_zero: NDArray[np.bool_]  # (K,): the direction is rounding error in one half or both


def held_out_variances(samples: ArrayLike) -> HeldOutVariances:
    """Cross-fit principal variances of N >= 4 samples: directions from one half, variance from the other, and reverse.

    The halves are contiguous: the first N // 2 samples and the last N // 2 (the middle one of an odd N is unused).
    For independent samples, such as gradients under fresh masks, the order carries no information and this is as
    good as a random split. Steps of a trajectory are autocorrelated: interleaved or random halves would hold
    near-copies of each other and hide the bias, contiguous ones share only the steps around their border. What
    is measured for a trajectory that drifts is the variance about each half's mean.
    """
    values = np.asarray(samples)
    centred(values, at_least=4)
    half = len(values) // 2
    first, second = values[:half], values[-half:]
    in_sample, held_out, zero = [], [], []
    for chosen_on, measured_on in ((first, second), (second, first)):
        spectrum = covariance_spectrum(chosen_on)
        in_sample.append(spectrum.eigenvalues)
        held_out.append(projected_variance(measured_on, spectrum.eigenvectors, correction=1))
        zero.append(spectrum.numerically_zero)
    return HeldOutVariances(
        in_sample=np.mean(in_sample, axis=0),
        held_out=np.mean(held_out, axis=0),
        numerically_zero=np.logical_or(*zero),
    )
