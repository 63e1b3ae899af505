"""Many steps of Algorithm 1 (paper D, section 3) in one compiled function.

The neurons lie along the last axis of an array, m of them and zeros up to ``width``, a multiple of 32, so that LLVM
makes SIMD instructions of each inner loop. Column r of theta, (d, width) float32, is w_r. A step takes one example, of
which only the entries other than zero count; the kept neurons whose w . x is positive give the output, and they alone
move. Products are float32, outputs float64.

A neuron is projected when its exact norm (float64) is beyond c. That is looked at only where an estimate, which a step
moves along, comes near; it is made exact again every ``REFRESHED`` steps, in which rounding cannot move it so far.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dropscape.numerics.compiled_loops import SOURCES, cached, vectorised
from dropscape.numerics.split_mix import DRAW_STEP, GOLDEN, fill, largest_kept_draw

REFRESHED = 1024
_NEAR = 0.999  # of c^2
_ZERO, _TWO = np.float32(0), np.float32(2)


class Algorithm1Network(NamedTuple):
    """One network, contiguous arrays; neurons that fill the width up have sign 0 and do not move."""

    theta: np.ndarray  # float32 (d, width), the columns w_r
    signs: np.ndarray  # float32 (width,), the a_r
    projected: np.ndarray  # bool (width,), which neurons the projection has moved so far
    most_active: np.ndarray  # int64 (1,), the most neurons that a mask has kept so far


class Algorithm1Options(NamedTuple):
    """What a step does."""

    neurons: int  # m, without what fills the width up
    keep_prob: float  # q, the probability that a neuron is kept
    learning_rate: float  # eta
    c: float  # radius of the ball onto which the w_r are projected
    mask_seed: np.uint64  # first state of the SplitMix64 generator of the masks


class Algorithm1Buffers(NamedTuple):
    """The arrays of a step."""

    values: np.ndarray  # (d,) float32, the example's entries other than zero
    rows: np.ndarray  # (d,) int64, where they are
    words: np.ndarray  # (width / 2,) uint64, draws of the mask
    mask: np.ndarray  # (width,) bool, True where a neuron is kept
    products: np.ndarray  # (width,) float32, w_r . x
    deltas: np.ndarray  # (width,) float32, w_r moves by this multiple of x
    squares: np.ndarray  # (width,) float32, estimates of |w_r|^2
    near: np.ndarray  # (width,) bool, which neurons may have left the ball


def _buffers(network: Algorithm1Network) -> Algorithm1Buffers:
    d, width = network.theta.shape
    return Algorithm1Buffers(
        values=np.empty(d, np.float32),
        rows=np.empty(d, np.int64),
        words=np.empty(width // 2, np.uint64),
        mask=np.empty(width, bool),
        **{name: np.empty(width, np.float32) for name in ("products", "deltas", "squares")},
        near=np.empty(width, bool),
    )


@vectorised
def _gather(example, values, rows):
    """Write the entries of an example other than zero and where they are; return how many there are."""
    count = 0
    for row in range(len(example)):
        if example[row] != _ZERO:
            values[count] = example[row]
            rows[count] = row
            count += 1
    return count


@vectorised
def _forward(theta, signs, values, rows, mask, products):
    """Write the w_r . x; return the sums of a_r relu(w_r . x) over all neurons and over those of the mask."""
    products[:] = _ZERO
    for index in range(len(values)):
        value, weights = values[index], theta[rows[index]]
        for r in range(len(products)):
            products[r] += value * weights[r]
    full = visited = 0.0
    for r in range(len(products)):
        output = np.float64(signs[r] * (_ZERO if products[r] <= _ZERO else products[r]))
        full += output
        visited += output if mask[r] else 0.0
    return full, visited


@vectorised
def _move(theta, signs, values, rows, mask, products, deltas, squares, near, move, limit):
    """Move active neurons by ``move`` a_r x, and their estimates; return how many are beyond ``limit``."""
    length, count = _ZERO, 0
    for index in range(len(values)):
        length += values[index] * values[index]
    for r in range(len(deltas)):
        delta = move * signs[r] if mask[r] and products[r] > _ZERO else _ZERO
        deltas[r] = delta
        squares[r] += delta * (_TWO * products[r] + length * delta)
        near[r] = delta != _ZERO and squares[r] > limit
        count += near[r]
    for index in range(len(values)):
        value, weights = values[index], theta[rows[index]]
        for r in range(len(deltas)):
            weights[r] += value * deltas[r]
    return count


@vectorised
def _project(theta, near, squares, projected, c):
    """Project the neurons of ``near`` that are beyond c onto the ball, and record which they were."""
    d, width = theta.shape
    for r in range(width):
        if near[r]:
            square = 0.0
            for row in range(d):
                square += np.float64(theta[row, r]) ** 2
            if square > c * c:
                scale = np.float32(c / np.sqrt(square))
                for row in range(d):
                    theta[row, r] *= scale
                projected[r] = True
                square = c * c
            squares[r] = square


@vectorised
def _measure(theta, squares):
    """Write the |w_r|^2, summed in float64."""
    exact = np.zeros(len(squares))
    for row in range(len(theta)):
        for r in range(len(squares)):
            exact[r] += np.float64(theta[row, r]) ** 2
    squares[:] = exact


def _compiled(sources: int) -> tuple[Callable, Callable]:
    def descend(network, buffers, options, largest_draw, inputs, labels, order, step, stop):
        _ = sources
        theta, signs, projected, most_active = network
        values, rows, words, mask, products, deltas, squares, near = buffers
        draws = words.view(np.uint32)
        c, limit = options.c, np.float32(_NEAR * options.c * options.c)
        scale = 1 / np.sqrt(options.neurons)
        loss = 0.0
        _measure(theta, squares)
        for at in range(step, stop):
            if at % REFRESHED == 0:
                _measure(theta, squares)
            example, label = inputs[order[at - step]], labels[order[at - step]]
            count = _gather(example, values, rows)
            fill(words, options.mask_seed + np.uint64(at) * DRAW_STEP + GOLDEN)
            active = 0
            for r in range(options.neurons):
                active += draws[r] <= largest_draw
            most_active[0] = max(most_active[0], active)
            for r in range(len(mask)):
                mask[r] = draws[r] <= largest_draw
            _, output = _forward(theta, signs, values[:count], rows[:count], mask, products)
            margin = label * scale * output
            loss += np.log1p(np.exp(-abs(margin))) + max(-margin, 0.0)
            move = np.float32(options.learning_rate * scale * label / (1 + np.exp(margin)))
            some = _move(
                theta, signs, values[:count], rows[:count], mask, products, deltas, squares, near, move, limit
            )  # fmt: skip
            if at == 0:  # the projection also takes rows that have not moved, and those only once
                near[:] = True
            if some or at == 0:
                _project(theta, near, squares, projected, c)
        return loss

    def misclassified(network, buffers, inputs, labels):
        _ = sources
        wrong_full = wrong_visited = 0
        for index in range(len(inputs)):
            count = _gather(inputs[index], buffers.values, buffers.rows)
            full, visited = _forward(
                network.theta, network.signs, buffers.values[:count], buffers.rows[:count], buffers.mask,
                buffers.products,
            )  # fmt: skip
            wrong_full += labels[index] * full < 0
            wrong_visited += labels[index] * visited < 0
        return wrong_full, wrong_visited

    return cached(descend), cached(misclassified)


_descend, _misclassified = _compiled(SOURCES)


def descend(
    network: Algorithm1Network,
    options: Algorithm1Options,
    inputs: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    step: int,
    stop: int,
) -> float:
    """Take the steps ``step`` to ``stop - 1`` (counted from 0), in place; other threads run meanwhile.

    The derivative of the ReLU at zero is taken to be 0, where the paper takes 1: the same unless w . x is exactly 0.

    Inputs are float32 (n, d), contiguous, labels float32 (n,), -1 or 1; ``order``, int64 (stop - step,), has the
    example of each step. Returns the sum of the steps' losses, in float64.
    """
    largest_draw = largest_kept_draw(options.keep_prob)
    return _descend(network, _buffers(network), options, largest_draw, inputs, labels, order, step, stop)


def misclassified(
    network: Algorithm1Network, mask: np.ndarray, inputs: np.ndarray, labels: np.ndarray
) -> tuple[int, int]:
    """Count the examples with y f(x) < 0, for the full network and for the sub-network of a mask, bool (m,)."""
    buffers = _buffers(network)
    buffers.mask[:] = False
    buffers.mask[: len(mask)] = mask
    return _misclassified(network, buffers, inputs, labels)


def lengths(theta: np.ndarray, initial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute |w_r| and |w_r - w_r,1|, float64 (m,), from float32 (d, m)."""
    norms, distances = np.zeros((2, theta.shape[1]))
    for row, start in zip(theta, initial, strict=True):
        norms += np.square(row, dtype=np.float64)
        distances += np.square(np.subtract(row, start, dtype=np.float64))
    return np.sqrt(norms), np.sqrt(distances)
