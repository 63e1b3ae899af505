"""Alignment of two random matrices with given spectra: the baseline of paper C, section 5.3."""

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dropscape.errors import ConfigurationError
from dropscape.numerics.seeds import torch_generator

_TAIL = 1e-4


def random_alignment(
    hessian_eigenvalues: ArrayLike,
    covariance_eigenvalues: ArrayLike,
    samples: int,
    seed: int,
    eigenvectors: Literal["normalised", "orthonormal"] = "normalised",
) -> NDArray[np.float64]:
    """Draw the cosine Tr(H Sigma)/(|H| |Sigma|) of random H and Sigma with the given spectra, (samples,) float64.

    ``"normalised"`` is paper C's construction ("the corresponding eigenvectors are sampled from a normal
    distribution and normalized"; the paper draws 100 samples and reports a mean of 7.8e-4): H = sum_i lambda_i u_i
    u_i^T and Sigma = sum_j mu_j v_j v_j^T with independent unit vectors that are not orthogonal to each other, so
    the spectra of the drawn matrices differ a little from the given ones. ``"orthonormal"`` draws Haar-distributed
    orthonormal eigenvectors and keeps the spectra; its mean is ``expected_alignment``.

    No D x D matrix is formed: traces and norms are quadratic forms of squared inner products of the vectors.
    Vectors are drawn only for the eigenvalues of largest modulus, as many as leave at most 1e-4 of the spectrum's
    Euclidean norm; the rest enter by their exact conditional expectation given the drawn vectors. That moves a
    sample's cosine by zero on average to first order, with a standard deviation of at most 5e-4 / D (2e-7 at
    D = 2,500), where samples typically differ by sqrt(2) / D. Products in float32, sums in float64.

    A ConfigurationError says that ``eigenvectors`` is neither of the two words or ``samples`` not positive, a
    ValueError that the spectra are not vectors of finite numbers, or that the second is the longer one.

    Args:
        hessian_eigenvalues: (D,), any order and sign; D is the dimension. NaN results if all are zero, here or below.
        covariance_eigenvalues: (K,), K <= D; the D - K that are not given are zero.
        samples: how many pairs of matrices to draw.
        seed: the run's seed.
        eigenvectors: see above.
    """
    if eigenvectors not in _DRAWS:
        raise ConfigurationError(
            f"eigenvectors of the random baseline is '{eigenvectors}'; write 'normalised' or 'orthonormal'."
        )
    if samples < 1:
        raise ConfigurationError(f"samples of the random baseline is {samples}; write 1 or more.")
    curvature, noise = _spectra(hessian_eigenvalues, covariance_eigenvalues)
    if not (curvature.any() and noise.any()):
        return np.full(samples, math.nan)
    generator = torch_generator(seed, "noise", f"random alignment, {eigenvectors} eigenvectors")
    return np.array([_DRAWS[eigenvectors](curvature, noise, generator) for _ in range(samples)])


def expected_alignment(hessian_eigenvalues: ArrayLike, covariance_eigenvalues: ArrayLike) -> float:
    """Compute Tr H Tr Sigma / (D |H| |Sigma|), the mean cosine of matrices with these spectra and Haar eigenvectors.

    Arguments and errors as for ``random_alignment``; NaN if either spectrum is zero.
    """
    curvature, noise = _spectra(hessian_eigenvalues, covariance_eigenvalues)
    norms = np.linalg.norm(curvature) * np.linalg.norm(noise)
    return float(curvature.sum() * noise.sum() / (len(curvature) * norms)) if norms else math.nan


def _spectra(hessian: ArrayLike, covariance: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sort both spectra in float64, descending in modulus, the second padded with zeros to the first's length."""
    curvature, noise = np.asarray(hessian, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if curvature.ndim != 1 or noise.ndim != 1 or len(noise) > len(curvature):
        raise ValueError(
            "the spectra must be vectors, the covariance's at most as long as the Hessian's, "
            f"not of shapes {curvature.shape} and {noise.shape}."
        )
    if not (np.isfinite(curvature).all() and np.isfinite(noise).all()):
        raise ValueError("an eigenvalue is not finite.")
    noise = np.pad(noise, (0, len(curvature) - len(noise)))
    return curvature[np.argsort(-np.abs(curvature))], noise[np.argsort(-np.abs(noise))]


def _head(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the fewest leading values that leave at most _TAIL of the Euclidean norm."""
    left_over = np.sqrt(np.cumsum(spectrum[::-1] ** 2))[::-1]
    return spectrum[: int((left_over > _TAIL * left_over[0]).sum())]


def _squared_products(left: Tensor, right: Tensor) -> NDArray[np.float64]:
    return (left.T @ right).square_().double().numpy()


def _unit_columns(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    vectors = torch.randn(rows, columns, generator=generator)
    return vectors / vectors.norm(dim=0)


def _normalised(curvature: np.ndarray, noise: np.ndarray, generator: torch.Generator) -> float:
    dimension = len(curvature)
    h_head, s_head = _head(curvature), _head(noise)
    u = _unit_columns(dimension, len(h_head), generator)
    v = _unit_columns(dimension, len(s_head), generator)
    # E[w w^T] = I/D for a unit vector w that was not drawn, so a pair with such a w contributes 1/D.
    trace = h_head @ _squared_products(u, v) @ s_head
    trace += (curvature.sum() * noise.sum() - h_head.sum() * s_head.sum()) / dimension
    h_norm = _norm_squared(curvature, h_head, _squared_products(u, u))
    s_norm = _norm_squared(noise, s_head, _squared_products(v, v))
    return float(trace / math.sqrt(h_norm * s_norm))


def _norm_squared(spectrum: np.ndarray, head: np.ndarray, squared_gram: np.ndarray) -> float:
    """Compute E[|sum_i lambda_i u_i u_i^T|^2] given the drawn vectors: other pairs i != j add 1/D, i = j one."""
    tail_sum = spectrum.sum() - head.sum()
    tail_squares = (spectrum[len(head) :] ** 2).sum()
    pairs = 2 * head.sum() * tail_sum + tail_sum**2 - tail_squares
    return float(head @ squared_gram @ head + tail_squares + pairs / len(spectrum))


def _orthonormal(curvature: np.ndarray, noise: np.ndarray, generator: torch.Generator) -> float:
    """Draw for a diagonal H, without loss of generality: only the relative rotation of the two matters."""
    dimension = len(curvature)
    head = _head(noise)
    frame, _ = torch.linalg.qr(torch.randn(dimension, len(head), generator=generator))
    # v_j^T H v_j; the sign of a column, which QR fixes in a way that is not Haar, does not matter.
    curvature_along = curvature @ frame.square_().double().numpy()
    trace = curvature_along @ head
    if len(head) < dimension:
        # Any vector that was not drawn is uniform in the complement of the frame.
        tail_sum = noise.sum() - head.sum()
        trace += (curvature.sum() - curvature_along.sum()) / (dimension - len(head)) * tail_sum
    return float(trace / (np.linalg.norm(curvature) * np.linalg.norm(noise)))


_DRAWS = {"normalised": _normalised, "orthonormal": _orthonormal}
