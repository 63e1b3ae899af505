"""The trace of the Hessian of R_S in all parameters of a network with one hidden layer, in closed form.

With ``f = sum_r a_r sigma(w_r . x)`` only the w_r have second derivatives with respect to themselves, so that

    n tr H = sum_i sum_r [k h_ri^2 + |x_i|^2 (|a_r|^2 sigma'_ri^2 + (a_r . e_i) sigma''_ri)].
"""

import torch
from torch import Tensor

from dropscape.equations.network import ForwardPass, by_trial


def hessian_trace(passed: ForwardPass) -> Tensor:
    """Tr H of the risk without dropout (eq. 1), (T,) float64; where sigma'' does not exist (relu) it counts as 0."""
    a, hidden, slopes = passed.parameters.a, passed.hidden, passed.slopes
    curvatures = passed.activation.curvature(passed.preactivations, hidden, slopes)
    squares = passed.sample.inputs.square().sum(dim=1)
    bent = a.square().sum(-1, keepdim=True) * slopes.square() + by_trial(a, passed.residuals) * curvatures
    total = a.shape[2] * hidden.square() + squares * bent
    return total.sum(dim=(1, 2), dtype=torch.float64) / len(squares)
