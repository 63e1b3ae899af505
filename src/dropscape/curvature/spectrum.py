"""Eigenvalues and eigenvectors of a block's Hessian: all of them, or the largest few without the matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor, nn

from dropscape.curvature.hessian import choose_method, kronecker_layer
from dropscape.curvature.kronecker import kronecker_product, linearised_network
from dropscape.curvature.products import HessianOperator, refuse_random_objective
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.block import block_vector, split_vector
from dropscape.models.losses import PerExampleLoss
from dropscape.numerics.seeds import torch_generator

SYMMETRY_TOLERANCE = 1e-6


def eigenpairs(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """All eigenvalues and eigenvectors of a symmetric matrix, in float64.

    Args:
        matrix: (P, P) of any floating dtype.

    Returns:
        Eigenvalues (P,), descending, and orthonormal eigenvectors (P, P) as columns, both float64. Eigenvalues below
        some P x (precision of the matrix) of the largest are rounding noise of either sign.

    Raises:
        DivergenceError: an entry is not finite.
        ValueError: the matrix is not symmetric.
    """
    if not bool(torch.isfinite(matrix).all()):
        raise DivergenceError(
            "the Hessian holds numbers that are not finite, so it has no spectrum; look whether the training diverged "
            "and lower its learning rate."
        )
    if float((matrix - matrix.T).abs().max()) > SYMMETRY_TOLERANCE * float(matrix.abs().max()):
        raise ValueError("eigenpairs needs a symmetric matrix")
    values, vectors = torch.linalg.eigh(matrix.double())
    return values.flip(0), vectors.flip(1)


def residual_norms(matrix: Tensor, eigenvalues: Tensor, eigenvectors: Tensor) -> Tensor:
    """|H v - lambda v| of each pair, (k,) float64: a bound on the distance from lambda to the nearest eigenvalue.

    Args:
        matrix: (P, P) symmetric.
        eigenvalues: (k,).
        eigenvectors: (P, k), normalised columns.
    """
    return (matrix.double() @ eigenvectors - eigenvectors * eigenvalues).norm(dim=0)


@dataclass(frozen=True)
class TopEigenpairs:
    """The algebraically largest eigenvalues of a block's Hessian.

    Attributes:
        eigenvalues: (k,) float64, descending; NaN for those that did not converge.
        eigenvectors: (P, k) float64, normalised columns; NaN where the eigenvalue is.
        residuals: (k,) float64, |H v - lambda v| as one more product gives it, which bounds the eigenvalue's error.
        converged: whether all k did.
        products: how many products with H were spent.
        method: "kronecker" or "products".
    """

    eigenvalues: Tensor
    eigenvectors: Tensor
    residuals: Tensor
    converged: bool
    products: int
    method: str


def top_eigenvalues(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: str | PerExampleLoss = "cross_entropy",
    k: int = 10,
    dtype: torch.dtype = torch.float32,
    tolerance: float = 1e-6,
    max_restarts: int = 300,
) -> TopEigenpairs:
    """The k largest eigenvalues by implicitly restarted Lanczos (ARPACK), never forming H.

    The products are those of ``kronecker_product`` or ``HessianOperator``, chosen as ``block_hessian`` chooses. The
    start vector is fixed, so the result is the same in every run.

    Args:
        model, block, inputs, targets, loss: as for ``block_hessian``.
        k: 0 < k < P.
        dtype: of the products; the Lanczos vectors are float64.
        tolerance: relative to each eigenvalue. Below the precision of ``dtype`` it cannot be met.
        max_restarts: of the Lanczos process, each of some k products.

    Raises:
        RandomObjectiveError, ConfigurationError: as ``block_hessian``.
    """
    size = block_vector(model, block).numel()
    if not 0 < k < size:
        raise ConfigurationError(
            f"k is {k}; iterative eigenvalues of a block with {size} parameters need 0 < k < {size}: write a smaller "
            "k, or use eigenpairs of the dense Hessian."
        )
    refuse_random_objective(model, inputs, targets, loss)
    method = choose_method(model, block, loss)
    multiply = _multiplier(method, model, block, inputs, targets, loss, dtype)
    count = 0

    def matvec(vector: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return multiply(torch.from_numpy(vector.reshape(-1)).to(inputs.device)).cpu().double().numpy()

    start = torch.randn(size, dtype=torch.float64, generator=torch_generator(0, "curvature", "lanczos")).numpy()
    operator = LinearOperator((size, size), matvec=matvec, dtype=np.float64)
    try:
        found = eigsh(operator, k=k, which="LA", v0=start, tol=tolerance, maxiter=max_restarts)
    except ArpackNoConvergence as error:
        found = error.eigenvalues, error.eigenvectors
    order = np.argsort(found[0])[::-1]
    values, vectors = torch.full((k,), torch.nan, dtype=torch.float64), torch.full((size, k), torch.nan).double()
    values[: len(order)] = torch.from_numpy(found[0][order])
    vectors[:, : len(order)] = torch.from_numpy(found[1][:, order])
    residuals = torch.full((k,), torch.nan, dtype=torch.float64)
    for column in range(len(order)):
        product = torch.from_numpy(matvec(vectors[:, column].numpy()))
        residuals[column] = (product - values[column] * vectors[:, column]).norm()
    return TopEigenpairs(values, vectors, residuals, len(order) == k, count, method)


def _multiplier(
    method: str,
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: str | PerExampleLoss,
    dtype: torch.dtype,
) -> Callable[[Tensor], Tensor]:
    """The map v -> H v, both (P,), with everything that does not depend on v computed once."""
    if method == "products":
        operator = HessianOperator(model, block, inputs, targets, loss, dtype)
        return lambda vector: operator(vector[None])[0]
    layer, with_bias = kronecker_layer(block)
    network = linearised_network(model, layer, with_bias, inputs, loss, dtype)

    def multiply(vector: Tensor) -> Tensor:
        weight, *bias = split_vector(model, block, vector.to(dtype)).values()
        product = kronecker_product(network, torch.cat([weight, *(part[:, None] for part in bias)], dim=1))
        fan_in = product.shape[1] - with_bias
        return torch.cat([product[:, :fan_in].flatten(), product[:, fan_in:].flatten()])

    return multiply
