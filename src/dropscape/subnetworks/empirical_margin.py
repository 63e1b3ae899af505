"""The margin that Assumption 1 of paper D has on given examples, where no formula is known: bounds from both sides."""

import numpy as np
from numpy.typing import NDArray

from dropscape.numerics.seeds import numpy_generator

EXAMPLES, NORMALS, ROUNDS = 400, 1000, 300
_RATE = 4.0  # of the weights' multiplicative update, over the largest gain


def empirical_margin(inputs: NDArray, labels: NDArray) -> tuple[float, float]:
    """Bound the largest gamma / q for which Assumption 1 of paper D holds on the examples, from both sides.

    For weights p on the examples let G(z) = sum_i p_i y_i x_i 1{z . x_i >= 0}. No psi with |psi| <= 1 has a larger
    smallest margin than q E_z |G(z)|, and psi(z) = G(z) / |G(z)| attains the smallest of its own margins: the two are
    equal at the best p, which multiplicative weights approach (a zero-sum game). Both expectations are means over
    ``NORMALS`` normal z that the weights were not chosen with, so that the bounds hold up to their sampling error.
    Only the first ``EXAMPLES`` are taken: more of them can only lower the margin.

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
    logarithm, mean = np.zeros(len(x)), np.zeros(len(x))
    for round_ in range(ROUNDS):
        weights = np.exp(logarithm - logarithm.max())
        weights /= weights.sum()
        if round_ >= ROUNDS // 2:
            mean += weights / (ROUNDS - ROUNDS // 2)
        gain, _ = gains(weights, sides[0])
        logarithm -= _RATE * gain / max(float(np.abs(gain).max()), np.finfo(float).tiny) / np.sqrt(1 + round_)
    gain, length = gains(mean, sides[1])
    return float(gain.min()), length
