"""A convolution with max-pooling and ReLU, and its gradient, with the examples of a batch side by side.

``LANES`` examples are one block, and an image is (channels, side, side, LANES) float32: a step of a convolution is one
weight times the same pixel of all of them, so that nothing is moved or masked and the cost is the arithmetic. What a
library pays to arrange so small convolutions costs it several times as much.

The four positions that a pooled pixel is the maximum of are computed together, and which one it was is kept as truth
values: the first of equal ones, none where the maximum is not positive. The gradient then goes to that position.

The inner functions take addresses (``dropscape.numerics.lanes`` says why).
"""

from collections.abc import Callable

import numpy as np
import torch
from numba import njit

from dropscape.numerics.lanes import (
    LANES,
    Truths,
    address,
    fma,
    greatest,
    load,
    number,
    only,
    positive,
    splat,
    store,
    store_truths,
    truths_at,
)
from dropscape.subnetworks.compiled import SOURCES, cached

KERNEL = 5
_TAPS = KERNEL * KERNEL
_ZERO = np.float32(0)


@njit
def _forward(images, side, channels, weights, biases, outputs, pooled, results, winners):
    """Of one block: pooled activations (outputs, pooled, pooled, LANES) and their winners, four truths each."""
    row = side * LANES
    place = 0
    for output in range(outputs):
        for y in range(pooled):
            for x in range(pooled):
                z0 = z1 = z2 = z3 = number(biases, output)
                weight = output * channels * _TAPS
                for channel in range(channels):
                    for ky in range(KERNEL):
                        at = ((channel * side + 2 * y + ky) * side + 2 * x) * LANES
                        for _ in range(KERNEL):
                            w = number(weights, weight)
                            z0 = fma(w, load(images, at), z0)
                            z1 = fma(w, load(images, at + LANES), z1)
                            z2 = fma(w, load(images, at + row), z2)
                            z3 = fma(w, load(images, at + row + LANES), z3)
                            at += LANES
                            weight += 1
                best = greatest(greatest(z0, z1), greatest(z2, z3))
                store(results, place * LANES, greatest(splat(_ZERO), best))  # in this order NaN stays NaN
                left = positive(best)
                won = left & ~positive(best - z0)
                store_truths(winners, 4 * place, won)
                left &= ~won
                won = left & ~positive(best - z1)
                store_truths(winners, 4 * place + 1, won)
                left &= ~won
                won = left & ~positive(best - z2)
                store_truths(winners, 4 * place + 2, won)
                store_truths(winners, 4 * place + 3, left & ~won)
                place += 1


@njit
def _spread(delta, base, side, channels, weights, weight, of_images):
    """Add one position's gradient to the pixels that it was computed from.

    One position after the other: a pixel that is read right after it was written would have to be waited for.
    """
    for channel in range(channels):
        for ky in range(KERNEL):
            at = base + (channel * side + ky) * side * LANES
            for _ in range(KERNEL):
                store(of_images, at, fma(number(weights, weight), delta, load(of_images, at)))
                at += LANES
                weight += 1


@njit
def _backward(
    images, side, channels, weights, outputs, pooled, gradient, winners, of_weights, of_biases, of_images, spreads
):
    """Of one block: add the gradients of weights (taps, LANES), biases (LANES) and, where ``spreads``, images."""
    row = side * LANES
    place = 0
    for output in range(outputs):
        of_bias = load(of_biases, output * LANES)
        first = output * channels * _TAPS
        for y in range(pooled):
            for x in range(pooled):
                whole = load(gradient, place * LANES)
                d0 = only(truths_at(winners, 4 * place), whole)
                d1 = only(truths_at(winners, 4 * place + 1), whole)
                d2 = only(truths_at(winners, 4 * place + 2), whole)
                d3 = only(truths_at(winners, 4 * place + 3), whole)
                of_bias = of_bias + ((d0 + d1) + (d2 + d3))
                base = (2 * y * side + 2 * x) * LANES
                weight = first
                for channel in range(channels):
                    for ky in range(KERNEL):
                        at = base + (channel * side + ky) * side * LANES
                        for _ in range(KERNEL):
                            total = load(of_weights, weight * LANES)
                            total = fma(d0, load(images, at), total)
                            total = fma(d1, load(images, at + LANES), total)
                            total = fma(d2, load(images, at + row), total)
                            total = fma(d3, load(images, at + row + LANES), total)
                            store(of_weights, weight * LANES, total)
                            at += LANES
                            weight += 1
                if spreads:
                    _spread(d0, base, side, channels, weights, first, of_images)
                    _spread(d1, base + LANES, side, channels, weights, first, of_images)
                    _spread(d2, base + row, side, channels, weights, first, of_images)
                    _spread(d3, base + row + LANES, side, channels, weights, first, of_images)
                place += 1
        store(of_biases, output * LANES, of_bias)


def _compiled(sources: int) -> tuple[Callable, Callable]:
    def forward(images, weights, biases, results, winners):
        _ = sources
        blocks, channels, side, _, _ = images.shape
        for block in range(blocks):
            _forward(
                address(images[block]), side, channels, address(weights), address(biases), len(weights),
                results.shape[2], address(results[block]), address(winners[block]),
            )  # fmt: skip

    def backward(images, weights, gradient, winners, of_weights, of_biases, of_images, spreads):
        _ = sources
        blocks, channels, side, _, _ = images.shape
        for block in range(blocks):
            _backward(
                address(images[block]), side, channels, address(weights), len(weights), gradient.shape[2],
                address(gradient[block]), address(winners[block]), address(of_weights), address(of_biases),
                address(of_images[block]), spreads,
            )  # fmt: skip

    return cached(forward), cached(backward)


_forward_blocks, _backward_blocks = _compiled(SOURCES)


def zeros(*shape: int) -> np.ndarray:
    """Float32 zeros that begin where torch's do, at a cache line: no register is loaded from two of them."""
    return torch.zeros(shape).numpy()


def forward(images: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ReLU of the pooled convolution, and the winners that ``backward`` needs.

    Args:
        images: (blocks, channels, side, side, LANES).
        weights: (outputs, channels, KERNEL, KERNEL).
        biases: (outputs,).

    Returns:
        (blocks, outputs, pooled, pooled, LANES), and truths (blocks, outputs, pooled, pooled, 4).
    """
    pooled = (images.shape[2] - KERNEL + 1) // 2
    results = zeros(len(images), len(weights), pooled, pooled, LANES)
    winners = np.empty((*results.shape[:-1], 4), Truths)
    _forward_blocks(images, weights, biases, results, winners)
    return results, winners


def backward(
    images: np.ndarray, weights: np.ndarray, gradient: np.ndarray, winners: np.ndarray, of_images: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of weights and biases; that of the images is added to ``of_images`` if given.

    Args:
        images, weights: as of ``forward``.
        gradient: of its results, of their shape.
        winners: that it gave.
        of_images: of the shape of the images.
    """
    of_weights = zeros(*weights.shape, LANES)
    of_biases = zeros(len(weights), LANES)
    spreads = of_images is not None
    _backward_blocks(
        images, weights, gradient, winners, of_weights, of_biases, of_images if spreads else images, spreads
    )
    return tuple(parts.sum(axis=-1, dtype=np.float64).astype(np.float32) for parts in (of_weights, of_biases))
