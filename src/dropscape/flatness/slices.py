"""Measures filter-normalised slices of the loss, and how flat they are (paper A, section 5, after Li et al. 2017).

A direction d is Gaussian in all parameters, with each filter rescaled to the norm of the network's filter, so that
networks whose weights differ in size can be compared. f(alpha) = L(theta + alpha d) is the loss without dropout.

What a filter is, section 5 says: for a dense layer the whole layer's matrix, for a convolution each output filter. Here
a parameter with two dimensions (dense layers, projections of a transformer, embeddings) is one filter, one with more is
a filter for each first index. Of parameters with one dimension (biases, batch and layer norms) the paper says nothing;
as Li et al. do, the direction is zero there. A batch norm keeps the statistics that it has at theta.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dropscape.curvature.products import refuse_random_objective
from dropscape.errors import ConfigurationError
from dropscape.flatness.profile import ForwardProfile
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import Inputs
from dropscape.numerics.seeds import torch_generator


def filter_normalised_direction(model: nn.Module, seed: int, index: int = 0) -> dict[str, Tensor]:
    """Draw direction ``index`` of a seed, by parameter name, in each parameter's shape and dtype.

    The Gaussian draw depends on the seed, the index and the parameter's name and shape only: two networks of one
    architecture get the same draw, each scaled to its filters. Drawn in float32.
    """
    direction = {}
    for name, value in model.named_parameters():
        value = value.detach()
        if value.ndim < 2:
            direction[name] = torch.zeros_like(value)
            continue
        generator = torch_generator(seed, "flatness", f"slice direction {index}, {name}")
        drawn = torch.randn(value.shape, generator=generator).to(value.device, torch.float64)
        dims = tuple(range(0 if value.ndim == 2 else 1, value.ndim))
        scale = value.double().square().sum(dims, keepdim=True).sqrt() / drawn.square().sum(dims, keepdim=True).sqrt()
        direction[name] = (drawn * scale).to(value.dtype)
    return direction


def loss_slices(
    model: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    alphas: Sequence[float],
    directions: int = 1,
    seed: int = 0,
    loss: str | PerExampleLoss = "cross_entropy",
) -> pd.DataFrame:
    """Compute f(alpha) on a grid along several directions of a seed.

    The other arguments, and errors, are those of ``interpolated_losses``; the network at theta is not changed.

    Returns:
        One row a point: direction (from 0), alpha, loss: the mean over all examples, computed in the model's dtype and
        summed in float64.
    """
    refuse_random_objective(model, inputs, targets, loss)
    block = [name for name, _ in model.named_parameters()]
    profile = ForwardProfile(model, block, inputs, targets, loss)
    frames = []
    for index in range(directions):
        direction = filter_normalised_direction(model, seed, index)
        profile.point_along(torch.cat([direction[name].reshape(-1) for name in block]))
        losses = profile.losses([float(alpha) for alpha in alphas])
        frames.append(pd.DataFrame({"direction": index, "alpha": np.asarray(alphas, dtype=float), "loss": losses}))
    return pd.concat(frames, ignore_index=True)


def slice_flatness(slices: pd.DataFrame, rise: float = 0.5, radius: float = 0.5) -> pd.DataFrame:
    """Measure how flat each direction of ``loss_slices`` is around 0.

    The rise is absolute, in the loss's units (nats), not a multiple of f(0): of two networks that fit the data, f(0)
    may be 1e-2 and 1e-5, and at twice f(0) both predict as well as at 0, so a relative rise would compare how
    small the losses are and not how far the networks can be moved. A rise of half a nat is a factor exp(-1/2) in the
    mean likelihood of the right answers for both.

    A ConfigurationError says if the rise is not positive, the ``radius`` of ``mean_rise`` leaves the grid, or a grid
    has no 0 and points on both sides at equal distances from it.

    Returns:
        One row a direction: direction, rise, radius; loss0, f(0); half_width, half the width of the interval around 0
        in which f stays below f(0) + rise, NaN unless f gets there on both sides; curvature, the second difference of f
        at 0 over the grid's neighbours of 0; mean_rise, the mean of f(alpha) - f(0) over |alpha| <= radius by the
        trapezoidal rule, infinite or NaN where f is; reason, why the half-width is NaN, else "".
    """
    rows = []
    for direction, curve in slices.sort_values("alpha").groupby("direction"):
        measured = _flatness(curve["alpha"].to_numpy(), curve["loss"].to_numpy(), rise, radius)
        rows.append({"direction": direction, "rise": rise, "radius": radius} | measured)
    return pd.DataFrame(rows)


def _flatness(alphas: NDArray, losses: NDArray, rise: float, radius: float) -> dict[str, float | str]:
    centre = int(np.abs(alphas).argmin())
    step = alphas[min(centre + 1, len(alphas) - 1)]
    if abs(alphas[centre]) > 1e-12 or centre == 0 or step <= 0 or not math.isclose(alphas[centre - 1], -step):
        raise ConfigurationError(
            f"flatness.alphas is {alphas.tolist()}; write a grid with 0 and equally far neighbours on both "
            "sides, such as 41 points from -1 to 1."
        )
    if rise <= 0 or not 0 < radius <= min(-alphas[0], alphas[-1]):
        raise ConfigurationError(
            f"flatness.rise is {rise} and flatness.radius {radius}; write a positive rise, and a radius within "
            f"the grid from {alphas[0]:g} to {alphas[-1]:g}."
        )
    loss0 = float(losses[centre])
    sides = {
        "left": _first_crossing(-alphas[centre::-1], losses[centre::-1], loss0 + rise),
        "right": _first_crossing(alphas[centre:], losses[centre:], loss0 + rise),
    }
    missing = " and ".join(side for side, crossing in sides.items() if math.isnan(crossing))
    reason = f"the loss does not rise by {rise:g} on the {missing} of 0 within the grid" if missing else ""
    if not math.isfinite(loss0):
        reason = "the loss at 0 is not finite"
    ends = np.array([-radius, radius])
    within = np.unique(np.concatenate([ends, alphas[np.abs(alphas) < radius]]))
    rises = np.interp(within, alphas, losses) - loss0
    return {
        "loss0": loss0,
        "half_width": sum(sides.values()) / 2,
        "curvature": float((losses[centre + 1] - 2 * loss0 + losses[centre - 1]) / step**2),
        "mean_rise": float(np.trapezoid(rises, within) / (2 * radius)),
        "reason": reason,
    }


def _first_crossing(distances: NDArray, losses: NDArray, level: float) -> float:
    """Find where the line through the points first reaches the level, going outwards from 0; NaN if nowhere.

    A loss that is not finite counts as above every level: the crossing is then the point before it.
    """
    above = ~(losses < level)
    if not math.isfinite(level) or not above.any():
        return math.nan
    first = int(above.argmax())
    (low, high), (near, far) = losses[first - 1 : first + 1], distances[first - 1 : first + 1]
    share = (level - low) / (high - low) if math.isfinite(high) else 0.0
    return float(near + share * (far - near))
