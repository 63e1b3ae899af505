"""Eigenvalues and eigenvectors of a block's Hessian: all of them, or the extreme ones without the matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropscape.curvature.hessian import block_products
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.block import block_vector
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import Inputs
from dropscape.numerics.seeds import torch_generator

SYMMETRY_TOLERANCE = 1e-6
BREAKDOWN = 1e-13
SMALLEST = torch.finfo(torch.float64).tiny


def eigenpairs(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Compute all eigenvalues and eigenvectors of a symmetric matrix (P, P), in float64.

    Returns:
        Eigenvalues (P,), descending, and orthonormal eigenvectors (P, P) as columns, both float64. Eigenvalues below
        some P x (precision of the matrix) of the largest are rounding noise of either sign.

    Raises:
        DivergenceError: an entry is not finite.
        ValueError: the matrix is not symmetric.
    """
    if not bool(torch.isfinite(matrix).all()):
        raise DivergenceError(
            "the Hessian holds numbers that are not finite, so it has no spectrum; lower the learning rate of the "
            "training, which may have diverged."
        )
    if float((matrix - matrix.T).abs().max()) > SYMMETRY_TOLERANCE * float(matrix.abs().max()):
        raise ValueError("eigenpairs needs a symmetric matrix")
    values, vectors = torch.linalg.eigh(matrix.double())
    return values.flip(0), vectors.flip(1)


def residual_norms(matrix: Tensor, eigenvalues: Tensor, eigenvectors: Tensor) -> Tensor:
    """Compute |H v - lambda v| of k pairs, (k,) float64: it bounds the distance to the nearest eigenvalue."""
    return (matrix.double() @ eigenvectors - eigenvectors * eigenvalues).norm(dim=0)


@dataclass(frozen=True)
class ExtremeEigenpairs:
    """The algebraically largest and smallest eigenvalues of a block's Hessian."""

    eigenvalues: Tensor  # (top + bottom,) float64, descending: the top largest, then the bottom smallest
    eigenvectors: Tensor  # (P, top + bottom) float64, orthonormal columns
    residuals: Tensor  # (top + bottom,) float64, |H v - lambda v| from the products; bounds the eigenvalue's error
    converged: bool  # whether every residual met the tolerance; where it did not, the bound still holds
    products: int  # how many products with H were spent
    method: str  # of block_products


def extreme_eigenvalues(
    model: nn.Module,
    block: Sequence[str],
    inputs: Inputs,
    targets: Tensor,
    loss: str | PerExampleLoss = "cross_entropy",
    top: int = 10,
    bottom: int = 0,
    dtype: torch.dtype = torch.float32,
    tolerance: float = 1e-5,
    max_products: int = 300,
) -> ExtremeEigenpairs:
    """Find the largest and smallest eigenvalues by the Lanczos process with full reorthogonalisation, never forming H.

    The products are those of ``block_products``. The basis is not restarted, so no product is spent twice; it takes
    16 x max_products x P bytes at most. The start vector is fixed, so the result is the same in every run. Of an
    eigenvalue that repeats, one copy may be found, as with any single start vector.

    Other arguments and errors are as for ``block_hessian``; a product that is not finite is a DivergenceError.

    Args:
        top, bottom: how many of each; 0 < top + bottom < P.
        dtype: of the products; the basis and the eigenvalues are float64.
        tolerance: a pair is converged when its residual is below this times the largest |eigenvalue| found; the
            eigenvalue's error is then of the order of the tolerance's square. It cannot be met below the precision of
            ``dtype``. The smallest eigenvalues often lie next to many others and then take many products.
        max_products: when to stop although pairs have not converged; at least top + bottom.
    """
    size, k = block_vector(model, block).numel(), top + bottom
    if min(top, bottom) < 0 or not 0 < k < size:
        raise ConfigurationError(
            f"top is {top} and bottom {bottom}; iterative eigenvalues of a block with {size} parameters need "
            f"0 < top + bottom < {size}: write smaller numbers, or use eigenpairs of the dense Hessian."
        )
    hessian = block_products(model, block, inputs, targets, loss, dtype)
    steps = min(max(max_products, k), size)
    # Basis vectors and their products as rows: a step reads and writes contiguous memory.
    basis = torch.empty(steps, size, dtype=torch.float64)
    products = torch.empty(steps, size, dtype=torch.float64)
    projected = torch.empty(steps, steps, dtype=torch.float64)
    generator = torch_generator(0, "curvature", "lanczos")
    vector = torch.randn(size, dtype=torch.float64, generator=generator)
    for step in range(steps):
        basis[step] = vector / vector.norm()
        products[step] = hessian.multiply(basis[step : step + 1].to(targets.device))[0].cpu()
        if not bool(torch.isfinite(products[step]).all()):
            raise DivergenceError(
                "a product with the Hessian is not finite; lower the learning rate of the training, which may have "
                "diverged."
            )
        done = step + 1
        projected[step, :done] = projected[:done, step] = basis[:done] @ products[step]
        vector = _orthogonal(products[step], basis[:done])
        outside = float(vector.norm())
        if done == steps or (
            done > k and _expected_residuals(projected[:done, :done], outside, top, bottom) <= tolerance
        ):
            values, vectors, residuals = _ritz_pairs(basis[:done], products[:done], top, bottom)
            if done == steps or bool((residuals <= tolerance * values.abs().max()).all()):
                break
        if outside <= BREAKDOWN * float(products[step].norm()):
            # The basis spans an invariant space, for example all of a low-rank Hessian's range: go on outside of it.
            vector = _orthogonal(torch.randn(size, dtype=torch.float64, generator=generator), basis[:done])
    converged = bool((residuals <= tolerance * values.abs().max()).all())
    return ExtremeEigenpairs(values, vectors, residuals, converged, done, hessian.method)


def _orthogonal(vector: Tensor, basis: Tensor) -> Tensor:
    """Take away from ``vector`` (P,) what is not orthogonal to the orthonormal rows of ``basis``."""
    for _ in range(2):  # twice is enough to be orthogonal to rounding
        vector = vector - basis.T @ (basis @ vector)
    return vector


def _expected_residuals(projected: Tensor, remainder: float, top: int, bottom: int) -> float:
    """Estimate the largest residual of the extreme Ritz pairs over the largest |eigenvalue|, without the pairs.

    All products but the last one lie in the basis's span, so a residual is the length of what the last one has outside
    of it (``remainder``) times the pair's last coordinate. Rounding can make the true one larger.
    """
    values, coordinates = torch.linalg.eigh(projected)
    last = torch.cat([coordinates[-1, :bottom], coordinates[-1, len(values) - top :]])
    return remainder * float(last.abs().max()) / max(float(values.abs().max()), SMALLEST)


def _ritz_pairs(basis: Tensor, products: Tensor, top: int, bottom: int) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the extreme eigenvalues of H on the span of the basis's rows, their vectors (P, k), and residuals."""
    projected = basis @ products.T
    values, coordinates = torch.linalg.eigh((projected + projected.T) / 2)
    values, coordinates = values.flip(0), coordinates.flip(1)
    if bottom:
        values, coordinates = (
            torch.cat([ends[..., :top], ends[..., -bottom:]], dim=-1) for ends in (values, coordinates)
        )
    else:
        values, coordinates = values[:top], coordinates[:, :top]
    vectors = basis.T @ coordinates
    return values, vectors, (products.T @ coordinates - vectors * values).norm(dim=0)
