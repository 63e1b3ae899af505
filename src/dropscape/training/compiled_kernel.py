"""Many steps of training a two-layer network in one compiled function.

The neurons lie along the last axis of an array, m of them and zeros up to ``width``, a multiple of 32, so that LLVM
makes SIMD instructions of each inner loop. Parameters are (d + 1 + k, width): the rows are the d input weights, the
bias and the k output weights of each neuron. Products and sums are float32; outputs, their errors
and the objective float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dropscape.numerics.compiled_loops import SOURCES, aligned_zeros, cached, vectorised
from dropscape.numerics.fast_tanh import tanh
from dropscape.numerics.split_mix import DRAW_STEP, GOLDEN, fill, largest_kept_draw, shuffle

_ZERO, _ONE = np.float32(0), np.float32(1)
# Adam's coefficients are those of ``torch.optim.Adam``, Kingma and Ba (2015).
_BETA_1, _BETA_2 = 0.9, 0.999
_NEW_1, _NEW_2, _KEEP_2 = np.float32(1 - _BETA_1), np.float32(1 - _BETA_2), np.float32(_BETA_2)
_EPSILON = np.float32(1e-8)


class KernelNetwork(NamedTuple):
    """The parameters of one network and Adam's moments of them, contiguous float32 arrays."""

    theta: np.ndarray  # (d + 1 + k, width); beyond the neurons it is zero and stays so
    moments: np.ndarray  # first and second, (2, d + 1 + k, width)
    output_bias: np.ndarray  # (k,)
    bias_moments: np.ndarray  # (2, k)


class StepOptions(NamedTuple):
    """What a step does."""

    is_tanh: bool
    keep_prob: float
    masked: bool  # whether the squared error has dropout
    shared: bool  # whether all examples of a step have one mask
    with_r1: bool  # whether R_1 (paper B, eq. 4) is added, whose weight ``keep_prob`` decides
    adam: bool
    learning_rate: float
    with_output_bias: bool  # whether the outputs' biases are trained
    mask_seed: np.uint64  # first state of the SplitMix64 generator of masks
    mask_words: int  # its outputs for one example
    batch_seed: np.uint64  # and of that of batches


class Buffers(NamedTuple):
    """The arrays of a step, float32 where nothing else is said."""

    x: np.ndarray  # (size, d), the examples of the step
    hidden: np.ndarray  # (size, width), h_ij
    deltas: np.ndarray  # (size, width), after ``_forward`` dh_ij / dz_ij, after ``_backward`` dL / dz_ij
    outputs: np.ndarray  # (k, size) float64, sum_j a_oj h_ij
    errors: np.ndarray  # (k, size), the loss's derivatives by them
    gradient: np.ndarray  # (d + 1 + k, width)
    bias_gradient: np.ndarray  # (k,)
    hidden_gradient: np.ndarray  # (width,), the loss's derivatives by one example's h_j
    strengths: np.ndarray  # (width,), r1 |a_j|^2
    squares: np.ndarray  # (width,), sum_i h_ij^2
    words: np.ndarray  # (width / 2,) uint64, draws of one example's mask


@vectorised
def _forward(theta, buffers, is_tanh, draws_masks, state, stride, limit):
    """Fill ``hidden``, ``deltas`` and ``outputs``; the mask of example i is drawn from ``state`` + i ``stride``."""
    x, hidden, deltas, outputs, words = buffers.x, buffers.hidden, buffers.deltas, buffers.outputs, buffers.words
    (size, d), width = x.shape, theta.shape[1]
    draws = words.view(np.uint32)
    for i in range(size):
        if draws_masks:
            fill(words, state + np.uint64(i) * stride)
        for j in range(width):
            hidden[i, j] = theta[d, j]
        for column in range(d):
            for j in range(width):
                hidden[i, j] += x[i, column] * theta[column, j]
        if is_tanh:
            for j in range(width):
                h, counts = tanh(hidden[i, j]), draws[j] <= limit
                hidden[i, j] = h if counts else _ZERO
                deltas[i, j] = _ONE - h * h if counts else _ZERO
        else:
            for j in range(width):
                counts = draws[j] <= limit and not hidden[i, j] <= _ZERO  # NaN goes through
                hidden[i, j] = hidden[i, j] if counts else _ZERO
                deltas[i, j] = _ONE if counts else _ZERO
        for output in range(len(outputs)):
            total = 0.0
            for j in range(width):
                total += np.float64(theta[d + 1 + output, j] * hidden[i, j])
            outputs[output, i] = total


@vectorised
def _add_r1(outgoing, r1, hidden, strengths, squares, gradient):
    """Start ``gradient`` with that of R_1 = r1 / 2 sum_j |a_j|^2 sum_i h_ij^2 by the a_j; return 2 R_1."""
    strengths[:] = _ZERO
    squares[:] = _ZERO
    (k, width), total = outgoing.shape, 0.0
    for output in range(k):
        for j in range(width):
            strengths[j] += r1 * outgoing[output, j] * outgoing[output, j]
    for i in range(len(hidden)):
        for j in range(width):
            squares[j] += hidden[i, j] * hidden[i, j]
    for output in range(k):
        for j in range(width):
            gradient[output, j] = r1 * outgoing[output, j] * squares[j]
    for j in range(width):
        total += np.float64(strengths[j] * squares[j])
    return total


