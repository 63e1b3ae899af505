"""Measures filter-normalised slices of the loss, and how flat they are (paper A, section 5, after Li et al. 2017).

A direction d is Gaussian in all parameters, with each filter rescaled to the norm of the network's filter, so that
networks whose weights differ in size can be compared. f(alpha) = L(theta + alpha d) is the loss without dropout.

What a filter is, section 5 says: for a dense layer the whole layer's matrix, for a convolution each output filter. Here
a parameter with two dimensions (dense layers, projections of a transformer, embeddings) is one filter, one with more is
a filter for each first index. Of parameters with one dimension (biases, scales and shifts of batch and layer norms) the
paper says nothing. ``moved`` says whether they move: with "weights" the direction is zero there, as Li et al. choose,
with "all" each of them is one filter too. A batch norm keeps the statistics that it has at theta.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dropscape.curvature.products import refuse_random_objective
from dropscape.errors import ConfigurationError
from dropscape.flatness.crossing import advance_both, first_crossings
from dropscape.flatness.profile import ForwardProfile
from dropscape.models.block_loss import Block, Forward, block_loss
from dropscape.models.losses import PerExampleLoss
from dropscape.models.prefix_suffix import Inputs
from dropscape.numerics.autograd_modes import as_measured
from dropscape.numerics.seeds import torch_generator

Moved = Literal["weights", "all"]


def filter_normalised_direction(
    model: nn.Module, seed: int, index: int = 0, moved: Moved = "weights"
) -> dict[str, Tensor]:
    """Draw direction ``index`` of a seed, by parameter name, in each parameter's shape and dtype, float32 at least.

    The Gaussian draw depends on the seed, the index and the parameter's name and shape only: two networks of one
    architecture get the same draw, each scaled to its filters; ``moved`` changes no weight's direction. Drawn in
    float32.
    """
    direction = {}
    for name, value in model.named_parameters():
        value = value.detach()
        if value.ndim < 2 and moved == "weights":
            direction[name] = torch.zeros_like(value)
            continue
        generator = torch_generator(seed, "flatness", f"slice direction {index}, {name}")
        drawn = torch.randn(value.shape, generator=generator, dtype=torch.float32).to(value.device, torch.float64)
        dims = tuple(range(0 if value.ndim <= 2 else 1, value.ndim))
        scale = value.double().square().sum(dims, keepdim=True).sqrt() / drawn.square().sum(dims, keepdim=True).sqrt()
        direction[name] = (drawn * scale).to(torch.promote_types(value.dtype, torch.float32))
    return direction


@dataclass(frozen=True, eq=False)
class LossSlice:
    """The mean loss along lines through theta."""

    table: pd.DataFrame  # one row a point: direction (from 0), alpha, loss

    def __repr__(self) -> str:
        at = self.table.loc[self.table["alpha"].abs().idxmin()]
        lines, points = self.table["direction"].nunique(), self.table["alpha"].nunique()
        return f"LossSlice({lines} directions, {points} points each; loss {at['loss']:.4g} at alpha {at['alpha']:g})"

    def to_pandas(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def plot(self, axes: Any = None) -> Any:
        """Draw the loss against alpha, one curve a direction; returns the axes."""
        from matplotlib import pyplot

        axes = axes or pyplot.figure().gca()
        for direction, points in self.table.groupby("direction"):
            axes.plot(points["alpha"], points["loss"], label=f"direction {direction}")
        axes.set(xlabel="alpha, in filter norms", ylabel="loss")
        axes.legend()
        return axes


@as_measured()
def loss_slice(
    model: nn.Module,
    block: Block | None,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    *,
    alphas: Sequence[float],
    directions: int = 1,
    seed: int = 0,
    moved: Moved = "weights",
    forward: Forward | None = None,
) -> LossSlice:
    """Compute f(alpha) on a grid along several directions of a seed.

    The loss is the mean over all examples, computed in the model's dtype, float32 at least, and summed in float64. The
    model is not changed.

    Args:
        model, block, data, loss, forward: as ``block_loss`` reads them; with None as block all parameters move.
        alphas: distances, in units of each filter's norm.
        directions: how many.
        seed, moved: of ``filter_normalised_direction``.

    Raises:
        ConfigurationError, RandomObjectiveError: an argument that does not fit, or a loss that is random.
    """
    given = block_loss(model, block, data, loss, forward)
    profile = _profile(*given.given)
    frames = []
    for index in range(directions):
        profile.point_along(_vector(given.model, given.block, seed, index, moved))
        losses = profile.losses([float(alpha) for alpha in alphas])
        frames.append(pd.DataFrame({"direction": index, "alpha": np.asarray(alphas, dtype=float), "loss": losses}))
    return LossSlice(pd.concat(frames, ignore_index=True))


@as_measured()
def slice_widths(
    model: nn.Module,
    block: Block | None,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    *,
    rises: Sequence[float],
    directions: int = 1,
    seed: int = 0,
    moved: Moved = "weights",
    forward: Forward | None = None,
    max_width: float = 100.0,
    tolerance: float = 1e-6,
) -> pd.DataFrame:
    """Find how far a network can go along the directions of ``loss_slice`` before its loss has risen, on both sides.

    The closest alpha on either side with f(alpha) = f(0) + rise is a root found to a relative ``tolerance`` by
    ``first_crossings``, which says on what resolution "closest" rests; no grid enters. The search is one for the
    multiples 1 + rise / c of f - f(0) + c, c being the smallest rise, and so needs no positive f(0). In float32 the
    roots are exact to about 1e-6 (1 + f(0) / rise) relative.

    A rise is absolute, in the loss's units (nats), not a multiple of f(0): of two networks that fit the data, f(0)
    may be 1e-2 and 1e-5, and at twice f(0) both predict as well as at 0, so a relative rise would compare how
    small the losses are and not how far the networks can be moved. A rise of half a nat is a factor exp(-1/2) in the
    mean likelihood of the right answers for both.

    The other arguments are those of ``loss_slice``; a ConfigurationError says if a rise is not positive.

    Args:
        rises: in any order.
        max_width: the search goes at most this far on each side; 1 moves every filter by its norm.

    Returns:
        One row a direction and rise: direction, rise; loss0, f(0); left <= 0 and right >= 0, the closest alphas with
        f = f(0) + rise; half_width, half the distance between them, NaN unless both exist; reason, why it is NaN, else
        "".
    """
    if not rises or not all(0 < rise < math.inf for rise in rises):
        raise ConfigurationError(f"slices.rises is {list(rises)}; write positive numbers, such as 0.5.")
    given = block_loss(model, block, data, loss, forward)
    profile = _profile(*given.given)
    gradient, loss0 = profile.gradient(), profile.losses([0.0])[0]
    ascending = sorted(rises)
    unit = ascending[0]
    levels = [math.log1p(rise / unit) for rise in ascending]
    rows = []
    for index in range(directions):
        direction = _vector(given.model, given.block, seed, index, moved)
        profile.point_along(direction)
        left = right = [math.nan] * len(levels)
        if math.isfinite(loss0):
            slope = float(torch.nan_to_num(gradient @ direction.double())) / unit
            searches = [first_crossings(levels, side * slope, math.nan, 1.0, max_width, tolerance) for side in (-1, 1)]
            (left, right), _ = advance_both(searches, partial(_risen, profile, loss0, unit))
        for rise in rises:
            sides = {"left": -left[ascending.index(rise)], "right": right[ascending.index(rise)]}
            width = {
                "half_width": (sides["right"] - sides["left"]) / 2,
                "reason": _reason(sides, rise, loss0, max_width),
            }
            rows.append({"direction": index, "rise": rise, "loss0": loss0} | sides | width)
    return pd.DataFrame(rows)


def _risen(profile: ForwardProfile, loss0: float, unit: float, alphas: Sequence[float]) -> list[float]:
    """Compute (f(alpha) - f(0) + unit) / unit, which is 1 at 0."""
    return [1 + (value - loss0) / unit for value in profile.losses(alphas)]


def _reason(sides: dict[str, float], rise: float, loss0: float, max_width: float) -> str:
    if not math.isfinite(loss0):
        return "the loss at 0 is not finite"
    missing = " and ".join(side for side, crossing in sides.items() if math.isnan(crossing))
    return f"the loss does not rise by {rise:g} on the {missing} of 0 within {max_width:g}" if missing else ""


def _profile(
    model: nn.Module, block: Sequence[str], inputs: Inputs, targets: Tensor, loss: str | PerExampleLoss
) -> ForwardProfile:
    refuse_random_objective(model, inputs, targets, loss)
    return ForwardProfile(model, block, inputs, targets, loss)


def _vector(model: nn.Module, block: Sequence[str], seed: int, index: int, moved: Moved) -> Tensor:
    """Return a direction as one vector, (P,), in the order of the block."""
    direction = filter_normalised_direction(model, seed, index, moved)
    return torch.cat([direction[name].reshape(-1) for name in block])
