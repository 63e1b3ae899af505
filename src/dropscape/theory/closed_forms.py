"""Theorems 1 and 2 of paper A (section 8, App. B.1 and B.2) as closed forms, and the exact expressions.

Settings 1 to 3: a fully-connected network with one output, ``l = (f - y)^2 / 2``, and one dropout layer, on the
last hidden activation. Write ``h_j`` for its unit j, ``g_j = W_j^[L] h_j`` (the paper's ``f^j``), ``eps = f - y``,
``J = grad f``, ``G_j = grad g_j`` (gradients with respect to the block) and ``s = (1-p)/p`` for the variance of the
mask variable ``eta_j``, p being the keep probability. Then for one example

    f^drop = f + sum_j eta_j g_j,   grad l = (eps + sum_j eta_j g_j) (J + sum_j eta_j G_j),

and everything below is a moment of these two lines. What the paper's formulas keep and drop:

Theorem 1. The Hessian of the expected loss is ``(1/n) sum_i [J J' + s sum_j G_j G_j']`` plus
``(1/n) sum_i [eps grad^2 f + s sum_j g_j grad^2 g_j]``. The paper drops the second sum because
``grad^2 f = grad^2 g_j = 0`` almost everywhere for a piece-wise linear activation. That is true

- within one layer's weight and bias, for every layer, also together with the biases of all later layers, and for
  all biases of the network together: f and g_j are piece-wise linear in those;
- not between the weights of two layers, nor between a layer's weight and the bias of an earlier one, because f
  contains their products.

For all parameters Theorem 1 is thus the Gauss-Newton part of the Hessian of
``(1/2n) sum_i [eps_i^2 + s sum_j g_ij^2]``. The two dropped terms do not vanish each at a minimum, but largely cancel
there: together they are ``(1/n) sum_i sum_j (eps_i + s g_ij) grad^2 g_ij``, and between ``W_j^[L]`` and the incoming
weights and bias ``t_j`` of the same unit this is exactly ``(grad_{t_j} of the expected loss) / W_j^[L]``, and 0 for
another unit's. So at a stationary point (Assumption 1) with all ``W_j^[L] != 0`` Theorem 1 is exact on the last two
layers together, hence for every parameter of a network with one hidden layer; for deeper ones pairs with an earlier
layer remain.

Theorem 2. The paper's steps, in its order:

1. ``- (mean gradient)(mean gradient)'`` is dropped (Assumption 1).
2. The loss is expanded to first order in eta, which drops ``(sum eta_j g_j)(sum eta_j G_j)`` from the gradient and
   gives eq. (3): ``eps^2 J J' + s sum_j (eps G_j + g_j J)(eps G_j + g_j J)'``. This is not an expansion in s: a unit
   that is dropped takes all of ``g_j`` away, however rarely (every moment of eta_j is of order s; ``E eta^3 ~ -s``,
   ``E eta^4 ~ s``). At order s eq. (3) misses
   ``s sum_j g_j [(eps - g_j)(J G_j' + G_j J') + (g_j - 2 eps) G_j G_j']``, of the size of what it keeps, so its error
   relative to what dropout adds does not vanish as p tends to 1. (The paper prints the cross term of eq. (3) without
   transposes, ``2 eps g_j J G_j``; it has to be symmetric.)
3. The cross term of eq. (3) is dropped on the assumption ``grad (eps_i^2) = 0`` for every i. This is not Assumption 1
   (zero on average, with dropout) but much stronger: since ``df/db^[L] = 1`` it means ``eps_i = 0`` for all i, and
   then the kept terms in ``eps^2`` vanish as well. Where the network can fit the data, ``eps_i`` is of order s at a
   minimum of the dropout loss, and no term of eq. (3) is small beside the others for every p.
4. ``eps^2 + s sum_j g_j^2 = 2 E l(f^drop)``, an identity.

The printed formula follows from these steps without a further slip. It stands for the covariance of one example's
gradient over examples and masks together, not for that of the full-batch gradient over masks.

The exact expressions need no assumption on the activation and use ``eta^2 = s + (s-1) eta``, hence
``E eta^3 = s(s-1)`` and ``E eta^4 = s^2 + s(s-1)^2``. All results are float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import jacrev

from dropscape.dropout.masks import mask_variance
from dropscape.errors import ConfigurationError
from dropscape.models.block import block_vector, split_vector
from dropscape.models.fnn import FullyConnected


@dataclass(frozen=True)
class DropoutExpansion:
    """What the closed forms are made of: n examples, m units with dropout, a block of P parameters; float64."""

    residual: Tensor  # eps_i = f(x_i) - y_i, shape (n,)
    unit_outputs: Tensor  # f^j(x_i) = W_j^[L] f_j^[L-1](x_i), shape (n, m)
    output_gradient: Tensor  # grad f(x_i), shape (n, P)
    unit_output_gradients: Tensor  # grad f^j(x_i), shape (n, m, P)

    def restricted_to(self, indices: slice) -> "DropoutExpansion":
        """The expansion for a part of the block, given by positions in its vector."""
        own, of_units = self.output_gradient[:, indices], self.unit_output_gradients[:, :, indices]
        return replace(self, output_gradient=own, unit_output_gradients=of_units)


def require_single_output(model: FullyConnected) -> None:
    """Setting 3 of paper A: one output; a ConfigurationError says that the network has several."""
    if model.widths[-1] != 1:
        raise ConfigurationError(
            f"model.widths is {list(model.widths)}; Theorems 1 and 2 of paper A are stated for one output: "
            "write a 1 as the last width."
        )


def double_parameters(model: FullyConnected) -> dict[str, Tensor]:
    """All parameters by name, detached, float64."""
    return {name: value.detach().double() for name, value in model.named_parameters()}


def unit_outputs(model: FullyConnected, parameters: dict[str, Tensor], inputs: Tensor) -> tuple[Tensor, Tensor]:
    """The units' shares g of the output, (..., n, m), and the output's bias b, (..., 1); f = g.sum(-1) + b.

    The parameters may be those of several networks stacked along a leading axis, with inputs (..., n, d) to match.
    """
    *before, last = range(model.depth)
    for layer in before:
        weight, bias = parameters[f"layers.{layer}.weight"], parameters[f"layers.{layer}.bias"]
        inputs = model.activate(inputs @ weight.mT + bias[..., None, :])
    return inputs * parameters[f"layers.{last}.weight"], parameters[f"layers.{last}.bias"]


def expand(model: FullyConnected, inputs: Tensor, targets: Tensor, block: Sequence[str]) -> DropoutExpansion:
    """Outputs and per-example Jacobians at the model's parameters, float64, from inputs (n, d) and targets (n,).

    The model has one output and any depth; dropout acts on its last hidden activation (Setting 1). Gradients are taken
    with respect to the parameters that the block names. A ConfigurationError says that there are several outputs, or
    that the model does not have one of the names.
    """
    require_single_output(model)
    fixed, inputs = double_parameters(model), inputs.double()

    def rows(vector: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        per_unit, bias = unit_outputs(model, fixed | split_vector(model, block, vector), inputs)
        output = per_unit.sum(1) + bias
        return torch.cat([per_unit, output[:, None]], dim=1), (per_unit, output)

    jacobian, (per_unit, output) = jacrev(rows, has_aux=True)(block_vector(model, block).double())
    return DropoutExpansion(output - targets.double(), per_unit, jacobian[:, -1], jacobian[:, :-1])


def expected_losses(expansion: DropoutExpansion, keep_prob: float) -> Tensor:
    """E_eta l(f^drop(x_i), y_i) = (eps_i^2 + s sum_j g_ij^2) / 2, shape (n,). Exact (last step of App. B.2)."""
    s = mask_variance(keep_prob)
    return (expansion.residual**2 + s * (expansion.unit_outputs**2).sum(1)) / 2


def mean_gradient(expansion: DropoutExpansion, keep_prob: float) -> Tensor:
    """The gradient of E_eta R_S^drop: (1/n) sum_i [eps_i J_i + s sum_j g_ij G_ij], shape (P,). Exact."""
    s = mask_variance(keep_prob)
    own = expansion.residual @ expansion.output_gradient
    of_units = torch.einsum("nj,njp->p", expansion.unit_outputs, expansion.unit_output_gradients)
    return (own + s * of_units) / len(expansion.residual)


def _outer_products(rows: Tensor, weights: Tensor | None = None) -> Tensor:
    """The sum over all leading axes of ``row row'``, each times its weight, shape (P, P)."""
    flat = rows.reshape(-1, rows.shape[-1])
    return flat.T @ (flat if weights is None else weights.reshape(-1, 1) * flat)


