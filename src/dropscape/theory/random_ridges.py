"""Random interpolants in the situations that paper B's Theorem 1 is about, float64."""

import itertools

import numpy as np
from numpy.typing import NDArray

from dropscape.numerics.seeds import numpy_generator
from dropscape.theory.moves import merging_moves
from dropscape.theory.ridges import Ridges, convexity_changes, least_convexity_changes

POINTS = (4, 8)
"""Fewest and most data points; four are needed for an inner interval."""
OUTSIDE = 1.0
"""Intercepts lie between the data points or at most so far outside them."""


def has_case_i(network: Ridges, x: NDArray) -> bool:
    """Whether the network has more convexity changes in (x_1, x_n) than its outputs need (case (i))."""
    return convexity_changes(network, x[0], x[-1]) > least_convexity_changes(network, x)


def has_case_ii(network: Ridges, x: NDArray) -> bool:
    """Whether two neurons of one direction have different intercepts in one inner interval (case (ii))."""
    return next(merging_moves(network, x), None) is not None


def random_ridges(seed: int, case: str, index: int) -> tuple[NDArray, Ridges]:
    """Random data points and a network; its outputs there are the targets, so R_S is 0 exactly.

    Gaps between the n data points are uniform in [0.5, 1.5]. There are n to 2n neurons (two in case ``ends``), each
    with its intercept anywhere in an interval between data points or outside of them; the moduli of weights are
    log-normal and of order 1, the linear term is normal. Networks are drawn until one is of the case.

    Args:
        seed: run seed.
        case: ``convexity`` (case (i) only), ``intercepts`` (case (ii) only), ``neither``, or ``ends``: two neurons of
            one direction, with opposite bends and the two ends of an inner interval for intercepts, and no other.
        index: which network of the case; independent draws for each.

    Returns:
        The sorted data points, shape (n,), and the network.
    """
    generator = numpy_generator(seed, "theory", f"ridges {case} {index}")
    x = np.cumsum(generator.uniform(0.5, 1.5, generator.integers(*POINTS, endpoint=True)))
    if case == "ends":
        return x, _at_the_ends(generator, x)
    while True:
        network = _between_the_points(generator, x, case)
        if (has_case_i(network, x), has_case_ii(network, x)) == (case == "convexity", case == "intercepts"):
            return x, network


def _at_the_ends(generator: np.random.Generator, x: NDArray) -> Ridges:
    first = generator.integers(1, len(x) - 2)
    direction, sign = generator.choice([-1.0, 1.0], size=2)
    # Input weights of modulus 1, so that the intercepts are exactly the data points.
    w = np.full(2, direction)
    a = sign * np.array([1.0, -1.0]) * generator.lognormal(0, 0.5, 2)
    slope, constant = generator.normal(size=2)
    return Ridges(a, w, -w * x[first : first + 2], float(slope), float(constant))


def _between_the_points(generator: np.random.Generator, x: NDArray, case: str) -> Ridges:
    """Case (ii) alone needs few convexity changes, and without it an interval has one neuron of a direction at most."""
    edges = np.concatenate([[x[0] - OUTSIDE], x, [x[-1] + OUTSIDE]])
    places = np.array(list(itertools.product(range(len(edges) - 1), (-1.0, 1.0))))
    neurons = generator.integers(len(x), 2 * len(x), endpoint=True)
    chosen = places[generator.choice(len(places), neurons, replace=case == "intercepts")]
    interval, directions = chosen[:, 0].astype(int), chosen[:, 1]
    intercepts = generator.uniform(edges[interval], edges[interval + 1])
    signs = generator.choice([-1.0, 1.0], neurons)
    if case != "convexity":
        turns = generator.uniform(edges[0], edges[-1], generator.integers(3))
        signs = signs[0] * (-1.0) ** (intercepts[:, None] > turns).sum(axis=1)
    w = directions * generator.lognormal(0, 0.5, neurons)
    a = signs * generator.lognormal(0, 0.5, neurons)
    slope, constant = generator.normal(size=2)
    return Ridges(a, w, -w * intercepts, float(slope), float(constant))
