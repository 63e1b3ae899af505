"""Many steps of Algorithm 1 (paper D, section 3) in one compiled function.

The neurons lie along the last axis of an array, m of them and zeros up to ``width``, a multiple of 32, so that LLVM
makes SIMD instructions of each inner loop. Column r of theta, (d, width) float32, is w_r. A step takes one example, of
which only the entries other than zero count; the kept neurons whose w . x is positive give the output, and they alone
move. Products are float32, outputs float64.

Beside the steps stands what the proofs of section 5 are about, in a ``register``: losses of the network linearised
at W_t, g_t^(t)(U) = <grad g_t(W_t), U>, for competitors U = W_1 + lambda V, and the margin of V on the features of W_1.

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
# Of a register: the sum of the losses L_t(W_t); the smallest and the largest y_t <grad g_t(W_1), V>; and for each of L
# multiples lambda the sum and the largest of the losses L_t^(t)(W_1 + lambda V).
LOSS, SMALLEST, LARGEST, LINEARISED = 0, 1, 2, 3
_ZERO, _TWO = np.float32(0), np.float32(2)


class Algorithm1Network(NamedTuple):
    """One network, contiguous arrays; neurons that fill the width up have sign 0 and do not move."""

    theta: np.ndarray  # float32 (d, width), the columns w_r
    signs: np.ndarray  # float32 (width,), the a_r
    projected: np.ndarray  # bool (width,), which neurons the projection has moved so far
    most_active: np.ndarray  # int64 (1,), the most neurons that a mask has kept so far
    start: np.ndarray  # float32 (d, width), the columns w_r,1
    competitor: np.ndarray  # float32 (d, width), the columns of V, a_r psi(w_r,1) / sqrt(m)
    register: np.ndarray  # float64 (``LINEARISED`` + 2 L,), of all steps so far


class Algorithm1Options(NamedTuple):
    """What a step does."""

    neurons: int  # m, without what fills the width up
    keep_prob: float  # q, the probability that a neuron is kept
    learning_rate: float  # eta
    c: float  # radius of the ball onto which the w_r are projected
    mask_seed: np.uint64  # first state of the SplitMix64 generator of the masks
    multiples: np.ndarray  # float64 (L,), the lambda of the competitors


class Algorithm1Buffers(NamedTuple):
    """The arrays of a step."""

    values: np.ndarray  # (d,) float32, the example's entries other than zero
    rows: np.ndarray  # (d,) int64, where they are
    words: np.ndarray  # (width / 2,) uint64, draws of the mask
    mask: np.ndarray  # (width,) bool, True where a neuron is kept
    products: np.ndarray  # (width,) float32, w_r . x
    before: np.ndarray  # (width,) float32, w_r,1 . x
    gains: np.ndarray  # (width,) float32, v_r . x
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
        **{name: np.empty(width, np.float32) for name in ("products", "before", "gains", "deltas", "squares")},
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
def _linearise(start, competitor, signs, values, rows, mask, products, before, gains):
    """Write the w_r,1 . x and v_r . x; return <grad g(W), W_1>, <grad g(W), V> and <grad g(W_1), V> times sqrt(m)."""
    before[:] = _ZERO
    gains[:] = _ZERO
    for index in range(len(values)):
        value, initial, moved = values[index], start[rows[index]], competitor[rows[index]]
        for r in range(len(before)):
            before[r] += value * initial[r]
            gains[r] += value * moved[r]
    output = gained = margin = 0.0
    for r in range(len(before)):
        output += np.float64(signs[r] * before[r]) if mask[r] and products[r] > _ZERO else 0.0
        gained += np.float64(signs[r] * gains[r]) if mask[r] and products[r] > _ZERO else 0.0
        margin += np.float64(signs[r] * gains[r]) if mask[r] and before[r] > _ZERO else 0.0
    return output, gained, margin


@vectorised
def _loss(margin):
    """Compute the logistic loss."""
    return np.log1p(np.exp(-abs(margin))) + max(-margin, 0.0)


@vectorised
def _register(register, multiples, loss, margin, output, gained):
    """Take a step's loss, the margin on the features of W_1, and the linearised network's outputs times y."""
    register[LOSS] += loss
    register[SMALLEST] = min(register[SMALLEST], margin)
    register[LARGEST] = max(register[LARGEST], margin)
    for index in range(len(multiples)):
        linearised, at = _loss(output + multiples[index] * gained), LINEARISED + 2 * index
        register[at] += linearised
        register[at + 1] = max(register[at + 1], linearised)


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
        theta, signs, projected, most_active, start, competitor, register = network
        values, rows, words, mask, products, before, gains, deltas, squares, near = buffers
        draws = words.view(np.uint32)
        c, limit = options.c, np.float32(_NEAR * options.c * options.c)
        scale = 1 / np.sqrt(options.neurons)
        total = 0.0
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
            loss = _loss(margin)
            total += loss
            linear, gained, apart = _linearise(
                start, competitor, signs, values[:count], rows[:count], mask, products, before, gains
            )
            scaled = label * scale
            _register(register, options.multiples, loss, scaled * apart, scaled * linear, scaled * gained)
            move = np.float32(options.learning_rate * scale * label / (1 + np.exp(margin)))
            some = _move(
                theta, signs, values[:count], rows[:count], mask, products, deltas, squares, near, move, limit
            )  # fmt: skip
            if at == 0:  # the projection also takes rows that have not moved, and those only once
                near[:] = True
            if some or at == 0:
                _project(theta, near, squares, projected, c)
        return total

    def tested(network, buffers, inputs, labels, scale, keep_prob):
        _ = sources
        wrong_full = wrong_visited = 0
        loss_full = loss_visited = loss_small = 0.0
        for index in range(len(inputs)):
            count = _gather(inputs[index], buffers.values, buffers.rows)
            full, visited = _forward(
                network.theta, network.signs, buffers.values[:count], buffers.rows[:count], buffers.mask,
                buffers.products,
            )  # fmt: skip
            wrong_full += labels[index] * full < 0
            wrong_visited += labels[index] * visited < 0
            margin = labels[index] * scale * full
            loss_full += _loss(keep_prob * margin)
            loss_small += _loss(keep_prob * keep_prob * margin)
            loss_visited += _loss(labels[index] * scale * visited)
        return wrong_full, wrong_visited, loss_full, loss_visited, loss_small

    return cached(descend), cached(tested)


_descend, _tested = _compiled(SOURCES)


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


def tested(
    network: Algorithm1Network, mask: np.ndarray, keep_prob: float, inputs: np.ndarray, labels: np.ndarray
) -> tuple[float, ...]:
    """Test the full network q W and the sub-network of a mask, bool (m,), on inputs (n, d) with labels (n,), -1 or 1.

    Returns the shares of examples with y f(x) < 0 of the two; their mean losses; and that of q^2 W.
    """
    buffers = _buffers(network)
    buffers.mask[:] = False
    buffers.mask[: len(mask)] = mask
    found = _tested(network, buffers, inputs, labels, 1 / np.sqrt(len(mask)), keep_prob)
    return tuple(one / len(labels) for one in found)


def lengths(theta: np.ndarray, initial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute |w_r| and |w_r - w_r,1|, float64 (m,), from float32 (d, m)."""
    norms, distances = np.zeros((2, theta.shape[1]))
    for row, start in zip(theta, initial, strict=True):
        norms += np.square(row, dtype=np.float64)
        distances += np.square(np.subtract(row, start, dtype=np.float64))
    return np.sqrt(norms), np.sqrt(distances)
