"""A dropout step's gradient under its mask, and Gaussian noise with exactly its covariance (paper C, 4.1 and 5.1).

Write delta = 1 + eta for a mask. Its entries are 0 or 1/p, so delta_r^2 = delta_r / p, that is
``delta_r eta_r = s delta_r`` with s = (1-p)/p = E eta_r^2. In the words of ``dropscape.equations.network`` the gradient
of unit r's parameters is ``delta_r (C_r + sum_j eta_j M_rj)``, a polynomial of second degree. Where j = r the
square goes, and the gradient is linear in the coefficients

    alpha_r = 1 + eta_r,    beta_rj = eta_j + eta_r eta_j  (j != r),    beta_rr = s + s eta_r.

Their expectation is alpha = 1, beta = s I, the gradient of L_S. What is left is made of the m variables eta_r with
variance s and the m(m-1)/2 variables eta_r eta_j, r < j, with variance s^2; since the eta_r are independent with
expectation 0, any two of all these are uncorrelated. Independent normals ``sqrt(s) z_r`` and ``s Z_rj = s Z_jr`` with
the same variances, put in their places, therefore give Gaussian noise with exactly the covariance of the gradient, at
the cost of one ``gradient``: neither the covariance nor a root of it is needed, whatever the number of outputs.
"""

import math

import torch
from torch import Tensor

from dropscape.dropout.masks import mask_variance
from dropscape.equations.activations import Activation
from dropscape.equations.network import ForwardPass, Parameters, Sample, forward, gradient


def dropout_gradient(parameters: Parameters, sample: Sample, activation: Activation, mask: Tensor) -> Parameters:
    """The gradient of R_S^drop (eq. 5) under a mask (T, m) with entries 0 or 1/keep_prob, one for all examples."""
    return gradient(forward(parameters, sample, activation, mask), mask)


def noise_coefficients(units: Tensor, pairs: Tensor, keep_prob: float) -> tuple[Tensor, Tensor]:
    """``(alpha, beta)`` with which ``gradient`` is the Gaussian noise.

    Args:
        units: z, (T, m) independent standard normals.
        pairs: Z, (T, m, m) symmetric, those above the diagonal independent standard normals; the diagonal is not read.
    """
    s = mask_variance(keep_prob)
    alpha = math.sqrt(s) * units
    beta = torch.add(alpha[:, None, :], pairs, alpha=s)
    beta.diagonal(dim1=1, dim2=2).copy_(s * alpha)
    return alpha, beta


def mask_coefficients(mask: Tensor, keep_prob: float) -> tuple[Tensor, Tensor]:
    """``(alpha, beta)`` with which ``gradient`` is what dropout adds to grad L_S under a mask (T, m)."""
    eta = mask - 1
    beta = mask[..., None] * eta[:, None, :]
    beta.diagonal(dim1=1, dim2=2).copy_(mask_variance(keep_prob) * eta)
    return eta, beta


def noise(passed: ForwardPass, units: Tensor, pairs: Tensor, keep_prob: float) -> Parameters:
    """A Gaussian vector of mean 0 and covariance Sigma of grad R_S^drop, from the normals of ``noise_coefficients``."""
    return gradient(passed, *noise_coefficients(units, pairs, keep_prob))


def noisy_gradient(passed: ForwardPass, units: Tensor, pairs: Tensor, keep_prob: float, scale: float) -> Parameters:
    """``grad L_S + scale * noise`` at the cost of the noise alone, from normals of ``noise_coefficients``."""
    alpha, beta = noise_coefficients(units, pairs, keep_prob)
    beta.mul_(scale).diagonal(dim1=1, dim2=2).add_(mask_variance(keep_prob))
    return gradient(passed, alpha.mul_(scale).add_(1), beta)
