"""Alignment of a Hessian with the covariance of gradient noise (paper A, sections 3.6 and 7; paper C, eq. 18)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dropscape.curvature.estimates import TraceAndNorm, trace_and_norm
from dropscape.curvature.hessian import BlockHessian
from dropscape.errors import ConfigurationError
from dropscape.noise.projection import projected_variance
from dropscape.noise.random_directions import random_directions
from dropscape.noise.samples import as_array, centred
from dropscape.numerics.fits import NUMERICALLY_ZERO, power_law, spearman

# Samples that an operator multiplies at once.
SAMPLES_AT_ONCE = 64


@dataclass(frozen=True)
class Alignment:
    """Traces, norms and cosines of a Hessian H and a covariance Sigma estimated from N samples in D dimensions.

    Plain values use the papers' Sigma with the factor 1/N. An undefined value is NaN, with a sentence in ``undefined``.
    Standard errors are 0 for a dense Hessian, where the value is exact.
    """

    trace_h_sigma: float  # Tr(H Sigma)
    trace_h_isotropic: float  # Tr(H Sigma-bar) = Tr H Tr Sigma / D, for the isotropic noise of the same trace
    trace_sigma: float
    trace_h: float
    trace_h_error: float  # standard error; the relative error of trace_h_isotropic is the same
    hessian_norm: float  # |H|, Frobenius
    hessian_norm_error: float  # standard error; the relative error of the cosines is the same
    sigma_norm: float  # |Sigma|, Frobenius, plain: its square is too large by about (Tr Sigma)^2 / N
    # The root of an estimate of |Sigma|^2 that is unbiased for every distribution with four moments (an average of
    # squares, hence not negative). NaN for N < 4, or where it is lost in rounding.
    sigma_norm_unbiased: float
    cosine: float  # Tr(H Sigma) / (|H| |Sigma|), plain (paper C, eq. 18)
    # The same from the unbiased estimates of Tr(H Sigma) (factor 1/(N - 1)) and of |Sigma|^2. A ratio of unbiased
    # estimates is unbiased only to first order and may exceed 1.
    cosine_unbiased: float
    sample_count: int  # N
    undefined: tuple[str, ...]  # one sentence for each cause of a NaN

    def to_pandas(self) -> pd.Series:
        """The values by name."""
        return pd.Series(vars(self) | {"undefined": " ".join(self.undefined)})


def sample_covariance(samples: ArrayLike) -> NDArray[np.float64]:
    """Compute the papers' Sigma, (D, D) with the factor 1/N, by a symmetric product in the dtype of samples (N, D)."""
    values = np.asarray(samples)
    factor = centred(values).astype(values.dtype, copy=False)
    return (factor.T @ factor).astype(np.float64, copy=False) / len(values)


