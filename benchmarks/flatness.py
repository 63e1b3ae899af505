"""Interval flatness of many directions, against a loop of full forward passes with doubling and bisection.

The directions are principal directions of the mini-batch gradients, from the first to the last. Ours knows no
curvature in advance and pays for all it prepares. The naive loop is timed on a stated fraction of the directions,
spread evenly, and scaled.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import brentq
from torch import Tensor, nn

from benchmarks.harness import Row, Work, compare, error_row
from benchmarks.harness import threads as use_threads
from benchmarks.setup import Setup, trained_network
from dropscape.flatness.interval import interval_flatness

DIRECTIONS = 200
NAIVE_SHARE = 40
GROWTH_DIRECTIONS = 20
FIRST_STEP = 0.1
TOLERANCE = 1e-5


def principal_directions(setup: Setup, count: int, batches: int = 500) -> Tensor:
    """``count`` of the principal directions of the gradients of ``batches`` mini-batches, evenly spread, (count, P)."""
    weight = setup.model.layers[1].weight
    gradients = [
        torch.autograd.grad(F.cross_entropy(setup.model(x), y), weight)[0].flatten()
        for x, y in zip(setup.inputs.tensor_split(batches), setup.targets.tensor_split(batches), strict=True)
    ]
    _, _, directions = torch.linalg.svd(torch.stack(gradients), full_matrices=False)
    return directions[torch.linspace(0, batches - 1, count).long()].contiguous()


@torch.no_grad()
def forward_loss(
    model: nn.Module, setup: Setup, inputs: Tensor, origin: Tensor, step: Tensor, distance: float
) -> float:
    """The direction copied into the weight, a forward pass from the images, torch's cross-entropy."""
    model.layers[1].weight.copy_(origin + distance * step)
    return F.cross_entropy(model(inputs), setup.targets).item()


def naive(setup: Setup, directions: Tensor) -> Work:
    """Doubling from ``FIRST_STEP`` until the loss has doubled, bisection to a relative ``TOLERANCE``; widths (K,)."""
    model = copy.deepcopy(setup.model)
    origin = setup.model.layers[1].weight.detach()

    def crossing(step: Tensor, level: float) -> float:
        low, high = 0.0, FIRST_STEP
        while forward_loss(model, setup, setup.inputs, origin, step, high) < level:
            low, high = high, 2 * high
        while high - low > TOLERANCE * high:
            middle = (low + high) / 2
            if forward_loss(model, setup, setup.inputs, origin, step, middle) < level:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def work() -> np.ndarray:
        level = 2 * forward_loss(model, setup, setup.inputs, origin, torch.zeros_like(origin), 0.0)
        steps = directions.view(-1, *origin.shape)
        return np.array([crossing(step, level) + crossing(-step, level) for step in steps])

    return work


def ours(setup: Setup, directions: Tensor) -> Work:
    """Our widths, (K,), from the images."""
    return lambda: interval_flatness(
        setup.model, setup.block, (setup.inputs, setup.targets), directions=directions
    ).width[:, 0]


def float64_widths(setup: Setup, directions: Tensor, near: np.ndarray) -> np.ndarray:
    """Roots to 1e-10 from full forward passes in float64, (K,); ``near`` gives the width to look around."""
    model, inputs = copy.deepcopy(setup.model).double(), setup.inputs.double()
    origin = model.layers[1].weight.detach().clone()
    level = 2 * forward_loss(model, setup, inputs, origin, torch.zeros_like(origin), 0.0)
    widths = []
    for direction, width in zip(directions.double(), near, strict=True):
        step = direction.view_as(origin)
        widths.append(
            sum(
                brentq(
                    lambda t, v=side * step: forward_loss(model, setup, inputs, origin, v, t) - level,
                    0,
                    width,
                    rtol=1e-10,
                )
                for side in (-1, 1)
            )
        )
    return np.array(widths)


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """The promised ratio and accuracy at ``n`` examples, and the growth with n and with the block's width."""
    with use_threads(threads):
        setup = trained_network(n)
        directions = principal_directions(setup, DIRECTIONS)
        few = directions[::NAIVE_SHARE]
        measured = interval_flatness(setup.model, setup.block, (setup.inputs, setup.targets), directions=directions)
        widths = measured.width[::NAIVE_SHARE, 0]
        to_naive = np.abs(naive(setup, few)() / widths - 1).max()
        to_exact = np.abs(widths / float64_widths(setup, few, widths) - 1).max()
        table = compare(
            f"interval flatness, {DIRECTIONS} directions, n={n}, P=2500",
            ("affine in the step", ours(setup, directions)),
            {"full forward passes, bisection": naive(setup, few)},
            limits={"full forward passes, bisection": 40.0},
            scales={"full forward passes, bisection": float(NAIVE_SHARE)},
            note=(
                f"{measured.evaluations / DIRECTIONS:.1f} losses a direction, widths {np.nanmin(measured.width):.2g} "
                f"to {np.nanmax(measured.width):.2g}, within {to_naive:.1e} of the peer's"
            ),
        )
        table.append(
            error_row(
                f"interval flatness, largest relative error of a width, n={n}",
                "affine in the step, float32",
                to_exact,
                "promised",
                TOLERANCE,
                f"to float64 roots of full forward passes, {len(few)} directions",
            )
        )
        for size, width in ((1_000, 50), (4_000, 50), (20_000, 50), (40_000, 50), (n, 100), (n, 200)):
            grown = trained_network(size, width=width)
            directions = principal_directions(grown, GROWTH_DIRECTIONS)
            table += compare(
                f"interval flatness, {GROWTH_DIRECTIONS} directions, n={size}, P={width**2}",
                ("affine in the step", ours(grown, directions)),
                {"full forward passes, bisection": naive(grown, directions[GROWTH_DIRECTIONS // 2 :][:1])},
                scales={"full forward passes, bisection": float(GROWTH_DIRECTIONS)},
                note="growth",
            )
        return table
