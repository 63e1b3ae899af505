"""Many steps of Algorithm 1 (paper D, section 3) in one compiled function, whose cost is its arithmetic.

Neurons are taken ``LANES`` to a block, and a block is (d, LANES) float32: row k holds weight k of its neurons. A step
takes one example, of which only the entries other than zero count, and goes over the blocks twice: forward for the
output of the sub-network, and backward for the neurons that are kept and whose w . x is positive, which alone move.
Outputs are summed in ``LANES`` float32 parts, and those in float64.

A neuron is projected when its exact norm (float64) is beyond c. That is looked at only where an estimate, which a step
moves along, comes near; it is made exact again every ``REFRESHED`` steps, in which rounding cannot move it so far.

The inner functions take addresses (``dropscape.numerics.lanes`` says why).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from dropscape.numerics.lanes import (
    ALL,
    LANES,
    STRIDE,
    Truths,
    address,
    below,
    fma,
    greatest,
    load,
    number,
    only,
    positive,
    splat,
    store,
    store_truths,
    total,
    truths_at,
)
from dropscape.subnetworks.compiled import SOURCES, cached

REFRESHED = 1024
_NEAR = 0.999  # of c^2
_ZERO, _TWO = np.float32(0), np.float32(2)
_FLOAT = 4  # bytes


@njit
def _gather(example, values, places):
    """The entries of an example other than zero, and where a block has their weights; gives how many they are."""
    count = 0
    for column in range(len(example)):
        if example[column] != _ZERO:
            values[count] = example[column]
            places[count] = column * LANES
            count += 1
    return count


@njit
def _draw(masks, state, threshold, blocks):
    """The mask of a step, a truth value for each neuron."""
    for block in range(blocks):
        store_truths(masks, block, below(state, threshold))
        state += STRIDE


@njit
def _forward(blocks, theta, size, signs, masks, values, places, count, products, active):
    """Sums of a_r relu(w_r . x) over all neurons and over those that are kept.

    Writes the products w_r . x, and which neurons are kept and have a positive one.
    """
    full = visited = splat(_ZERO)
    for block in range(blocks):
        z0 = z1 = z2 = z3 = splat(_ZERO)
        for index in range(0, count - 3, 4):
            z0 = fma(number(values, index), load(theta, places[index]), z0)
            z1 = fma(number(values, index + 1), load(theta, places[index + 1]), z1)
            z2 = fma(number(values, index + 2), load(theta, places[index + 2]), z2)
            z3 = fma(number(values, index + 3), load(theta, places[index + 3]), z3)
        for index in range(count - count % 4, count):
            z0 = fma(number(values, index), load(theta, places[index]), z0)
        z = (z0 + z1) + (z2 + z3)
        kept = truths_at(masks, block) & positive(z)
        out = load(signs, block * LANES)
        full = fma(out, greatest(z, splat(_ZERO)), full)
        visited = fma(out, only(kept, z), visited)
        store(products, block * LANES, z)
        store_truths(active, block, kept)
        theta += size * _FLOAT
    return total(full), total(visited)


@njit
def _backward(blocks, theta, size, signs, active, values, places, count, products, squares, move, length, near, beyond):
    """Move active neurons by ``move`` a_r x; gives whether one may have left the ball.

    Args:
        squares: estimates of |w_r|^2, moved along.
        length: |x|^2.
        near: the estimate from which on a neuron is written down as ``beyond``.
    """
    some = Truths(0)
    for block in range(blocks):
        moving = truths_at(active, block)
        outside = Truths(0)
        if moving:
            delta = only(moving, splat(move) * load(signs, block * LANES))
            for index in range(0, count - 3, 4):
                p0, p1, p2, p3 = places[index], places[index + 1], places[index + 2], places[index + 3]
                w0 = fma(number(values, index), delta, load(theta, p0))
                w1 = fma(number(values, index + 1), delta, load(theta, p1))
                w2 = fma(number(values, index + 2), delta, load(theta, p2))
                w3 = fma(number(values, index + 3), delta, load(theta, p3))
                store(theta, p0, w0)
                store(theta, p1, w1)
                store(theta, p2, w2)
                store(theta, p3, w3)
            for index in range(count - count % 4, count):
                place = places[index]
                store(theta, place, fma(number(values, index), delta, load(theta, place)))
            grown = fma(splat(length), delta, splat(_TWO) * load(products, block * LANES))
            square = fma(delta, grown, load(squares, block * LANES))
            store(squares, block * LANES, square)
            outside = positive(square - splat(near)) & moving
        store_truths(beyond, block, outside)
        some |= outside
        theta += size * _FLOAT
    return some != 0


@njit
def _project(theta, beyond, squares, projected, c):
    """Project the neurons of ``beyond`` that are beyond c onto the ball, and write down which they were."""
    blocks, d, _ = theta.shape
    for block in range(blocks):
        for lane in range(LANES):
            if not (beyond[block] >> Truths(lane)) & Truths(1):
                continue
            square = 0.0
            for column in range(d):
                square += np.float64(theta[block, column, lane]) ** 2
            if square > c * c:
                scale = np.float32(c / np.sqrt(square))
                for column in range(d):
                    theta[block, column, lane] *= scale
                projected[block, lane] = True
                square = c * c
            squares[block, lane] = np.float32(square)


@njit
def _measure(theta, squares):
    """Exact |w_r|^2."""
    blocks, d, _ = theta.shape
    for block in range(blocks):
        sums = np.zeros(LANES)
        for column in range(d):
            for lane in range(LANES):
                sums[lane] += np.float64(theta[block, column, lane]) ** 2
        for lane in range(LANES):
            squares[block, lane] = np.float32(sums[lane])


class Network(NamedTuple):
    """One network, contiguous arrays; neurons that only fill the last block up have sign 0 and stay where they are.

    Attributes:
        theta: float32 (blocks, d, LANES), the rows w_r.
        signs: float32 (blocks, LANES), the a_r.
        projected: bool (blocks, LANES), which neurons the projection has moved so far.
    """

    theta: np.ndarray
    signs: np.ndarray
    projected: np.ndarray


class Options(NamedTuple):
    """What a step does.

    Attributes:
        width: m, without what fills the last block up.
        keep_prob: q, the probability that a neuron is kept.
        learning_rate: eta.
        c: radius of the ball onto which rows are projected.
        mask_seed: uint64, first state of the SplitMix64 generator of the masks.
    """

    width: int
    keep_prob: float
    learning_rate: float
    c: float
    mask_seed: np.uint64


class _Work(NamedTuple):
    """Arrays of a step, made by the caller because compiled code frees an array whose address alone it still uses."""

    values: np.ndarray  # (d,)
    places: np.ndarray  # (d,) int64
    masks: np.ndarray  # (blocks,) Truths
    active: np.ndarray  # (blocks,) Truths
    beyond: np.ndarray  # (blocks,) Truths
    products: np.ndarray  # (blocks, LANES)
    squares: np.ndarray  # (blocks, LANES)


def _work(network: Network) -> _Work:
    blocks, d, _ = network.theta.shape
    truths = [np.full(blocks, ALL) for _ in range(3)]
    floats = [np.empty((blocks, LANES), np.float32) for _ in range(2)]
    return _Work(np.empty(d, np.float32), np.empty(d, np.int64), *truths, *floats)


def _compiled(sources: int) -> tuple[Callable, Callable, Callable]:
    def descend(network, work, options, inputs, labels, order, step, stop):
        _ = sources
        theta, signs, projected = network
        values, places, masks, active, beyond, products, squares = work
        width, keep_prob, learning_rate, c, mask_seed = options
        blocks, d, _ = theta.shape
        size = d * LANES
        draws = keep_prob < 1
        threshold = np.uint32(min(2.0**32 - 1, round(keep_prob * 2.0**32)))
        near = np.float32(_NEAR * c * c)
        scale = 1 / np.sqrt(width)
        loss = 0.0
        _measure(theta, squares)
        for position in range(stop - step):
            at = step + position
            if at % REFRESHED == 0:
                _measure(theta, squares)
            example, label = inputs[order[position]], labels[order[position]]
            count = _gather(example, values, places)
            length = _ZERO
            for index in range(count):
                length += values[index] * values[index]
            if draws:
                _draw(address(masks), mask_seed + np.uint64(at) * np.uint64(blocks) * STRIDE, threshold, blocks)
            _, output = _forward(
                blocks, address(theta), size, address(signs), address(masks), address(values), places, count,
                address(products), address(active),
            )  # fmt: skip
            margin = label * scale * output
            loss += np.log1p(np.exp(-abs(margin))) + max(-margin, 0.0)
            move = np.float32(learning_rate * scale * label / (1 + np.exp(margin)))
            some = _backward(
                blocks, address(theta), size, address(signs), address(active), address(values), places, count,
                address(products), address(squares), move, length, near, address(beyond),
            )  # fmt: skip
            if at == 0:  # the projection also takes rows that have not moved, and those only once
                beyond[:] = ALL
                some = True
            if some:
                _project(theta, beyond, squares, projected, c)
        return loss

    def misclassified(network, work, inputs, labels):
        _ = sources
        theta, signs, _ = network
        values, places, masks, active, _, products, _ = work
        blocks, d, _ = theta.shape
        wrong_full = wrong_visited = 0
        for index in range(len(inputs)):
            count = _gather(inputs[index], values, places)
            full, visited = _forward(
                blocks, address(theta), d * LANES, address(signs), address(masks), address(values), places, count,
                address(products), address(active),
            )  # fmt: skip
            wrong_full += labels[index] * full < 0
            wrong_visited += labels[index] * visited < 0
        return wrong_full, wrong_visited

    def lengths(theta, initial, norms, distances):
        _ = sources
        blocks, d, _ = theta.shape
        for block in range(blocks):
            for column in range(d):
                for lane in range(LANES):
                    value = np.float64(theta[block, column, lane])
                    norms[block, lane] += value**2
                    distances[block, lane] += (value - initial[block, column, lane]) ** 2

    return cached(descend), cached(misclassified), cached(lengths)


_descend, _misclassified, _lengths = _compiled(SOURCES)


def descend(
    network: Network,
    options: Options,
    inputs: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    step: int,
    stop: int,
) -> float:
    """Steps ``step`` to ``stop - 1`` (counted from 0), in place; other threads run meanwhile.

    The derivative of the ReLU at zero is taken to be 0, where the paper takes 1: the same unless w . x is exactly 0.

    Args:
        inputs: float32 (n, d), contiguous.
        labels: float32 (n,), -1 or 1.
        order: int64 (stop - step,), the example of each step.

    Returns:
        The sum of the steps' losses, in float64.
    """
    return _descend(network, _work(network), options, inputs, labels, order, step, stop)


def misclassified(network: Network, mask: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """How many examples have y f(x) < 0, for the full network and for the sub-network of a mask.

    Args:
        mask: bool (m,), True where a neuron is kept.
        inputs: float32 (n, d), contiguous.
        labels: float32 (n,), -1 or 1.
    """
    work = _work(network)
    padded = np.zeros(len(network.theta) * LANES, bool)
    padded[: len(mask)] = mask
    work.masks[:] = np.packbits(padded, bitorder="little").view("<u4")
    return _misclassified(network, work, inputs, labels)


def lengths(theta: np.ndarray, initial: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """|w_r| and |w_r - w_r,1| of the first ``width`` neurons, float64 (width,).

    Args:
        theta, initial: float32 (blocks, d, LANES).
        width: m.
    """
    norms, distances = np.zeros((2, len(theta), LANES))
    _lengths(theta, initial, norms, distances)
    return np.sqrt(norms.ravel()[:width]), np.sqrt(distances.ravel()[:width])
