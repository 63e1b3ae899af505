"""A convolution with max-pooling and ReLU, and its gradient, with the examples of a batch side by side.

``BLOCK`` examples lie along the last axis, the pixels of a row along the one before it. So a weight multiplies a whole
row of pixels of all the examples with one loop of SIMD instructions, and the next weight the row that starts one pixel
further on. A library spends several times as much on arranging such small convolutions.

Each pooled pixel is the maximum of four positions. The winner is the number of that position: the first of equal ones,
or ``NONE`` where the maximum is not positive. The gradient then goes to that position.
"""

from collections.abc import Callable

import numpy as np

from dropscape.numerics.compiled_loops import SOURCES, aligned_zeros, cached, vectorised

BLOCK = 32
KERNEL = 5
NONE = np.uint8(4)
_BORDER = (KERNEL - 1) * BLOCK
_ZERO = np.float32(0)


@vectorised
def _taps(weights, output, channel, ky):
    row = weights[output, channel, ky]
    return row[0], row[1], row[2], row[3], row[4]


@vectorised
def _later(winner, best, number, z):
    """Return the winner and its value after one more position; NaN wins and stays."""
    wins = z > best or z != z
    return (number if wins else winner), (z if wins else best)


@vectorised
def _forward(images, weights, biases, z, results, winners):
    """Fill ``results`` and ``winners``, (outputs, pooled, pooled, BLOCK), of one block.

    Images are (channels, side, side * BLOCK). ``z``, (2, 2 * pooled * BLOCK), is for two rows before the pooling.
    """
    outputs, pooled, _, _ = results.shape
    for output in range(outputs):
        for y in range(pooled):
            z[:] = biases[output]
            for half in range(2):
                for channel in range(len(images)):
                    for ky in range(KERNEL):
                        w0, w1, w2, w3, w4 = _taps(weights, output, channel, ky)
                        row = images[channel, 2 * y + half + ky]
                        for p in range(z.shape[1]):
                            left = w0 * row[p] + w1 * row[p + BLOCK]
                            right = w3 * row[p + 3 * BLOCK] + w4 * row[p + 4 * BLOCK]
                            z[half, p] += (left + right) + w2 * row[p + 2 * BLOCK]
            for x in range(pooled):
                for e in range(BLOCK):
                    p = 2 * x * BLOCK + e
                    winner, best = np.uint8(0), z[0, p]
                    winner, best = _later(winner, best, np.uint8(1), z[0, p + BLOCK])
                    winner, best = _later(winner, best, np.uint8(2), z[1, p])
                    winner, best = _later(winner, best, np.uint8(3), z[1, p + BLOCK])
                    results[output, y, x, e] = _ZERO if best <= _ZERO else best
                    winners[output, y, x, e] = NONE if best <= _ZERO else winner


@vectorised
def _backward(images, weights, gradient, winners, deltas, weight_gradient, bias_gradient, image_gradient, with_images):
    """Add the gradients of weights and biases, float64, and, where ``with_images``, images of one block.

    Shapes are as for ``_forward``. ``deltas``, (2 * pooled, 2 * pooled * BLOCK + 2 * _BORDER), is for the gradient
    before the pooling, and zero in the borders.
    """
    outputs, pooled, _, _ = gradient.shape
    length = 2 * pooled * BLOCK
    for output in range(outputs):
        total = _ZERO
        for y in range(pooled):
            for x in range(pooled):
                for e in range(BLOCK):
                    p, winner, delta = _BORDER + 2 * x * BLOCK + e, winners[output, y, x, e], gradient[output, y, x, e]
                    deltas[2 * y, p] = delta if winner == 0 else _ZERO
                    deltas[2 * y, p + BLOCK] = delta if winner == 1 else _ZERO
                    deltas[2 * y + 1, p] = delta if winner == 2 else _ZERO
                    deltas[2 * y + 1, p + BLOCK] = delta if winner == 3 else _ZERO
                    total += _ZERO if winner == NONE else delta
        bias_gradient[output] += total
        for channel in range(len(images)):
            for ky in range(KERNEL):
                t0 = t1 = t2 = t3 = t4 = _ZERO
                for y in range(2 * pooled):
                    row, delta = images[channel, y + ky], deltas[y]
                    for p in range(length):
                        d = delta[p + _BORDER]
                        t0 += d * row[p]
                        t1 += d * row[p + BLOCK]
                        t2 += d * row[p + 2 * BLOCK]
                        t3 += d * row[p + 3 * BLOCK]
                        t4 += d * row[p + 4 * BLOCK]
                weight_gradient[output, channel, ky, 0] += t0
                weight_gradient[output, channel, ky, 1] += t1
                weight_gradient[output, channel, ky, 2] += t2
                weight_gradient[output, channel, ky, 3] += t3
                weight_gradient[output, channel, ky, 4] += t4
                if with_images:
                    w0, w1, w2, w3, w4 = _taps(weights, output, channel, ky)
                    for y in range(2 * pooled):
                        row, delta = image_gradient[channel, y + ky], deltas[y]
                        for p in range(length + _BORDER):
                            left = w4 * delta[p] + w3 * delta[p + BLOCK]
                            right = w1 * delta[p + 3 * BLOCK] + w0 * delta[p + 4 * BLOCK]
                            row[p] += (left + right) + w2 * delta[p + 2 * BLOCK]


def _compiled(sources: int) -> tuple[Callable, Callable]:
    def forward(images, weights, biases, z, results, winners):
        _ = sources
        for block in range(len(images)):
            _forward(images[block], weights, biases, z, results[block], winners[block])

    def backward(
        images, weights, gradient, winners, deltas, weight_gradient, bias_gradient, image_gradient, with_images
    ):
        _ = sources
        for block in range(len(images)):
            _backward(
                images[block], weights, gradient[block], winners[block], deltas, weight_gradient, bias_gradient,
                image_gradient[block], with_images,
            )  # fmt: skip

    return cached(forward), cached(backward)


_forward_blocks, _backward_blocks = _compiled(SOURCES)


def forward(images: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the ReLU of the pooled convolution, and the winners that ``backward`` needs.

    Images are (blocks, channels, side, side, BLOCK), weights (outputs, channels, KERNEL, KERNEL), and the results
    (blocks, outputs, pooled, pooled, BLOCK), float32 and uint8.
    """
    pooled = (images.shape[2] - KERNEL + 1) // 2
    results = aligned_zeros(len(images), len(weights), pooled, pooled, BLOCK)
    winners = np.empty(results.shape, np.uint8)
    _forward_blocks(_rows(images), weights, biases, aligned_zeros(2, 2 * pooled * BLOCK), results, winners)
    return results, winners


def backward(
    images: np.ndarray,
    weights: np.ndarray,
    gradient: np.ndarray,
    winners: np.ndarray,
    image_gradient: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute gradients of weights and biases from that of the results of ``forward``, and the winners.

    That of the images is added to ``image_gradient`` if given.
    """
    weight_gradient, bias_gradient = np.zeros(weights.shape), np.zeros(len(weights))
    pooled, with_images = gradient.shape[2], image_gradient is not None
    deltas = aligned_zeros(2 * pooled, 2 * pooled * BLOCK + 2 * _BORDER)
    _backward_blocks(
        _rows(images), weights, gradient, winners, deltas, weight_gradient, bias_gradient,
        _rows(image_gradient if with_images else images), with_images,
    )  # fmt: skip
    return weight_gradient.astype(np.float32), bias_gradient.astype(np.float32)


def _rows(images: np.ndarray) -> np.ndarray:
    """Join the pixels of a row and the examples into one axis."""
    return images.reshape(*images.shape[:3], -1)
