"""Many steps of training a two-layer network in one compiled function, whose cost is its arithmetic.

Neurons are taken ``LANES`` to a block, and a block holds what belongs to them together: parameters are
(blocks, d + 1 + k, LANES) float32, the rows of a block being the d input weights, the bias and the k output weights. A
step goes over the blocks twice: forward, which gives the outputs, and backward, which needs them and updates a block as
soon as its gradient is known. Products are float32, and so are the sums over the blocks, in ``LANES`` parts; what is
summed over the parts and over the examples is float64.

The inner functions take addresses (``dropscape.numerics.lanes`` says why).
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit

from dropscape.numerics import lanes, split_mix
from dropscape.numerics.lanes import (
    ALL,
    LANES,
    STRIDE,
    Truths,
    address,
    below,
    fma,
    load,
    number,
    only,
    positive,
    splat,
    square_root,
    store,
    store_truths,
    tanh,
    total,
    truths_at,
)
from dropscape.numerics.split_mix import shuffle

_ZERO, _ONE = np.float32(0), np.float32(1)
# Adam's coefficients are those of ``torch.optim.Adam``, Kingma and Ba (2015).
_BETA_1, _BETA_2 = 0.9, 0.999
_NEW_1, _NEW_2, _KEEP_2 = np.float32(1 - _BETA_1), np.float32(1 - _BETA_2), np.float32(_BETA_2)
_EPSILON = np.float32(1e-8)
_FLOAT = 4  # bytes


@njit
def _affine(theta, inputs, d, size, tile):
    """w_j . x_i + b_j of one block for all examples, (size, LANES), four examples at a time."""
    bias = load(theta, d * LANES)
    for index in range(0, size - 3, 4):
        z0 = z1 = z2 = z3 = bias
        for column in range(d):
            weight = load(theta, column * LANES)
            at = index * d + column
            z0 = fma(number(inputs, at), weight, z0)
            z1 = fma(number(inputs, at + d), weight, z1)
            z2 = fma(number(inputs, at + 2 * d), weight, z2)
            z3 = fma(number(inputs, at + 3 * d), weight, z3)
        store(tile, index * LANES, z0)
        store(tile, (index + 1) * LANES, z1)
        store(tile, (index + 2) * LANES, z2)
        store(tile, (index + 3) * LANES, z3)
    for index in range(size - size % 4, size):
        z = bias
        for column in range(d):
            z = fma(number(inputs, index * d + column), load(theta, column * LANES), z)
        store(tile, index * LANES, z)


@njit
def _forward(
    blocks, theta, inputs, size, d, k, tile, hidden, kept, sums, is_tanh, per_example, shared, threshold, state
):
    """Masked activations (blocks, size, LANES), which of them count, and their sums over the blocks (k, size, LANES).

    Args:
        per_example, shared: whether masks are drawn for every example or for all of them at once, from ``state`` on.
    """
    for index in range(size * k):
        store(sums, index * LANES, splat(_ZERO))
    mask = ALL
    for _ in range(blocks):
        weight, bias, outgoing = load(theta, 0), load(theta, d * LANES), load(theta, (d + 1) * LANES)
        if d > 1:
            _affine(theta, inputs, d, size, tile)
        if shared:
            mask = below(state, threshold)
            state += STRIDE
        for index in range(size):
            z = fma(number(inputs, index), weight, bias) if d == 1 else load(tile, index * LANES)
            if per_example:
                mask = below(state, threshold)
                state += STRIDE
            counts = mask
            if is_tanh:
                z = tanh(z)
            else:
                counts &= positive(z)
            h = only(counts, z)
            store(hidden, index * LANES, h)
            store_truths(kept, index, counts)
            if k == 1:
                store(sums, index * LANES, fma(outgoing, h, load(sums, index * LANES)))
        for output in range(k if k > 1 else 0):
            outgoing = load(theta, (d + 1 + output) * LANES)
            for index in range(size):
                at = (output * size + index) * LANES
                store(sums, at, fma(outgoing, load(hidden, index * LANES), load(sums, at)))
        theta += (d + 1 + k) * LANES * _FLOAT
        hidden += size * LANES * _FLOAT
        kept += size * (LANES // 8)


@njit
def _update(theta, moments, distance, at, gradient, adam, rate, correction):
    """One step of gradient descent or Adam for the parameters at ``at``.

    Args:
        moments: Adam's first moments; its second ones lie ``distance`` entries behind.
        rate: the learning rate, for Adam divided by 1 - beta_1^t.
        correction: (1 - beta_2^t)^(-1/2).
    """
    if adam:
        first = load(moments, at)
        first = fma(splat(_NEW_1), gradient - first, first)
        second = fma(splat(_NEW_2) * gradient, gradient, splat(_KEEP_2) * load(moments, at + distance))
        store(moments, at, first)
        store(moments, at + distance, second)
        gradient = first / fma(square_root(second), splat(correction), splat(_EPSILON))
    store(theta, at, fma(splat(-rate), gradient, load(theta, at)))


@njit
def _update_weights(theta, moments, distance, inputs, d, size, deltas, adam, rate, correction):
    """The input weights of one block, whose gradient is sum_i x_i delta_i, four columns at a time."""
    for column in range(0, d - 3, 4):
        w0 = w1 = w2 = w3 = splat(_ZERO)
        for index in range(size):
            delta = load(deltas, index * LANES)
            at = index * d + column
            w0 = fma(number(inputs, at), delta, w0)
            w1 = fma(number(inputs, at + 1), delta, w1)
            w2 = fma(number(inputs, at + 2), delta, w2)
            w3 = fma(number(inputs, at + 3), delta, w3)
        _update(theta, moments, distance, column * LANES, w0, adam, rate, correction)
        _update(theta, moments, distance, (column + 1) * LANES, w1, adam, rate, correction)
        _update(theta, moments, distance, (column + 2) * LANES, w2, adam, rate, correction)
        _update(theta, moments, distance, (column + 3) * LANES, w3, adam, rate, correction)
    for column in range(d - d % 4, d):
        weight = splat(_ZERO)
        for index in range(size):
            weight = fma(number(inputs, index * d + column), load(deltas, index * LANES), weight)
        _update(theta, moments, distance, column * LANES, weight, adam, rate, correction)


@njit
def _to_hidden(outgoing, errors, size, k, tile):
    """sum_o error_oi a_oj of one block for all examples, (size, LANES)."""
    for index in range(size):
        back = splat(_ZERO)
        for output in range(k):
            back = fma(number(errors, output * size + index), load(outgoing, output * LANES), back)
        store(tile, index * LANES, back)


@njit
def _backward(
    blocks,
    theta,
    moments,
    distance,
    inputs,
    errors,
    size,
    d,
    k,
    tile,
    hidden,
    kept,
    is_tanh,
    r1,
    adam,
    rate,
    correction,
):
    """Gradients and updates of every block; gives r1 sum_j |a_j|^2 sum_i h_ij^2."""
    with_r1 = r1 != _ZERO
    penalty = 0.0
    for _ in range(blocks):
        outgoing = theta + (d + 1) * LANES * _FLOAT
        strength = squares = splat(_ZERO)  # r1 |a_j|^2 and sum_i h_ij^2
        if with_r1:
            for output in range(k):
                a = load(outgoing, output * LANES)
                strength = fma(splat(r1) * a, a, strength)
        if k > 1:
            _to_hidden(outgoing, errors, size, k, tile)
        a = load(outgoing, 0)
        of_a = of_bias = of_weight = splat(_ZERO)
        for index in range(size):
            h = load(hidden, index * LANES)
            error = number(errors, index)
            of_a = fma(error, h, of_a)
            back = error * a if k == 1 else load(tile, index * LANES)
            if with_r1:
                back = fma(strength, h, back)
                squares = fma(h, h, squares)
            if is_tanh:
                back = back * fma(-h, h, splat(_ONE))
            back = only(truths_at(kept, index), back)
            of_bias = of_bias + back
            if d == 1:
                of_weight = fma(number(inputs, index), back, of_weight)
            else:
                store(tile, index * LANES, back)
        if with_r1:
            penalty += total(strength * squares)
        for output in range(k):
            if output > 0:
                of_a = splat(_ZERO)
                for index in range(size):
                    of_a = fma(number(errors, output * size + index), load(hidden, index * LANES), of_a)
            at = (d + 1 + output) * LANES
            if with_r1:
                of_a = fma(splat(r1) * load(theta, at), squares, of_a)
            _update(theta, moments, distance, at, of_a, adam, rate, correction)
        if d == 1:
            _update(theta, moments, distance, 0, of_weight, adam, rate, correction)
        else:
            _update_weights(theta, moments, distance, inputs, d, size, tile, adam, rate, correction)
        _update(theta, moments, distance, d * LANES, of_bias, adam, rate, correction)
        theta += (d + 1 + k) * LANES * _FLOAT
        moments += (d + 1 + k) * LANES * _FLOAT
        hidden += size * LANES * _FLOAT
        kept += size * (LANES // 8)
    return penalty


@njit
def _update_output_bias(output_bias, moments, output, gradient, adam, rate, correction):
    """The same step for one bias of the outputs."""
    if adam:
        moments[0, output] += _NEW_1 * (gradient - moments[0, output])
        moments[1, output] = _KEEP_2 * moments[1, output] + _NEW_2 * gradient * gradient
        gradient = moments[0, output] / (np.sqrt(moments[1, output]) * correction + _EPSILON)
    output_bias[output] -= rate * gradient


class Network(NamedTuple):
    """The parameters of one network and Adam's moments of them, contiguous float32 arrays.

    Attributes:
        theta: (blocks, d + 1 + k, LANES). Neurons that only fill the last block up are zero and stay so.
        moments: first and second, (2, blocks, d + 1 + k, LANES).
        output_bias: (k,).
        bias_moments: (2, k).
    """

    theta: np.ndarray
    moments: np.ndarray
    output_bias: np.ndarray
    bias_moments: np.ndarray


class Options(NamedTuple):
    """What a step does.

    Attributes:
        masked: whether the squared error has dropout; ``shared``: with one mask a step for all examples.
        with_r1: whether R_1 (paper B, eq. 4) is added, whose weight ``keep_prob`` decides.
        with_output_bias: whether the outputs' biases are trained.
        mask_seed, batch_seed: uint64, first states of the SplitMix64 generators of masks and batches.
    """

    is_tanh: bool
    keep_prob: float
    masked: bool
    shared: bool
    with_r1: bool
    adam: bool
    learning_rate: float
    with_output_bias: bool
    mask_seed: np.uint64
    batch_seed: np.uint64


class _Work(NamedTuple):
    """Arrays of a step, made by the caller because compiled code frees an array whose address alone it still uses."""

    x: np.ndarray  # (size, d), the examples of the step
    errors: np.ndarray  # (k, size)
    sums: np.ndarray  # (k, size, LANES)
    tile: np.ndarray  # (size, LANES)
    hidden: np.ndarray  # (blocks, size, LANES)
    kept: np.ndarray  # (blocks, size) of Truths


def _compiled(sources: int) -> Callable[..., tuple[int, float]]:
    """The compiled steps, which numba keeps in a file for the next process.

    It compiles anew when this file changes, and knows of no other. But it tells apart functions that close over
    different numbers, so ``sources`` is a digest of the other files that the machine code comes from.
    """

    def descend(network, work, options, inputs, targets, step, stop):
        _ = sources
        theta, moments, output_bias, bias_moments = network
        x, errors, sums, tile, hidden, kept = work
        is_tanh, keep_prob, masked, shared, with_r1, adam, learning_rate, with_output_bias, mask_seed, batch_seed = (
            options
        )
        (n, d), (k, size) = inputs.shape, errors.shape
        blocks = len(theta)
        order = np.arange(n)
        shuffled = -1
        draws = masked and keep_prob < 1
        per_example, shared = draws and not shared, draws and shared
        masks_of_step = np.uint64(blocks * (size if per_example else 1))
        threshold = np.uint32(min(2.0**32 - 1, round(keep_prob * 2.0**32)))
        scale = 1 / keep_prob if masked else 1.0
        r1 = np.float32((1 - keep_prob) / (keep_prob * size)) if with_r1 else _ZERO
        rate, correction = np.float32(learning_rate), _ONE
        objective = np.nan
        while step < stop:
            first = 0
            if size < n:
                epoch, first = step // (n // size), step % (n // size) * size
                if epoch != shuffled:
                    shuffle(order, batch_seed, epoch)
                    shuffled = epoch
                for index in range(size):
                    for column in range(d):
                        x[index, column] = inputs[order[first + index], column]
            state = mask_seed + np.uint64(step) * masks_of_step * STRIDE
            _forward(
                blocks, address(theta), address(x), size, d, k, address(tile), address(hidden), address(kept),
                address(sums), is_tanh, per_example, shared, threshold, state,
            )  # fmt: skip
            if adam:
                rate = np.float32(learning_rate / (1 - _BETA_1 ** (step + 1)))
                correction = np.float32(1 / np.sqrt(1 - _BETA_2 ** (step + 1)))
            risk = 0.0
            for output in range(k):
                gradient = 0.0
                for index in range(size):
                    error = scale * total(load(address(sums), (output * size + index) * LANES))
                    error += output_bias[output] - targets[order[first + index], output]
                    risk += error * error
                    gradient += error / size
                    errors[output, index] = scale * error / size
                if with_output_bias:
                    _update_output_bias(output_bias, bias_moments, output, np.float32(gradient), adam, rate, correction)
            penalty = _backward(
                blocks, address(theta), address(moments), theta.size, address(x), address(errors), size, d, k,
                address(tile), address(hidden), address(kept), is_tanh, r1, adam, rate, correction,
            )  # fmt: skip
            objective = risk / (2 * size) + penalty / 2
            step += 1
            if not np.isfinite(objective):
                break
        return step, objective

    try:
        return njit(nogil=True, cache=True)(descend)
    except RuntimeError:  # there is no folder that could be written to
        return njit(nogil=True)(descend)


_SOURCES = b"".join(Path(module.__file__).read_bytes() for module in (lanes, split_mix))
_descend = _compiled(int.from_bytes(sha256(_SOURCES).digest()[:6]))


def descend(
    network: Network,
    options: Options,
    inputs: np.ndarray,
    targets: np.ndarray,
    batch_size: int,
    step: int,
    stop: int,
) -> tuple[int, float]:
    """Steps ``step`` to ``stop - 1``, in place; other threads run meanwhile.

    Args:
        inputs: float32 (n, d), contiguous.
        targets: float32 (n, k), contiguous.
        batch_size: examples of a step, at most n. What an epoch's whole batches leave over is not used in it.

    Returns:
        The number of steps done, less than ``stop`` where the objective left the finite numbers, and the objective
        of the last one in float64 (NaN if there was none).
    """
    blocks, k = len(network.theta), targets.shape[1]
    work = _Work(
        x=inputs[:batch_size].copy(),
        errors=np.empty((k, batch_size), np.float32),
        sums=np.empty((k, batch_size, LANES), np.float32),
        tile=np.empty((batch_size, LANES), np.float32),
        hidden=np.empty((blocks, batch_size, LANES), np.float32),
        kept=np.empty((blocks, batch_size), Truths),
    )
    return _descend(network, work, options, inputs, targets, step, stop)
