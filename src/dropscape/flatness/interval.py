"""Measures interval flatness: how far one can go before the loss has doubled (paper A, Definition 2)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dropscape.curvature.eigenpairs import Spectrum
from dropscape.curvature.products import refuse_random_objective
from dropscape.errors import ConfigurationError
from dropscape.flatness.crossing import advance_both, first_crossings
from dropscape.flatness.profile import ForwardProfile, loss_profile
from dropscape.models.block import block_vector
from dropscape.models.block_loss import Block, Forward, block_loss
from dropscape.models.losses import PerExampleLoss
from dropscape.numerics.autograd_modes import as_measured


@dataclass(frozen=True, eq=False)
class IntervalFlatness:
    """Widths of the intervals in which the loss stays below factors of its value at theta, for K directions.

    All distances are in units of the direction's length, which is 1 in the paper.
    """

    factors: tuple[float, ...]
    left: NDArray[np.float64]  # (K, F): theta^l <= 0, NaN where undefined
    right: NDArray[np.float64]  # (K, F): theta^r >= 0, NaN where undefined
    width: NDArray[np.float64]  # (K, F): F_v = theta^r - theta^l, NaN where either side is undefined
    reasons: NDArray[np.str_]  # (K, F): why the width is NaN, "" where it is not
    loss0: float
    evaluations: int  # of the loss, over all directions, without the one at theta

    def __repr__(self) -> str:
        widths = ", ".join(f"{width:.3g}" for width in self.width[:3, 0])
        more = ", ..." if len(self.width) > 3 else ""
        return f"IntervalFlatness({len(self.width)} directions, loss {self.loss0:.4g}; widths {widths}{more})"

    def to_pandas(self) -> pd.DataFrame:
        """One row a direction and factor: index (from 1), factor, left, right, width, reason."""
        count, factors = self.width.shape
        columns = {name: getattr(self, name).ravel() for name in ("left", "right", "width")}
        return pd.DataFrame(
            {
                "index": np.repeat(np.arange(1, count + 1), factors),
                "factor": np.tile(self.factors, count),
                **columns,
                "reason": self.reasons.ravel(),
            }
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw the widths against the directions' indices; returns the axes."""
        from matplotlib import pyplot

        axes = axes or pyplot.figure().gca()
        for factor, table in self.to_pandas().groupby("factor"):
            axes.plot(table["index"], table["width"], ".", label=f"{factor:g} times the loss")
        axes.set(xlabel="direction", ylabel="interval flatness", yscale="log")
        axes.legend()
        return axes


