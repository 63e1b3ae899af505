"""Eigenvalues and eigenvectors of a block's Hessian as they are handed on, and all of them from the matrix."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dropscape.errors import DivergenceError
from dropscape.models.block import in_words
from dropscape.numerics.certificates import Certificate, Check

SYMMETRY_TOLERANCE = 1e-6
# |H v - lambda v| over the largest |lambda| of an eigendecomposition in float64.
DENSE_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Spectrum:
    """K eigenvalues of a block's Hessian and their eigenvectors."""

    eigenvalues: Tensor  # (K,) float64, descending; where they are the extreme ones, the largest, then the smallest
    eigenvectors: Tensor  # (K, P) float64, orthonormal rows
    residuals: Tensor  # (K,) float64, |H v - lambda v|; bounds the distance to the nearest eigenvalue
    converged: bool  # whether every residual met the tolerance; where it did not, the bound still holds
    products: int  # how many products with H were spent; 0 for a dense one
    method: str  # of the Hessian
    block: tuple[str, ...]
    certificate: Certificate

    def __repr__(self) -> str:
        size = self.eigenvectors.shape[1]
        found = (
            f"{len(self.eigenvalues)} of {size} eigenvalues, {self.eigenvalues[0]:.4g} to {self.eigenvalues[-1]:.4g}"
        )
        return f"Spectrum({found}, of {in_words(self.block)}; method '{self.method}'; {self.certificate})"

    def to_pandas(self) -> pd.DataFrame:
        """One row an eigenvalue: index (from 1), eigenvalue, residual."""
        values = {"eigenvalue": self.eigenvalues.cpu().numpy(), "residual": self.residuals.cpu().numpy()}
        return pd.DataFrame({"index": range(1, len(self.eigenvalues) + 1)} | values)

    def plot(self, axes: Any = None) -> Any:
        """Draw |eigenvalue| against its index, negative ones as crosses; returns the axes."""
        from matplotlib import pyplot

        axes = axes or pyplot.figure().gca()
        table = self.to_pandas()
        for name, marker, rows in (
            ("positive", ".", table["eigenvalue"] > 0),
            ("negative", "x", table["eigenvalue"] < 0),
        ):
            axes.plot(table["index"][rows], table["eigenvalue"][rows].abs(), marker, label=name)
        axes.set(xlabel="index", ylabel="|eigenvalue|", yscale="log", title=f"Hessian on {in_words(self.block)}")
        axes.legend()
        return axes


def refuse_what_is_not_finite(numbers: Tensor) -> None:
    """Raise a DivergenceError if numbers of a Hessian, its entries or products with it, are not all finite."""
    if not bool(torch.isfinite(numbers).all()):
        raise DivergenceError(
            "the Hessian holds numbers that are not finite, so it has no spectrum; lower the learning rate of the "
            "training, which may have diverged."
        )


def eigenpairs(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Compute all eigenvalues and eigenvectors of a symmetric matrix (P, P), in float64.

    Returns:
        Eigenvalues (P,), descending, and orthonormal eigenvectors (P, P) as rows, both float64. Eigenvalues below some
        P x (precision of the matrix) of the largest are rounding noise of either sign.

    Raises:
        DivergenceError: an entry is not finite.
        ValueError: the matrix is not symmetric.
    """
    refuse_what_is_not_finite(matrix)
    if float((matrix - matrix.T).abs().max()) > SYMMETRY_TOLERANCE * float(matrix.abs().max()):
        raise ValueError("eigenpairs needs a symmetric matrix")
    values, vectors = torch.linalg.eigh(matrix.double())
    return values.flip(0), vectors.T.flip(0)


def residual_norms(matrix: Tensor, eigenvalues: Tensor, eigenvectors: Tensor) -> Tensor:
    """Compute |H v - lambda v| of k pairs, rows (k, P), as (k,) float64; it bounds an eigenvalue's error."""
    return (eigenvectors @ matrix.double() - eigenvalues[:, None] * eigenvectors).norm(dim=1)


def dense_spectrum(matrix: Tensor, method: str, block: tuple[str, ...], certificate: Certificate) -> Spectrum:
    """Decompose a Hessian (P, P); errors are those of ``eigenpairs``."""
    values, vectors = eigenpairs(matrix)
    residuals = residual_norms(matrix, values, vectors)
    certificate = with_residuals(certificate, values, residuals, DENSE_TOLERANCE, converged=True)
    return Spectrum(values, vectors, residuals, True, 0, method, block, certificate)


def with_residuals(
    certificate: Certificate, values: Tensor, residuals: Tensor, limit: float, converged: bool
) -> Certificate:
    """Add the largest residual over the largest |eigenvalue|; of pairs that have not converged it decides nothing.

    Raises:
        CertificateError: it is beyond the limit of pairs that have.
    """
    largest = float(residuals.max() / values.abs().max().clamp_min(torch.finfo(torch.float64).tiny))
    check = Check("residual of eigenpairs", largest, limit, 0.0 if converged else largest)
    certificate = replace(certificate, checks=(*certificate.checks, check))
    certificate.demand("an eigenpair of the Hessian")
    return certificate
