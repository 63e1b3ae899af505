"""Distributions of labelled points on the unit sphere for which Assumption 1 of paper D holds with a known margin.

Assumption 1 asks for a psi with |psi(z)| <= 1 and E[y <psi(z), x> b 1{z . x >= 0}] >= gamma for almost all (x, y),
where z ~ N(0, I) and b ~ Bern(q); the x is missing in the paper's formula, but not in what follows it. Labels are -1
or 1.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dropscape.errors import ConfigurationError

_PRODUCTS = 2**22  # of neurons and examples at a time in ``attained_margin``


@dataclass(frozen=True)
class Distribution(ABC):
    """A distribution whose margin is known; refuses numbers that cannot work."""

    dimension: int  # d
    separation: float  # how far apart the classes are, between 0 and 1
    min_dimension: ClassVar[int]
    words: ClassVar[str]  # for figures

    def __post_init__(self):
        if self.dimension < self.min_dimension:
            raise ConfigurationError(f"data.dimension is {self.dimension}; write at least {self.min_dimension}.")
        if not 0 < self.separation < 1:
            raise ConfigurationError(f"data.separation is {self.separation}; write a number between 0 and 1.")

    @abstractmethod
    def draw(self, generator: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Draw independent points (count, d) and their labels (count,)."""

    @abstractmethod
    def margin(self, keep_prob: float) -> float:
        """Compute the gamma of Assumption 1 that ``competitor`` attains; ``keep_prob`` is the paper's q."""

    @abstractmethod
    def competitor(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute psi(z) for each row of z, (m, d)."""

    def attained_margin(self, weights: NDArray, keep_prob: float, inputs: NDArray, labels: NDArray) -> float:
        """Compute the minimum of E_B[y <grad g(W_1; x, B), V>] over examples, in float64.

        V has the rows a_r psi(w_r) / sqrt(m) (paper D, after Assumption 1), so that this is the mean over the neurons
        of q y <psi(w_r), x> 1{w_r . x > 0}; as m grows it approaches gamma. ``weights`` are W_1, (m, d), ``keep_prob``
        is q, and the inputs (n, d) have the labels (n,), -1 or 1.
        """
        weights = weights.astype(np.float64)
        competitor = self.competitor(weights)
        smallest = np.inf
        size = max(1, _PRODUCTS // len(weights))
        for start in range(0, len(inputs), size):
            chunk = slice(start, start + size)
            x, y = inputs[chunk].astype(np.float64), labels[chunk].astype(np.float64)
            gained = np.where(x @ weights.T > 0, x @ competitor.T, 0).mean(axis=1)
            smallest = min(smallest, float((keep_prob * y * gained).min()))
        return smallest


class Caps(Distribution):
    """Two opposite caps: x = y (t u + sqrt(1 - t^2) e), t uniform from ``separation`` to 1, e on the sphere beside u.

    With psi(z) = u the expectation is q y u . x / 2, because half of all z have z . x >= 0; its minimum is
    gamma = q separation / 2. No psi does better: of x and -x, which have opposite labels, every z has exactly one on
    its side, so that the mean of y x b 1{z . x >= 0} over the points with t = separation is q separation u / 2 for
    every z, and no psi(z) gains more from it than its length.
    """

    min_dimension = 2
    words = "two opposite caps of the sphere"

    def draw(self, generator: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Draw points whose u is the first axis."""
        labels = _labels(generator, count)
        t = generator.uniform(self.separation, 1, count)
        beside = np.sqrt(1 - t**2)[:, None] * _on_sphere(generator, count, self.dimension - 1)
        return (labels[:, None] * np.column_stack([t, beside])).astype(np.float32), labels

    def margin(self, keep_prob: float) -> float:
        """Compute the largest gamma for which Assumption 1 holds."""
        return keep_prob * self.separation / 2

    def competitor(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the direction u for every z."""
        return np.broadcast_to(np.eye(1, self.dimension), z.shape)


class Sectors(Distribution):
    """Four sectors that no linear classifier separates: x = (v, e) / sqrt(2), v on the circle, e on a sphere.

    The label is 1 where v is nearer to the first axis and -1 where it is nearer to the second; the angle to that axis
    is uniform where ||v_1| - |v_2|| is at least ``separation``. With psi(z) = (sgn z_1, -sgn z_2) / sqrt(2) and
    E[sgn(z_i) 1{z . x >= 0}] = arcsin(x_i) / pi (the orthant probability of two normals) the expectation is
    q y (h(x_1) - h(x_2)) / (sqrt(2) pi), h(s) = s arcsin(s), which is smallest where the sectors end.
    """

    min_dimension = 3
    words = "four sectors of the sphere"

    def draw(self, generator: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Draw points whose v lies in the plane of the first two axes."""
        labels = _labels(generator, count)
        angle = generator.uniform(-self._max_angle, self._max_angle, count)
        near, far = _labels(generator, count) * np.cos(angle), np.sin(angle)
        first, second = np.where(labels > 0, (near, far), (far, near))
        beside = _on_sphere(generator, count, self.dimension - 2)
        return (np.column_stack([first, second, beside]) / math.sqrt(2)).astype(np.float32), labels

    def margin(self, keep_prob: float) -> float:
        """Compute what this psi attains; another one may attain more."""
        near, far = (side(self._max_angle) / math.sqrt(2) for side in (math.cos, math.sin))
        return keep_prob * (near * math.asin(near) - far * math.asin(far)) / (math.sqrt(2) * math.pi)

    def competitor(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the corner of the square that z points to, the second coordinate reversed."""
        psi = np.zeros(z.shape)
        psi[:, :2] = np.sign(z[:, :2]) * [math.sqrt(0.5), -math.sqrt(0.5)]
        return psi

    @property
    def _max_angle(self) -> float:
        """The angle to the axis at which cos - sin is ``separation``."""
        return math.acos(self.separation / math.sqrt(2)) - math.pi / 4


DISTRIBUTIONS = {"caps": Caps, "sectors": Sectors}


def make_distribution(name: str, dimension: int, separation: float) -> Distribution:
    """Make the distribution of that name; raise a ``ConfigurationError`` where there is none."""
    if name not in DISTRIBUTIONS:
        raise ConfigurationError(f"data.distribution is '{name}'; write one of {', '.join(DISTRIBUTIONS)}.")
    return DISTRIBUTIONS[name](dimension, separation)


def _labels(generator: np.random.Generator, count: int) -> NDArray[np.float32]:
    return (2 * generator.integers(0, 2, count) - 1).astype(np.float32)


def _on_sphere(generator: np.random.Generator, count: int, dimension: int) -> NDArray[np.float64]:
    directions = generator.standard_normal((count, dimension))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)