def hessian(expansion: DropoutExpansion, keep_prob: float) -> Tensor:
    """Theorem 1: (1/n) sum_i [J_i J_i' + s sum_j G_ij G_ij'], shape (P, P); exact where the module's text says."""
    s = mask_variance(keep_prob)
    own = _outer_products(expansion.output_gradient)
    return (own + s * _outer_products(expansion.unit_output_gradients)) / len(expansion.residual)


def covariance(expansion: DropoutExpansion, keep_prob: float) -> Tensor:
    """Theorem 2: (1/n) sum_i [a_i J_i J_i' + b_i s sum_j G_ij G_ij'], shape (P, P).

    Here a_i = 2 E l(f^drop) and b_i = 2 l(f). An approximation: steps 1 to 3 of the module's text.
    """
    s = mask_variance(keep_prob)
    b = (expansion.residual**2)[:, None].expand_as(expansion.unit_outputs)
    own = _outer_products(expansion.output_gradient, 2 * expected_losses(expansion, keep_prob))
    return (own + s * _outer_products(expansion.unit_output_gradients, b)) / len(expansion.residual)


def first_order_second_moment(expansion: DropoutExpansion, keep_prob: float) -> Tensor:
    """Eq. (3) of App. B.2: (1/n) sum_i [eps^2 J J' + s sum_j grad(g_j eps) grad(g_j eps)'], shape (P, P).

    The second moment of the gradient of the loss expanded to first order in eta, before any term is dropped.
    """
    s = mask_variance(keep_prob)
    residual, g = expansion.residual, expansion.unit_outputs
    products = (
        residual[:, None, None] * expansion.unit_output_gradients + g[:, :, None] * expansion.output_gradient[:, None]
    )
    own = _outer_products(expansion.output_gradient, residual**2)
    return (own + s * _outer_products(products)) / len(residual)


