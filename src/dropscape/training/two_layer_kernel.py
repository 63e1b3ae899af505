"""Many steps of training a two-layer network in one compiled function, whose cost is its arithmetic.

The neurons lie sixteen to a block, and a block holds what belongs to them together: parameters are
(blocks, d + 1 + k, 16) float32, the rows of a block being the d input weights, the bias and the k output weights. A
step goes over the blocks twice: forward, which gives the outputs, and backward, which needs them and updates the
block while it is in registers. Sums over the neurons are float32 in 16 lanes and then float64.
"""

import numpy as np
from numba import njit

from dropscape.numerics.lanes import (
    ALL,
    LANES,
    SPLIT_MIX,
    below,
    fma,
    load,
    positive,
    splat,
    square_root,
    store,
    tanh,
    total,
    where,
)

_ZERO, _ONE = np.float32(0), np.float32(1)
_BETA_1, _BETA_2 = 0.9, 0.999
_KEEP_1, _NEW_1 = np.float32(_BETA_1), np.float32(1 - _BETA_1)
_KEEP_2, _NEW_2 = np.float32(_BETA_2), np.float32(1 - _BETA_2)
_EPSILON = np.float32(1e-8)
_GOLDEN = np.uint64(SPLIT_MIX[0])
_MIX_1, _MIX_2 = np.uint64(SPLIT_MIX[1]), np.uint64(SPLIT_MIX[2])
_WORDS = np.uint64(LANES // 2)  # outputs of the generator for the masks of one block


@njit
def _output(seed, index):
    """Output number ``index`` of the SplitMix64 generator that starts at ``seed``."""
    value = seed + (index + np.uint64(1)) * _GOLDEN
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


@njit
def shuffle(order, seed, epoch):
    """Write the permutation of an epoch: a Fisher-Yates shuffle with the epoch's own stretch of a generator."""
    count = len(order)
    for place in range(count):
        order[place] = place
    first = np.uint64(epoch) * np.uint64(count)
    for place in range(count - 1, 0, -1):
        other = np.int64(_output(seed, first + np.uint64(place)) % np.uint64(place + 1))
        order[place], order[other] = order[other], order[place]


@njit
def _forward(theta, inputs, order, first, size, hidden, kept, sums, k, is_tanh, draws, shared, threshold, seed, step):
    """Activations (blocks, size, 16), which of them count, and the sums over the neurons (size, k, 16) per lane."""
    d = inputs.shape[1]
    rows = d + 1 + k
    blocks = len(theta) // (rows * LANES)
    for index in range(size * k):
        store(sums, index * LANES, splat(_ZERO))
    masks_of_step = np.uint64(blocks) if shared else np.uint64(blocks) * np.uint64(draws)
    drawn = np.uint64(step) * masks_of_step * _WORDS
    for block in range(blocks):
        base = block * rows * LANES
        bits = ALL
        if draws and shared:
            bits = below(seed + (drawn + np.uint64(block) * _WORDS) * _GOLDEN, threshold)
        for index in range(size):
            x = order[first + index]
            z = load(theta, base + d * LANES)
            for column in range(d):
                z = fma(splat(inputs[x, column]), load(theta, base + column * LANES), z)
            if draws and not shared:
                number = np.uint64(block) * np.uint64(draws) + np.uint64(index)
                bits = below(seed + (drawn + number * _WORDS) * _GOLDEN, threshold)
            own = bits
            if is_tanh:
                h = tanh(z)
            else:
                own = np.uint16(bits & positive(z))
                h = where(positive(z), z, splat(_ZERO))
            place = block * size + index
            store(hidden, place * LANES, h)
            kept[place] = own
            for output in range(k):
                a = load(theta, base + (d + 1 + output) * LANES)
                at = (index * k + output) * LANES
                so_far = load(sums, at)
                store(sums, at, where(own, fma(a, h, so_far), so_far))


@njit
def _update(theta, moment_1, moment_2, at, gradient, adam, rate, correction_2):
    """One step of gradient descent or Adam for the sixteen parameters at ``at``."""
    if adam:
        first = fma(splat(_NEW_1), gradient - load(moment_1, at), load(moment_1, at))
        second = fma(splat(_NEW_2) * gradient, gradient, splat(_KEEP_2) * load(moment_2, at))
        store(moment_1, at, first)
        store(moment_2, at, second)
        direction = first / fma(square_root(second), splat(correction_2), splat(_EPSILON))
    else:
        direction = gradient
    store(theta, at, fma(splat(-rate), direction, load(theta, at)))


@njit
def _backward(
    theta, moment_1, moment_2, inputs, order, first, size, hidden, kept, errors, deltas, k, is_tanh, r1, adam, rate, c2
):
    """Gradients and updates of every block; gives sum_j |a_j|^2 sum_i h_ij^2 where ``r1``, R_1's weight, is not 0."""
    d = inputs.shape[1]
    rows = d + 1 + k
    blocks = len(theta) // (rows * LANES)
    penalty = 0.0
    for block in range(blocks):
        base = block * rows * LANES
        outgoing = base + (d + 1) * LANES
        strength = splat(_ZERO)  # |a_j|^2
        squares = splat(_ZERO)  # sum_i h_ij^2
        if r1 != _ZERO:
            for output in range(k):
                a = load(theta, outgoing + output * LANES)
                strength = fma(a, a, strength)
        of_bias = splat(_ZERO)
        for index in range(size):
            place = block * size + index
            h = load(hidden, place * LANES)
            back = splat(_ZERO)
            for output in range(k):
                back = fma(splat(errors[index, output]), load(theta, outgoing + output * LANES), back)
            if r1 != _ZERO:
                back = fma(splat(r1) * strength, h, back)
                squares = fma(h, h, squares)
            if is_tanh:
                back = fma(-h * h, back, back)
            back = where(kept[place], back, splat(_ZERO))
            store(deltas, index * LANES, back)
            of_bias = of_bias + back
        if r1 != _ZERO:
            penalty += total(strength * squares)
        for output in range(k):
            gradient = splat(_ZERO)
            for index in range(size):
                place = block * size + index
                more = fma(splat(errors[index, output]), load(hidden, place * LANES), gradient)
                gradient = where(kept[place], more, gradient)
            at = outgoing + output * LANES
            if r1 != _ZERO:
                gradient = fma(splat(r1) * load(theta, at), squares, gradient)
            _update(theta, moment_1, moment_2, at, gradient, adam, rate, c2)
        for column in range(d):
            gradient = splat(_ZERO)
            for index in range(size):
                x = order[first + index]
                gradient = fma(splat(inputs[x, column]), load(deltas, index * LANES), gradient)
            _update(theta, moment_1, moment_2, base + column * LANES, gradient, adam, rate, c2)
        _update(theta, moment_1, moment_2, base + d * LANES, of_bias, adam, rate, c2)
    return penalty


@njit(nogil=True)
def descend(
    theta,
    moment_1,
    moment_2,
    output_bias,
    bias_moments,
    inputs,
    targets,
    batch_size,
    step,
    stop,
    is_tanh,
    keep_prob,
    masked,
    shared,
    with_r1,
    adam,
    learning_rate,
    train_output_bias,
    mask_seed,
    batch_seed,
):
    """Steps ``step`` to ``stop - 1`` of one network, in place.

    Args:
        theta: float32 (blocks * (d + 1 + k) * 16,), the layout of the module's docstring, flat.
        moment_1, moment_2: Adam's averages, like ``theta``; not touched without ``adam``.
        output_bias: float32 (k,). ``bias_moments`` float32 (2, k).
        inputs: float32 (n, d). ``targets`` float32 (n, k).
        batch_size: examples of a step, at most n. What an epoch's whole batches leave over is not used in it.
        masked: whether the data term has dropout; ``shared``: one mask a step for all examples.
        with_r1: whether R_1(theta), with ``keep_prob``, is added.
        mask_seed, batch_seed: uint64 states of the generators of masks and batches.

    Returns:
        The number of steps done, less than ``stop`` where the objective left the finite numbers, and the objective
        of the last one in float64 (NaN if there was none).
    """
    n, k = targets.shape
    size = batch_size
    lanes = len(theta) // (inputs.shape[1] + 1 + k)
    hidden = np.empty(lanes * batch_size, np.float32)
    kept = np.empty(lanes // LANES * batch_size, np.uint16)
    sums = np.empty(batch_size * k * LANES, np.float32)
    deltas = np.empty(batch_size * LANES, np.float32)
    errors = np.empty((batch_size, k), np.float32)
    order = np.arange(n)
    batches = n // batch_size
    shuffled = -1
    draws = batch_size if masked and keep_prob < 1 else 0
    threshold = np.uint32(min(2.0**32 - 1, round(keep_prob * 2.0**32)))
    scale = 1 / keep_prob if masked else 1.0
    objective = np.nan
    while step < stop:
        first = 0
        if batch_size < n:
            epoch = step // batches
            first = (step % batches) * batch_size
            if epoch != shuffled:
                shuffle(order, batch_seed, epoch)
                shuffled = epoch
        _forward(
            theta, inputs, order, first, size, hidden, kept, sums, k, is_tanh, draws, shared, threshold, mask_seed, step
        )
        risk = 0.0
        for index in range(size):
            for output in range(k):
                summed = total(load(sums, (index * k + output) * LANES))
                error = scale * summed + output_bias[output] - targets[order[first + index], output]
                risk += error * error
                errors[index, output] = np.float32(error / size)
        objective = risk / (2 * size)
        rate, c2 = np.float32(learning_rate), _ONE
        if adam:
            rate = np.float32(learning_rate / (1 - _BETA_1 ** (step + 1)))
            c2 = np.float32(1 / np.sqrt(1 - _BETA_2 ** (step + 1)))
        if train_output_bias:
            for output in range(k):
                gradient = _ZERO
                for index in range(size):
                    gradient += errors[index, output]
                if adam:
                    average = bias_moments[0, output] + _NEW_1 * (gradient - bias_moments[0, output])
                    square = _KEEP_2 * bias_moments[1, output] + _NEW_2 * gradient * gradient
                    bias_moments[0, output], bias_moments[1, output] = average, square
                    gradient = average / (np.sqrt(square) * c2 + _EPSILON)
                output_bias[output] -= rate * gradient
        for index in range(size):
            for output in range(k):
                errors[index, output] *= np.float32(scale)
        r1 = np.float32((1 - keep_prob) / (keep_prob * size)) if with_r1 else _ZERO
        penalty = _backward(
            theta,
            moment_1,
            moment_2,
            inputs,
            order,
            first,
            size,
            hidden,
            kept,
            errors,
            deltas,
            k,
            is_tanh,
            r1,
            adam,
            rate,
            c2,
        )
        objective += r1 * penalty / 2
        step += 1
        if not np.isfinite(objective):
            break
    return step, objective
