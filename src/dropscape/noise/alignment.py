"""Alignment of a Hessian with the covariance of gradient noise (paper A, sections 3.6 and 7; paper C, eq. 18)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from dropscape.curvature.estimates import TraceAndNorm, trace_and_norm
from dropscape.noise.samples import centred

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


def alignment(
    hessian: ArrayLike | Callable[[Tensor], Tensor], samples: ArrayLike, products: int = 300, seed: int = 0
) -> Alignment:
    """Compute everything that the two papers' alignment curves need, from one symmetric product.

    Dense Hessian: the scatter matrix S = X^T X of the centred samples gives Tr(H Sigma) = <H, S>/N and |Sigma| = |S|/N
    at once. As a symmetric product it costs N D^2 operations (multiply and add) where X H alone costs 2 N D^2 and the
    N x N Gram matrix N^2 D more; it is as large as the Hessian. The product runs in the samples' dtype, all
    sums over its entries in float64: float32 samples change Tr(H Sigma) by less than 1e-6 of |H| |Sigma| and the
    norms by less than 1e-6 (some 1e-11 at N = 3,000 and D = 2,500, where rounding averages out).

    Products with the Hessian, for a block too large for the matrix: Tr(H Sigma) = (1/N) sum_i x_i^T H x_i with the
    centred samples takes N products and is as exact as they are, |Sigma| = |X X^T|/N the N x N Gram matrix where N < D.
    Only Tr H and |H| are estimates, ``trace_and_norm``, whose standard errors are given.

    Args:
        hessian: (D, D), symmetric; or a map from vectors (K, D) to H v for each, as ``block_products`` gives.
        samples: (N, D), N >= 2, independent gradients; a trajectory's autocorrelation voids the unbiased values.
        products: with such a map, how many are spent on Tr H and |H|.
        seed: of the random vectors that these two are estimated with.
    """
    values = np.asarray(samples)
    deviations = centred(values)
    count, dimension = deviations.shape
    squares = np.einsum("np,np->n", deviations, deviations)
    factor = deviations.astype(values.dtype, copy=False)
    if callable(hessian):
        # |X^T X| = |X X^T|, whichever is smaller
        scatter = (factor @ factor.T if count < dimension else factor.T @ factor).astype(np.float64, copy=False)
        h_dot_scatter = 0.0
        for few in torch.from_numpy(deviations).split(SAMPLES_AT_ONCE):
            h_dot_scatter += float((hessian(few).double().cpu() * few).sum())
        curvature = trace_and_norm(hessian, dimension, products, seed)
    else:
        matrix = np.asarray(hessian, dtype=np.float64)
        if matrix.shape != (dimension, dimension):
            raise ValueError(f"hessian must have the shape ({dimension}, {dimension}), not {matrix.shape}.")
        scatter = (factor.T @ factor).astype(np.float64, copy=False)
        h_dot_scatter = float(np.vdot(matrix, scatter))
        curvature = TraceAndNorm(float(np.trace(matrix)), 0.0, math.sqrt(np.vdot(matrix, matrix)), 0.0)

    scatter_norm_squared = float(np.vdot(scatter, scatter))
    trace_sigma = float(squares.sum()) / count
    sigma_norm = math.sqrt(scatter_norm_squared) / count

    reasons = []
    if curvature.norm == 0:
        reasons.append("The Hessian is zero: no cosine.")
    if sigma_norm == 0:
        reasons.append("All samples are equal: no cosine.")
    unbiased_norm_squared = _unbiased_norm_squared(squares, scatter_norm_squared)
    resolution = 16 * float(np.finfo(values.dtype).eps) * sigma_norm**2
    if math.isnan(unbiased_norm_squared):
        reasons.append(f"{count} samples: the unbiased norm of the covariance needs at least 4.")
    elif unbiased_norm_squared < resolution:
        unbiased_norm_squared = math.nan
        reasons.append("The unbiased norm of the covariance is zero within rounding: the samples share no direction.")
    sigma_norm_unbiased = math.sqrt(unbiased_norm_squared)
    return Alignment(
        trace_h_sigma=h_dot_scatter / count,
        trace_h_isotropic=curvature.trace * trace_sigma / dimension,
        trace_sigma=trace_sigma,
        trace_h=curvature.trace,
        trace_h_error=curvature.trace_error,
        hessian_norm=curvature.norm,
        hessian_norm_error=curvature.norm_error,
        sigma_norm=sigma_norm,
        sigma_norm_unbiased=sigma_norm_unbiased,
        cosine=_ratio(h_dot_scatter / count, curvature.norm * sigma_norm),
        cosine_unbiased=_ratio(h_dot_scatter / (count - 1), curvature.norm * sigma_norm_unbiased),
        sample_count=count,
        undefined=tuple(reasons),
    )


def rotated_trace(hessian: ArrayLike, variances: ArrayLike) -> float:
    """Tr(H Q Sigma Q') on average over all rotations Q of the parameters whose variance, (D,), is not zero.

    What a covariance that knows nothing of the Hessian would give: Tr(H_a) Tr(Sigma) / D_a of the D_a parameters that
    vary. The isotropic noise of paper A, section 7, is spread over dead units too, which every gradient avoids.
    """
    variances = np.asarray(variances, dtype=np.float64)
    active = variances > 0
    traced = np.asarray(hessian).diagonal()[active].sum(dtype=np.float64)
    return float(traced * variances.sum() / active.sum()) if active.any() else math.nan


def rotated(hessian: ArrayLike, samples: ArrayLike, found: Alignment) -> dict[str, float]:
    """What ``found`` would be on average if the covariance of the samples (N, D) were turned: the null of no alignment.

    trace_h_active, Tr(H Sigma) then, and cosine_rotated.
    """
    trace = rotated_trace(hessian, np.var(np.asarray(samples), axis=0, dtype=np.float64))
    return {"trace_h_active": trace, "cosine_rotated": _ratio(trace, found.hessian_norm * found.sigma_norm)}


def other_readings(
    risk_hessian: ArrayLike, dropout_loss_hessian: ArrayLike, samples: ArrayLike, per_example: ArrayLike
) -> dict[str, float]:
    """The cosines of the readings of paper C, section 5, that the papers' estimate is not, each with its null.

    Its section 5.2 has the Hessian of L_S and eq. (17), as paper A's Theorem 2, the covariance of one example's
    gradient, (D, D); section 5.3 the covariance of the full batch's gradients, whose samples are (N, D). Columns:
    cosine_dropout_loss, cosine_per_example, cosine_dropout_loss_per_example and each with ``_rotated``.
    """
    batch = alignment(dropout_loss_hessian, samples)
    columns = {"cosine_dropout_loss": batch.cosine}
    columns["cosine_dropout_loss_rotated"] = rotated(dropout_loss_hessian, samples, batch)["cosine_rotated"]
    covariance = np.asarray(per_example, dtype=np.float64)
    for name, hessian in (("", risk_hessian), ("dropout_loss_", dropout_loss_hessian)):
        matrix = np.asarray(hessian, dtype=np.float64)
        norms = math.sqrt(np.vdot(matrix, matrix) * np.vdot(covariance, covariance))
        columns[f"cosine_{name}per_example"] = _ratio(float(np.vdot(matrix, covariance)), norms)
        null = rotated_trace(matrix, covariance.diagonal())
        columns[f"cosine_{name}per_example_rotated"] = _ratio(null, norms)
    return columns


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
