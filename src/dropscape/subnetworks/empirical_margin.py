"""The margin that Assumption 1 of paper D has on given examples, where no formula is known: bounds from both sides."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from dropscape.numerics.seeds import numpy_generator

EXAMPLES, NORMALS, ITERATIONS = 400, 2000, 400


def empirical_margin(inputs: NDArray, labels: NDArray) -> tuple[float, float]:
    """Bound the largest gamma / q for which Assumption 1 of paper D holds on the examples, from both sides.

    For weights p on the examples let G(z) = sum_i p_i y_i x_i 1{z . x_i >= 0}. No psi with |psi| <= 1 has a larger
    smallest margin than q E_z |G(z)|, and psi(z) = G(z) / |G(z)| attains the smallest of its own margins: the two are
    equal at the p with the least E_z |G(z)| (a zero-sum game), which is convex in p and minimised by L-BFGS over the
    logarithms of p. Both expectations are means over ``NORMALS`` normal z that p was not chosen with: the bounds hold
    up to their sampling error. Only the first ``EXAMPLES`` are taken: more of them can only lower the margin.

    Args:
        inputs: (n, d). labels: (n,), -1 or 1.

    Returns:
        lower and upper bound, float64; the lower one may be negative.
    """
    signed = (labels[:EXAMPLES, None] * inputs[:EXAMPLES]).astype(np.float64)
    x = inputs[:EXAMPLES].astype(np.float64)

    def gains(weights: NDArray, positive: NDArray) -> tuple[NDArray, float]:
        """The margin (n,) of each example under psi of these weights, and the mean of |G|."""
        direction = (positive * weights) @ signed
        length = np.linalg.norm(direction, axis=1)
        psi = direction / np.maximum(length, np.finfo(float).tiny)[:, None]
        return (positive * (psi @ signed.T)).mean(axis=0), float(length.mean())

    sides = [
        (numpy_generator(0, "subnetworks", name).standard_normal((NORMALS, x.shape[1])) @ x.T >= 0).astype(np.float64)
        for name in ("margin", "margin, held out")
    ]

    def loss(logarithm: NDArray) -> tuple[float, NDArray]:
        """E |G| and its gradient; that by p are the margins."""
        weights = softmax(logarithm)
        gain, length = gains(weights, sides[0])
        return length, weights * (gain - weights @ gain)

    found = minimize(loss, np.zeros(len(x)), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    gain, length = gains(softmax(found.x), sides[1])
    return float(gain.min()), length
