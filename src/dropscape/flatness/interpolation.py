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
from dropscape.models.halves import Examples
from dropscape.models.losses import PerExampleLoss


def interpolated_losses(
    first: nn.Module,
    second: nn.Module,
    inputs: Examples,
    targets: Tensor,
    alphas: Sequence[float],
    loss: str | PerExampleLoss,
) -> list[float]:
    """The loss at every alpha, in the loss's units.

    Args:
        first, second: networks of one architecture. They are not changed.
        inputs: n examples, in the networks' dtype.
        targets: (n,) or (n, ...).
        alphas: in any order; also outside [0, 1].
        loss: "cross_entropy", "mse" or a callable (outputs, targets) -> (n,) losses, one an example.

    Returns:
        The mean over all examples at each alpha, computed in the networks' dtype and summed in float64.

    Raises:
        RandomObjectiveError: dropout is active.
        ConfigurationError: the networks have different parameters, or buffers, of which none belong to a point between.
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
            f"interpolations of a {type(first).__name__} are not defined: it has statistics (batch norm) that belong "
            "to its own parameters and to none between; leave the section interpolations out."
        )
    names = list(shapes[0])
    profile = ForwardProfile(first, names, inputs, targets, loss)
    with torch.no_grad():
        profile.point_along(block_vector(second, names) - block_vector(first, names))
    return profile.losses([float(alpha) for alpha in alphas])
