"""Estimates trace and Frobenius norm of a symmetric matrix that is known by its products only.

Few eigenvalues make up most of a Hessian's trace and nearly all of its norm, so random probes alone are noisy: the
relative standard error of Hutchinson's estimate of |H|^2 is sqrt(2 / probes) where one eigenvalue rules. As in Hutch++
(Meyer, Musco, Musco and Woodruff 2021), a third of the products finds a space Q that holds most of H's range, a third
gives what H does there exactly, and only the rest is estimated:

    Tr H  = Tr(Q^T H Q) + Tr(R H R),    |H|^2 = |H Q|^2 + |H R|^2,    R = I - Q Q^T.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dropscape.numerics.seeds import torch_generator


@dataclass(frozen=True)
class TraceAndNorm:
    """An unbiased trace, and |H| (Frobenius) as the root of an unbiased square, with their standard errors, float64."""

    trace: float
    trace_error: float
    norm: float
    norm_error: float


def trace_and_norm(
    multiply: Callable[[Tensor], Tensor], size: int, products: int = 300, seed: int = 0, at_once: int = 64
) -> TraceAndNorm:
    """Estimate Tr H and |H| from random products, at least 6.

    With ``products`` at least three times ``size`` the space Q is everything and both are exact.

    Args:
        multiply: maps vectors (K, size) to H v for each, in any floating dtype; called with float64.
        size: P.
        products: how many to spend.
        seed: of the probes; two Hessians meet the same ones.
        at_once: the largest K.
    """
    if products < 6:
        raise ValueError(f"trace and norm need at least 6 products, not {products}.")
    generator = torch_generator(seed, "curvature", "trace and norm")

    def signs(count: int) -> Tensor:
        return 2.0 * torch.randint(2, (count, size), generator=generator, dtype=torch.float64) - 1

    def products_with(vectors: Tensor) -> Tensor:
        return torch.cat([multiply(few).double().cpu() for few in vectors.split(at_once)])

    found = products // 3
    if found >= size:
        images = products_with(torch.eye(size, dtype=torch.float64))
        return TraceAndNorm(float(images.trace()), 0.0, float(images.norm()), 0.0)
    space = torch.linalg.qr(products_with(signs(found)).T).Q.T
    images = products_with(space)
    probes = signs(products - 2 * found)
    probes -= probes @ space.T @ space
    seen = products_with(probes)
    traces, squares = (probes * seen).sum(dim=1), seen.square().sum(dim=1)
    square = float(images.square().sum() + squares.mean())
    root_count = math.sqrt(len(probes))
    norm = math.sqrt(square)
    return TraceAndNorm(
        trace=float((space * images).sum() + traces.mean()),
        trace_error=float(traces.std()) / root_count,
        norm=norm,
        norm_error=float(squares.std()) / root_count / (2 * norm) if norm else 0.0,
    )