def alignment(
    hessian: BlockHessian | ArrayLike | Callable[[Tensor], Tensor],
    samples: ArrayLike,
    products: int = 300,
    seed: int = 0,
    covariance: ArrayLike | None = None,
) -> Alignment:
    """Compute everything that the two papers' alignment curves need, from one symmetric product.

    Dense Hessian: Sigma, a symmetric product of the centred samples, gives Tr(H Sigma) and |Sigma| at once. It costs
    N D^2 operations (multiply and add) where X H alone costs 2 N D^2 and the N x N Gram matrix N^2 D more; it is as
    large as the Hessian. The product runs in the samples' dtype, all sums over its entries in float64: float32 samples
    change Tr(H Sigma) by less than 1e-6 of |H| |Sigma| and the norms by less than 1e-6 (some 1e-11 at N = 3,000 and
    D = 2,500, where rounding averages out).

    Products with the Hessian, for a block too large for the matrix: Tr(H Sigma) = (1/N) sum_i x_i^T H x_i with the
    centred samples takes N products and is as exact as they are, |Sigma| = |X X^T|/N the N x N Gram matrix where N < D.
    Only Tr H and |H| are estimates, ``trace_and_norm``, whose standard errors are given.

    Args:
        hessian: a ``BlockHessian`` or matrix (D, D), symmetric; or a map from vectors (K, D) to H v for each, as
            ``hessian_products`` gives.
        samples: ``DropoutGradients`` or (N, D), N >= 2, independent gradients; a trajectory's autocorrelation voids the
            unbiased values.
        products: with such a map, how many are spent on Tr H and |H|.
        seed: of the random vectors that these two are estimated with.
        covariance: ``sample_covariance`` of the samples, where it is at hand; used with a dense Hessian.
    """
    values = as_array(samples)
    deviations = centred(values)
    count, dimension = deviations.shape
    squares = np.einsum("np,np->n", deviations, deviations)
    if isinstance(hessian, BlockHessian):
        hessian = hessian.matrix.cpu()
    if callable(hessian):
        factor = deviations.astype(values.dtype, copy=False)
        # |X^T X| = |X X^T|, whichever is smaller
        sigma = (factor @ factor.T if count < dimension else factor.T @ factor).astype(np.float64) / count
        trace_h_sigma = 0.0
        for few in torch.from_numpy(deviations).split(SAMPLES_AT_ONCE):
            trace_h_sigma += float((hessian(few).double().cpu() * few).sum()) / count
        curvature = trace_and_norm(hessian, dimension, products, seed)
    else:
        matrix = as_array(hessian).astype(np.float64, copy=False)
        if matrix.shape != (dimension, dimension):
            raise ConfigurationError(
                f"the Hessian has the shape {matrix.shape} and the samples {dimension} parameters; give both of one "
                "block."
            )
        sigma = sample_covariance(values) if covariance is None else np.asarray(covariance)
        trace_h_sigma = float(np.vdot(matrix, sigma))
        curvature = TraceAndNorm(float(np.trace(matrix)), 0.0, math.sqrt(np.vdot(matrix, matrix)), 0.0)

    trace_sigma = float(squares.sum()) / count
    sigma_norm = math.sqrt(np.vdot(sigma, sigma))

    reasons = []
    if curvature.norm == 0:
        reasons.append("The Hessian is zero: no cosine.")
    if sigma_norm == 0:
        reasons.append("All samples are equal: no cosine.")
    unbiased_norm_squared = _unbiased_norm_squared(squares, (count * sigma_norm) ** 2)
    resolution = 16 * float(np.finfo(values.dtype).eps) * sigma_norm**2
    if math.isnan(unbiased_norm_squared):
        reasons.append(f"{count} samples: the unbiased norm of the covariance needs at least 4.")
    elif unbiased_norm_squared < resolution:
        unbiased_norm_squared = math.nan
        reasons.append("The unbiased norm of the covariance is zero within rounding: the samples share no direction.")
    sigma_norm_unbiased = math.sqrt(unbiased_norm_squared)
    return Alignment(
        trace_h_sigma=trace_h_sigma,
        trace_h_isotropic=curvature.trace * trace_sigma / dimension,
        trace_sigma=trace_sigma,
        trace_h=curvature.trace,
        trace_h_error=curvature.trace_error,
        hessian_norm=curvature.norm,
        hessian_norm_error=curvature.norm_error,
        sigma_norm=sigma_norm,
        sigma_norm_unbiased=sigma_norm_unbiased,
        cosine=_ratio(trace_h_sigma, curvature.norm * sigma_norm),
        cosine_unbiased=_ratio(trace_h_sigma * count / (count - 1), curvature.norm * sigma_norm_unbiased),
        sample_count=count,
        undefined=tuple(reasons),
    )


def rotated(hessian: ArrayLike, covariance: ArrayLike) -> dict[str, float]:
    """What the alignment would be on average over all rotations Q of the parameters whose variance is not zero.

    The null of no alignment, of a covariance that knows nothing of the Hessian: trace_h_active, Tr(H Q Sigma Q') =
    Tr(H_a) Tr(Sigma) / D_a of the D_a parameters that vary, and cosine_rotated. The isotropic noise of paper A, section
    7, is spread over dead units too, which every gradient avoids. Both matrices are (D, D).
    """
    matrix, sigma = np.asarray(hessian), np.asarray(covariance, dtype=np.float64)
    active = sigma.diagonal() > 0
    traced = matrix.diagonal()[active].sum(dtype=np.float64)
    trace = float(traced * sigma.trace() / active.sum()) if active.any() else math.nan
    return {"trace_h_active": trace, "cosine_rotated": _ratio(trace, _norms(matrix, sigma))}


