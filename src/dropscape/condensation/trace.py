"""Measures how flat the squared error is at a network without loss: its Hessian's trace (paper B, section VII.B)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.condensation.piecewise import Layers, hidden_features

_SLOPES = {"relu": lambda h: h > 0, "tanh": lambda h: 1 - h**2, "identity": np.ones_like}  # from the activation's value


def hessian_trace(layers: Layers, activation: str, inputs: ArrayLike, output_bias: bool) -> float:
    """Compute (1/n) sum_i |grad_theta f(x_i)|^2, which is Tr(H) of the squared error where that is zero; float64.

    Args:
        layers: (weight (m_l, m_{l-1}), bias (m_l,)) each, the last with one output.
        activation: ``relu``, ``tanh`` or ``identity``.
        inputs: (n, d).
        output_bias: whether the output's bias is a parameter; those of hidden layers are.
    """
    values = [np.asarray(inputs, dtype=np.float64), *hidden_features(layers, activation, inputs)]
    back, total = np.ones((len(values[0]), 1)), 0.0  # df/dz of a layer's pre-activations, (n, m_l), last layer first
    for index in range(len(layers) - 1, -1, -1):
        has_bias = output_bias or index < len(layers) - 1
        total = total + _squared(back) * (_squared(values[index]) + has_bias)
        if index:
            back = back @ np.asarray(layers[index][0], np.float64) * _SLOPES[activation](values[index])
    return float(np.mean(total))


def _squared(rows: NDArray) -> NDArray[np.float64]:
    return np.square(rows).sum(axis=1)
