"""Random interpolants in the situations that paper B's Theorem 1 is about, float64."""

import itertools

import numpy as np
from numpy.typing import NDArray

from dropscape.numerics.seeds import numpy_generator
from dropscape.theory.perturbations import case_ii_perturbations
from dropscape.theory.relu_network_1d import ReluNetwork1d, convexity_changes, min_convexity_changes

POINTS = (4, 8)  # fewest and most data points; four are needed for an inner interval
OUTSIDE = 1.0  # intercepts lie between the data points or at most so far outside them


def random_relu_network_1d(seed: int, case: str, index: int) -> tuple[NDArray, ReluNetwork1d]:
    """Random sorted data points (n,) and a network, whose outputs there are the targets, so that R_S is 0.

    Gaps between the n data points are uniform in [0.5, 1.5]. There are n to 2n neurons, each with
    its intercept anywhere in an interval between data points or outside of them; the moduli of weights are
    log-normal and of order 1, the linear term is normal. Networks are drawn until one is of the case, which the column
    ``case`` of ``dropscape.theory.tables.perturbations`` describes; each index of a case has independent draws.
    """
    generator = numpy_generator(seed, "theory", f"ridges {case} {index}")
    x = np.cumsum(generator.uniform(0.5, 1.5, generator.integers(*POINTS, endpoint=True)))
    while True:
        network = _between_the_points(generator, x, case)
        case_i = convexity_changes(network, x[0], x[-1]) > min_convexity_changes(network, x)
        case_ii = next(case_ii_perturbations(network, x), None) is not None
        if (case_i, case_ii) == (case == "convexity", case == "intercepts"):
            return x, network


def _between_the_points(generator: np.random.Generator, x: NDArray, case: str) -> ReluNetwork1d:
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
    return ReluNetwork1d(a, w, -w * intercepts, float(slope), float(constant))
