"""The modified loss L_S (paper C, eq. 7), its gradient, and the drifts of the two equations (Theorem 1).

With s = (1-p)/p and ``g_ri = a_r h_ri``

    L_S = R_S + (s/2n) sum_i sum_r |a_r|^2 h_ri^2,

whose gradient is ``gradient`` with ``alpha = 1`` and ``beta = s I`` (``dropscape.equations.network``). The order-2
drift is minus the gradient of ``L_S + (eta/4) |grad L_S|^2``, which is ``B + (eta/2) (Hessian of L_S) B`` with B = grad
L_S. The product with the Hessian is the derivative of every line of the gradient along a direction (Pearlmutter's
R-operator), written out: two products with the inputs more, and no matrix of the parameters' size.
"""

from torch import Tensor

from dropscape.dropout.masks import mask_variance
from dropscape.equations.network import ForwardPass, Parameters, by_trial, input_gradient
from dropscape.numerics.products import product


def modified_loss(passed: ForwardPass, keep_prob: float) -> Tensor:
    """L_S (eq. 7), (T,)."""
    hidden = passed.hidden
    shares = (_squared_norms(passed) * hidden.square().sum(-1)).sum(-1)
    return (passed.residuals.square().sum(dim=(1, 2)) + mask_variance(keep_prob) * shares) / (2 * hidden.shape[-1])


def modified_gradient(passed: ForwardPass, keep_prob: float) -> Parameters:
    """Grad L_S (section 4.1), the expectation of a dropout step's gradient."""
    s, a, n = mask_variance(keep_prob), passed.parameters.a, passed.preactivations.shape[-1]
    moments = passed.hidden.square().sum(-1, keepdim=True)
    output = (by_trial(passed.hidden, passed.residuals.mT) + s * moments * a) / n
    return Parameters(output, input_gradient(passed, _signal(passed, s).mul_(passed.slopes)))


def hessian_product(passed: ForwardPass, keep_prob: float, direction: Parameters) -> Parameters:
    """The Hessian of L_S times a direction of T trials, at a pass of T or of one for all of them."""
    s, a, n = mask_variance(keep_prob), passed.parameters.a, passed.preactivations.shape[-1]
    hidden, residuals = passed.hidden, passed.residuals
    # d_* is the derivative of * along the direction.
    d_preactivations = product(direction.w.flatten(0, 1), passed.sample.inputs.T).view(*direction.w.shape[:2], -1)
    d_hidden = d_preactivations * passed.slopes
    d_residuals = by_trial(direction.a.mT, hidden) + a.mT @ d_hidden
    d_norms = 2 * (a * direction.a).sum(-1, keepdim=True)
    moments = hidden.square().sum(-1, keepdim=True)
    d_moments = 2 * (hidden * d_hidden).sum(-1, keepdim=True)
    output = by_trial(d_hidden, residuals.mT) + hidden @ d_residuals.mT + s * (moments * direction.a + d_moments * a)
    d_signal = by_trial(direction.a, residuals) + a @ d_residuals
    d_signal += s * (d_norms * hidden + _squared_norms(passed)[..., None] * d_hidden)
    curvatures = passed.activation.curvature(passed.preactivations, hidden, passed.slopes)
    d_signal.mul_(passed.slopes).add_(d_preactivations.mul_(curvatures).mul_(_signal(passed, s)))
    return Parameters(output / n, input_gradient(passed, d_signal))


def drift(passed: ForwardPass, keep_prob: float, learning_rate: float, order: int) -> Parameters:
    """b_1 or b_2 of Theorem 1 with the sign changed: what the equation's mean descends, per unit of time.

    Args:
        order: 1 for grad L_S, 2 for the gradient of ``L_S + (learning_rate/4) |grad L_S|^2``.
    """
    first = modified_gradient(passed, keep_prob)
    if order == 1:
        return first
    return first.add_scaled(hessian_product(passed, keep_prob, first), learning_rate / 2)


def _squared_norms(passed: ForwardPass) -> Tensor:
    """|a_r|^2, (T, m)."""
    return passed.parameters.a.square().sum(-1)


def _signal(passed: ForwardPass, s: float) -> Tensor:
    """N dL_S/dh_ri = a_r . e_i + s |a_r|^2 h_ri, (T, m, n)."""
    signal = by_trial(passed.parameters.a, passed.residuals)
    return signal.addcmul_(passed.hidden, _squared_norms(passed)[..., None], value=s)
