"""The loss on the straight line between the end points of two trainings (paper B, section VII.C and Fig. 14).

R_S((1 - alpha) theta_first + alpha theta_second), without dropout: alpha is 0 at the end point of the first training
and 1 at that of the second. Where it stays as low as at both, no barrier lies between them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dropscape.curvature.products import refuse_random_objective
from dropscape.errors import ConfigurationError
from dropscape.flatness.profile import ForwardProfile
from dropscape.models.block import block_vector
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import Inputs


def interpolated_losses(
    first: nn.Module,
    second: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    alphas: Sequence[float],
    loss: str | PerExampleLoss,
) -> list[float]:
    """Compute the loss at every alpha, also outside [0, 1]: the mean over all examples, summed in float64.

    The networks are not changed. A ConfigurationError says that they have different parameters, or buffers, of which
    none belong to a point between; a RandomObjectiveError that dropout is active.

    Args:
        first, second: networks of one architecture, at alpha 0 and 1.
        inputs: n examples, in the networks' dtype.
        targets: (n,) or (n, ...).
        alphas: in any order.
        loss: "cross_entropy", "mse" or a callable (outputs, targets) -> (n,) losses, one an example.
    """
    for network in (first, second):
        refuse_random_objective(network, inputs, targets, loss)
    shapes = [{name: value.shape for name, value in network.named_parameters()} for network in (first, second)]
    if shapes[0] != shapes[1]:
        raise ConfigurationError(
            "interpolations.pairs names two runs whose networks have different parameters; write runs of one model."
        )
    if any(True for _ in first.buffers()):
        raise ConfigurationError(
            f"interpolations need a network without statistics (batch norm), which belong to one end point, unlike "
            f"{type(first).__name__}; leave the section interpolations out."
        )
    names = list(shapes[0])
    profile = ForwardProfile(first, names, inputs, targets, loss)
    with torch.no_grad():
        profile.point_along(block_vector(second, names) - block_vector(first, names))
    return profile.losses([float(alpha) for alpha in alphas])


def relative_distance(first: nn.Module, second: nn.Module) -> float:
    """Compute |theta_first - theta_second| over the root mean square of both norms, over all parameters, float64.

    It is the root of 2 for independent parameters of mean 0 and one length.
    """
    one, other = (
        torch.cat([value.detach().double().flatten() for value in each.parameters()]) for each in (first, second)
    )
    return float((one - other).norm() / ((one.square().sum() + other.square().sum()) / 2).sqrt())
