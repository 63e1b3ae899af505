"""Eigenvalues and eigenvectors of a block's Hessian: all of them, or the extreme ones without the matrix."""

from typing import Any

import torch
from torch import Tensor, nn

from dropscape.curvature.eigenpairs import Spectrum, with_residuals
from dropscape.curvature.hessian import block_hessian, hessian_products
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.block_loss import Block, Forward
from dropscape.models.losses import PerExampleLoss
from dropscape.numerics.seeds import torch_generator

BREAKDOWN = 1e-13
SMALLEST = torch.finfo(torch.float64).tiny


def spectrum(
    model: nn.Module,
    block: Block,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    *,
    top: int | None = None,
    bottom: int = 0,
    forward: Forward | None = None,
    dtype: torch.dtype = torch.float32,
    tolerance: float = 1e-5,
    max_products: int = 300,
) -> Spectrum:
    """Compute all eigenvalues of the Hessian on the block, or the extreme ones without ever forming it.

    All come from ``block_hessian``, the extreme ones from the Lanczos process with full reorthogonalisation on
    ``hessian_products``. Its basis is not restarted, so no product is spent twice; it takes 16 x max_products x P bytes
    at most. The start vector is fixed, so the result is the same in every run. Of an eigenvalue that repeats, one copy
    may be found, as with any single start vector.

    The other arguments and errors are those of ``block_hessian``; a product that is not finite is a DivergenceError.

    Args:
        top, bottom: how many of the algebraically largest and smallest; 0 < top + bottom < P. Without ``top`` and
            ``bottom`` all.
        dtype: of the Hessian or the products; the basis and the eigenvalues are float64.
        tolerance: a pair is converged when its residual is below this times the largest |eigenvalue| found; the
            eigenvalue's error is then of the order of the tolerance's square. It cannot be met below the precision of
            ``dtype``. The smallest eigenvalues often lie next to many others and then take many products.
        max_products: when to stop although pairs have not converged; at least top + bottom.
    """
    if top is None and not bottom:
        return block_hessian(model, block, data, loss, forward=forward, dtype=dtype).spectrum()
    hessian = hessian_products(model, block, data, loss, forward=forward, dtype=dtype)
    top = top or 0
    size = hessian.size
    if not (isinstance(top, int) and isinstance(bottom, int) and min(top, bottom) >= 0 and 0 < top + bottom < size):
        raise ConfigurationError(
            f"top is {top} and bottom {bottom}; iterative eigenvalues of a block with {size} parameters need "
            f"0 < top + bottom < {size}: write smaller whole numbers, or neither for all eigenvalues."
        )
    k = top + bottom
    steps = min(max(max_products, k), size)
    # Basis vectors and their products as rows: a step reads and writes contiguous memory.
    basis = torch.empty(steps, size, dtype=torch.float64)
    products = torch.empty(steps, size, dtype=torch.float64)
    projected = torch.empty(steps, steps, dtype=torch.float64)
    generator = torch_generator(0, "curvature", "lanczos")
    vector = torch.randn(size, dtype=torch.float64, generator=generator)
    for step in range(steps):
        basis[step] = vector / vector.norm()
        products[step] = hessian(basis[step : step + 1])[0].cpu()
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
    certificate = with_residuals(hessian.certificate, values, residuals, tolerance, converged)
    return Spectrum(values, vectors, residuals, converged, done, hessian.method, hessian.block, certificate)


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
    """Compute the extreme eigenvalues of H on the span of the basis's rows, their vectors (k, P), and residuals."""
    projected = basis @ products.T
    values, coordinates = torch.linalg.eigh((projected + projected.T) / 2)
    values, coordinates = values.flip(0), coordinates.flip(1)
    if bottom:
        values, coordinates = (
            torch.cat([ends[..., :top], ends[..., -bottom:]], dim=-1) for ends in (values, coordinates)
        )
    else:
        values, coordinates = values[:top], coordinates[:, :top]
    vectors = coordinates.T @ basis
    return values, vectors, (coordinates.T @ products - values[:, None] * vectors).norm(dim=1)