@as_measured()
def interval_flatness(
    model: nn.Module,
    block: Block,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    *,
    directions: Tensor | Spectrum,
    forward: Forward | None = None,
    factors: Sequence[float] = (2.0,),
    floors: Sequence[float] | None = None,
    curvatures: Tensor | None = None,
    max_width: float = 1e6,
    tolerance: float = 1e-6,
    progress: Callable[..., None] | None = None,
) -> IntervalFlatness:
    """Measure F_v = theta^r - theta^l, from the closest points on either side with L(theta + d v) = factor L(theta).

    Paper A, section 3.5.1, Definition 2 and eq. 1 (factor 2; its remark says that others give the same picture).

    ``theta`` need not be a minimum and the loss need not be monotone: ``first_crossings`` says on what resolution
    "closest" rests. The factors share their loss values, and the two sides their passes over the examples.

    One dense layer of a FullyConnected, with or without its bias, takes the fast path of ``AffineProfile``; any other
    model and block one forward pass a loss value, from the block on where the model can be cut there. Losses are
    computed in the model's dtype, float32 at least, and averaged in float64; with a float32 model the widths agree with
    float64 to about 1e-6 relative, with a float64 model to ``tolerance``. The distances are float64.

    Args:
        model, block, data, loss, forward: as ``block_loss`` reads them. The model is at theta and is not changed.
        directions: (K, P), unit vectors in the order of ``block_vector``; any float dtype. Or a spectrum
            of the Hessian or the covariance, whose eigenvectors they then are.
        factors: multiples of the loss, above 1, in any order.
        floors: one for each factor, below L(theta): the ends are where L - floor is that multiple of L(theta) - floor.
            None: 0 for all. Label smoothing's entropy makes it the multiple of a divergence, whose smallest value is 0.
        curvatures: (K,), v^T H v where it is known; saves one loss value a side. It only guides the search.
        max_width: the search goes at most this far on each side.
        tolerance: relative tolerance of each crossing.
        progress: called with (directions done, K).

    Raises:
        ConfigurationError: an argument that does not fit, a factor not above 1, or directions of another length.
        RandomObjectiveError: the loss is not one fixed function of the parameters, for example active dropout.
    """
    model, block, inputs, targets, loss = block_loss(model, block, data, loss, forward).given
    refuse_random_objective(model, inputs, targets, loss)
    origin = block_vector(model, block)
    directions = torch.as_tensor(getattr(directions, "eigenvectors", directions), device=origin.device)
    if directions.ndim != 2 or directions.shape[1] != len(origin):
        raise ConfigurationError(
            f"directions have the shape {tuple(directions.shape)}; the block {', '.join(block)} has {len(origin)} "
            f"parameters: give directions of shape (K, {len(origin)}), in the order of block_vector."
        )
    if not bool(torch.isfinite(directions).all()):
        raise ConfigurationError("directions hold numbers that are not finite; leave these directions out.")
    _check_search(factors, floors, curvatures, max_width, tolerance, len(directions))
    floors = [0.0] * len(factors) if floors is None else floors
    gradient = ForwardProfile(model, block, inputs, targets, loss).gradient()
    profile = loss_profile(model, block, inputs, targets, loss)
    profile.point_along(torch.zeros_like(origin))
    loss0 = profile.losses([0.0])[0]

    shape = (len(directions), len(factors))
    left, right = np.full(shape, np.nan), np.full(shape, np.nan)
    reasons = np.full(shape, "", dtype=object)
    evaluations = 0
    if not (0 < loss0 < math.inf):
        reasons[:] = f"loss at the minimum is {'zero' if loss0 == 0 else 'not finite'}"
    else:
        # the multiples of the whole loss; of the search's common samples the lowest level is the first
        multiples = [factor - (factor - 1) * floor / loss0 for factor, floor in zip(factors, floors, strict=True)]
        reasons[:, np.less_equal(multiples, 1)] = "loss at the minimum is not above its floor"
        ascending = [i for i in np.argsort(multiples) if multiples[i] > 1]
        levels = [math.log(multiples[i]) for i in ascending]
        scale = origin.double().norm().item() or 1.0
        slopes = torch.nan_to_num(gradient @ directions.double().T / loss0)
        for k, direction in enumerate(directions.to(profile.dtype) if levels else ()):
            profile.point_along(direction)
            slope = float(slopes[k])
            curvature = math.nan if curvatures is None else float(curvatures[k]) / loss0
            searches = [
                first_crossings(levels, side * slope, curvature, scale, max_width, tolerance) for side in (-1, 1)
            ]
            (crossed_left, crossed_right), count = advance_both(
                searches, lambda distances: [value / loss0 for value in profile.losses(distances)]
            )
            left[k, ascending] = -np.array(crossed_left)
            right[k, ascending] = crossed_right
            evaluations += count
            if progress:
                progress(k + 1, len(directions))
        searched = reasons == ""
        no_left, no_right = searched & np.isnan(left), searched & np.isnan(right)
        reasons[no_left] = "no crossing on the left within max_width"
        reasons[no_right] = "no crossing on the right within max_width"
        reasons[no_left & no_right] = "no crossing on either side within max_width"
    return IntervalFlatness(
        factors=tuple(float(factor) for factor in factors),
        left=left,
        right=right,
        width=right - left,
        reasons=reasons.astype(str),
        loss0=loss0,
        evaluations=evaluations,
    )


def _check_search(
    factors: Sequence[float],
    floors: Sequence[float] | None,
    curvatures: Tensor | None,
    max_width: float,
    tolerance: float,
    directions: int,
) -> None:
    """Raise a ConfigurationError where the search's arguments do not fit."""
    numbers = isinstance(factors, Sequence | np.ndarray) and all(isinstance(factor, Real) for factor in factors)
    if not numbers or not len(factors) or not all(1 < factor < math.inf for factor in factors):
        raise ConfigurationError(
            f"flatness.factors is {factors!r}, but the loss rises from a minimum; write a list of numbers above 1, "
            "such as [2]."
        )
    if floors is not None and len(floors) != len(factors):
        raise ConfigurationError(
            f"floors are {len(floors)} numbers for {len(factors)} factors; write one for each factor."
        )
    if curvatures is not None and len(curvatures) != directions:
        raise ConfigurationError(
            f"curvatures are {len(curvatures)} numbers for {directions} directions; write one for each direction."
        )
    if not (max_width > 0 and 0 < tolerance < 1):
        raise ConfigurationError(
            f"max_width is {max_width} and tolerance {tolerance}; write a width above 0 and a tolerance between 0 "
            "and 1."
        )
