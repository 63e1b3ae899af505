"""Derivatives by central differences in float64, with how far they may be off."""

from collections.abc import Callable

import torch
from torch import Tensor

# Steps as shares of the point's length: where a function has kinks only a small one crosses none.
STEPS = (1e-5, 1e-7, 1e-8, 1e-9)
# A step is small enough where the next one changes the derivative by no more than this share.
SETTLED = 1e-4


def derivative_along(
    function: Callable[[Tensor], Tensor],
    origin: Tensor,
    vector: Tensor,
    scale: float | None = None,
    expected: Tensor | None = None,
) -> tuple[Tensor, float]:
    """Compute the derivative of a function of theta (P,) at ``origin`` along ``vector`` (P,), all float64.

    Args:
        function: theta to a tensor of any shape; its values are in float64.
        origin, vector: (P,); the steps are shares of the origin's length.
        scale: size of a derivative against which it has to settle; None: its own.
        expected: a derivative that was found another way. A step that gives it but for a share of ``SETTLED`` is the
            last one, because two ways do not agree by chance; how far off it is then is that distance.

    Returns:
        The derivative, and how far it may be off: twice the change between one step and the next smaller one, because
        at a kink, or where the function rounds to float32, it is the smaller step that is off; and rounding. Infinite
        if no two steps gave numbers.
    """
    length = float(origin.norm()) or 1.0
    best, least, before = origin.new_zeros(()), float("inf"), None
    for share in STEPS:
        step = share * length / (float(vector.norm()) or 1.0)
        after, back = function(origin + step * vector), function(origin - step * vector)
        change = (after - back) / (2 * step)
        if expected is not None:
            distance = float((change - expected).norm())
            if distance <= SETTLED * float(expected.norm()):
                return change, distance
        rounding = float(after.norm() + back.norm()) * torch.finfo(torch.float64).eps / step
        if before is not None:
            off = 2 * float((change - before).norm()) + rounding
            if off < least:
                best, least = change, off
            if least <= SETTLED * (float(change.norm()) if scale is None else scale):
                break
        before = change
    return best, least