def exact_second_moment(expansion: DropoutExpansion, keep_prob: float) -> Tensor:
    """(1/n) sum_i E_eta grad l_i grad l_i', shape (P, P). Exact, for any activation.

    Per example ``2 E l J J' + J v' + v J' + G' C G`` with ``v = sum_j (2 s eps g_j + s(s-1) g_j^2) G_j`` and
    ``C = 2 s^2 g g' + diag(s eps^2 + 2 s(s-1) eps g_j + s^2 |g|^2 + (E eta^4 - 3 s^2) g_j^2)``, from the
    independence and the first four moments of the eta_j.
    """
    s = mask_variance(keep_prob)
    third, fourth = s * (s - 1), s**2 + s * (s - 1) ** 2
    g, gradients = expansion.unit_outputs, expansion.unit_output_gradients
    residual = expansion.residual[:, None]
    v = torch.einsum("nj,njp->np", 2 * s * residual * g + third * g**2, gradients)
    gg = torch.einsum("nj,njp->np", g, gradients)
    diagonal = (
        s * residual**2 + 2 * third * residual * g + s**2 * (g**2).sum(1, keepdim=True) + (fourth - 3 * s**2) * g**2
    )
    cross = expansion.output_gradient.T @ v
    own = _outer_products(expansion.output_gradient, 2 * expected_losses(expansion, keep_prob))
    of_units = 2 * s**2 * gg.T @ gg
    return (own + cross + cross.T + of_units + _outer_products(gradients, diagonal)) / len(expansion.residual)


def exact_covariance(expansion: DropoutExpansion, keep_prob: float) -> Tensor:
    """The paper's Sigma^drop as it is defined (first line of App. B.2's display), shape (P, P). Exact."""
    mean = mean_gradient(expansion, keep_prob)
    return exact_second_moment(expansion, keep_prob) - torch.outer(mean, mean)