def other_readings(
    risk_hessian: ArrayLike, covariance: ArrayLike, dropout_loss_hessian: ArrayLike, per_example: ArrayLike
) -> dict[str, float]:
    """The cosines of the readings of paper C, section 5, that the papers' estimate is not, each with its null.

    Its section 5.2 has the Hessian of L_S and eq. (17), as paper A's Theorem 2, the covariance of one example's
    gradient; section 5.3 the covariance of the full batch's gradients. All are (D, D). Columns:
    cosine_dropout_loss, cosine_per_example, cosine_dropout_loss_per_example and each with ``_rotated``.
    """
    readings = {
        "cosine_dropout_loss": (dropout_loss_hessian, covariance),
        "cosine_per_example": (risk_hessian, per_example),
        "cosine_dropout_loss_per_example": (dropout_loss_hessian, per_example),
    }
    columns = {}
    for name, pair in readings.items():
        matrix, sigma = (np.asarray(one, dtype=np.float64) for one in pair)
        columns[name] = _ratio(float(np.vdot(matrix, sigma)), _norms(matrix, sigma))
        columns[f"{name}_rotated"] = rotated(matrix, sigma)["cosine_rotated"]
    return columns


def along_eigenvectors(
    eigenvalues: ArrayLike, eigenvectors: ArrayLike, samples: ArrayLike, seed: int
) -> dict[str, float]:
    """How the variance v'Sigma v along each Hessian eigenvector follows its eigenvalue (paper C, section 5.3).

    "aligns well with the Hessian matrix across all directions": over the eigenvectors that are not numerically zero.
    Columns: eigenvectors, how many these are; rank, Spearman's correlation; r_squared, of the log-log fit; both with
    ``_rotated``, where the covariance is turned at random within the parameters that vary.

    Args:
        eigenvalues: (D,), descending.
        eigenvectors: (D, D), rows.
        samples: (N, D), N >= 2.
        seed: the run's seed, of the turned covariance.
    """
    eigenvalues = np.asarray(eigenvalues, dtype=np.float64)
    kept = eigenvalues > NUMERICALLY_ZERO * eigenvalues[0]
    columns = {"eigenvectors": int(kept.sum())}
    bases = {"": np.asarray(eigenvectors)[kept], "_rotated": random_directions(samples, int(kept.sum()), seed)}
    for null, directions in bases.items():
        pairs = np.stack([eigenvalues[kept], projected_variance(samples, directions)], axis=1)
        columns[f"rank{null}"] = spearman(pairs)
        columns[f"r_squared{null}"] = power_law(*pairs.T).r_squared
    return columns


def _norms(hessian: np.ndarray, covariance: np.ndarray) -> float:
    """|H| |Sigma|, Frobenius, float64."""
    matrix = np.asarray(hessian, dtype=np.float64)
    return math.sqrt(np.vdot(matrix, matrix) * np.vdot(covariance, covariance))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def _unbiased_norm_squared(squares: np.ndarray, scatter_norm_squared: float) -> float:
    """Estimate |Sigma|^2 = Tr(Sigma^2) without bias, with unknown mean; NaN for N < 4.

    The closed form of the average of ((x_i - x_j)^T (x_k - x_l))^2 / 4 over all distinct i, j, k, l (Himeno and
    Yamada 2014, J. Multivariate Analysis 130). ``squares`` are the N squared lengths of the centred samples
    and ``scatter_norm_squared`` is |X^T X|^2 of the centred samples.
    """
    n = len(squares)
    if n < 4:
        return math.nan
    trace = squares.sum() / (n - 1)
    trace_of_square = scatter_norm_squared / (n - 1) ** 2
    fourth = (squares**2).sum() / (n - 1)
    bracket = (n - 1) * (n - 2) * trace_of_square + trace**2 - n * fourth
    return float((n - 1) / (n * (n - 2) * (n - 3)) * bracket)