@vectorised
def _backward(theta, buffers, r1):
    """Fill ``gradient`` and ``deltas``; return 2 R_1."""
    x, hidden, deltas, hidden_gradient = buffers.x, buffers.hidden, buffers.deltas, buffers.hidden_gradient
    errors, gradient, strengths = buffers.errors, buffers.gradient, buffers.strengths
    (size, d), width = x.shape, theta.shape[1]
    outgoing, penalty = theta[d + 1 :], 0.0
    gradient[:] = _ZERO
    if r1 != _ZERO:
        penalty = _add_r1(outgoing, r1, hidden, strengths, buffers.squares, gradient[d + 1 :])
    for i in range(size):
        for j in range(width):
            hidden_gradient[j] = strengths[j] * hidden[i, j]
        for output in range(len(errors)):
            for j in range(width):
                hidden_gradient[j] += errors[output, i] * outgoing[output, j]
                gradient[d + 1 + output, j] += errors[output, i] * hidden[i, j]
        for j in range(width):
            deltas[i, j] *= hidden_gradient[j]
            gradient[d, j] += deltas[i, j]
        for column in range(d):
            for j in range(width):
                gradient[column, j] += x[i, column] * deltas[i, j]
    return penalty


@vectorised
def _update(values, gradient, moments, adam, rate, correction):
    """Take a step of gradient descent or Adam, for which ``rate`` is divided by 1 - beta_1^t.

    ``correction`` is (1 - beta_2^t)^(-1/2).
    """
    if adam:
        for n in range(len(values)):
            moments[0, n] += _NEW_1 * (gradient[n] - moments[0, n])
            moments[1, n] = _KEEP_2 * moments[1, n] + _NEW_2 * gradient[n] * gradient[n]
            values[n] -= rate * moments[0, n] / (np.sqrt(moments[1, n]) * correction + _EPSILON)
    else:
        for n in range(len(values)):
            values[n] -= rate * gradient[n]


def _compiled(sources: int) -> Callable[..., tuple[int, float]]:
    def descend(network, buffers, options, limit, inputs, targets, step, stop):
        _ = sources
        theta, moments, output_bias, bias_moments = network
        x, errors, outputs = buffers.x, buffers.errors, buffers.outputs
        n, (k, size) = len(inputs), errors.shape
        keep_prob, adam = options.keep_prob, options.adam
        parameters, gradient, all_moments = theta.ravel(), buffers.gradient.ravel(), moments.reshape(2, theta.size)
        order = np.arange(n)
        shuffled = -1
        draws_masks = options.masked and keep_prob < 1
        buffers.words[:] = np.uint64(0)
        buffers.strengths[:] = _ZERO
        stride = np.uint64(0 if options.shared else options.mask_words) * GOLDEN
        scale = 1 / keep_prob if options.masked else 1.0
        r1 = np.float32((1 - keep_prob) / (keep_prob * size)) if options.with_r1 else _ZERO
        rate, correction = np.float32(options.learning_rate), _ONE
        objective = np.nan
        while step < stop:
            first = 0
            if size < n:
                epoch, first = step // (n // size), step % (n // size) * size
                if epoch != shuffled:
                    shuffle(order, options.batch_seed, epoch)
                    shuffled = epoch
                for i in range(size):
                    x[i] = inputs[order[first + i]]
            state = options.mask_seed + np.uint64(step) * DRAW_STEP + GOLDEN
            _forward(theta, buffers, options.is_tanh, draws_masks, state, stride, limit)
            risk = 0.0
            for output in range(k):
                total = 0.0
                for i in range(size):
                    error = scale * outputs[output, i] + output_bias[output] - targets[order[first + i], output]
                    risk += error * error
                    total += error / size
                    errors[output, i] = scale * error / size
                buffers.bias_gradient[output] = total
            penalty = _backward(theta, buffers, r1)
            if adam:
                rate = np.float32(options.learning_rate / (1 - _BETA_1 ** (step + 1)))
                correction = np.float32(1 / np.sqrt(1 - _BETA_2 ** (step + 1)))
            _update(parameters, gradient, all_moments, adam, rate, correction)
            if options.with_output_bias:
                _update(output_bias, buffers.bias_gradient, bias_moments, adam, rate, correction)
            objective = risk / (2 * size) + penalty / 2
            step += 1
            if not np.isfinite(objective):
                break
        return step, objective

    return cached(descend)


_descend = _compiled(SOURCES)


def descend(
    network: KernelNetwork,
    options: StepOptions,
    inputs: np.ndarray,
    targets: np.ndarray,
    batch_size: int,
    step: int,
    stop: int,
) -> tuple[int, float]:
    """Take the steps ``step`` to ``stop - 1``, in place; other threads run meanwhile.

    Inputs and targets are float32 (n, d) and (n, k), contiguous; ``batch_size``, the examples of a step, is at most n.
    What an epoch's whole batches leave over is not used in it. Returns the number of steps done, less than ``stop``
    where the objective left the finite numbers, and the objective of the last one in float64 (NaN if there was none).
    """
    (rows, width), k = network.theta.shape, targets.shape[1]
    buffers = Buffers(
        x=inputs[:batch_size].copy(),
        hidden=aligned_zeros(batch_size, width),
        deltas=aligned_zeros(batch_size, width),
        outputs=np.empty((k, batch_size)),
        errors=np.empty((k, batch_size), np.float32),
        gradient=aligned_zeros(rows, width),
        bias_gradient=np.empty(k, np.float32),
        hidden_gradient=aligned_zeros(width),
        strengths=aligned_zeros(width),
        squares=aligned_zeros(width),
        words=np.zeros(width // 2, np.uint64),
    )
    limit = largest_kept_draw(options.keep_prob)
    return _descend(network, buffers, options, limit, inputs, targets, step, stop)
