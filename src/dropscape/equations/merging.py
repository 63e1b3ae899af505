"""How gradient descent on L_S merges with dropout as the learning rate falls (paper C, section 6)."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dropscape.equations.activations import activation_called
from dropscape.equations.inputs import EquationInputs
from dropscape.equations.matrices_along import exact, exact_sample
from dropscape.equations.modified_loss import hessian_product, modified_gradient, modified_loss
from dropscape.equations.network import Parameters, Sample, forward, gradient, two_layers
from dropscape.equations.noise import dropout_gradient, mask_coefficients
from dropscape.equations.simulation import Simulation

BATCHES = 10  # of trials, each of which has random numbers and a mean of its own


class Point(NamedTuple):
    """Trials that have one start, one mean and random numbers of their own."""

    index: int  # of the seed
    keep_prob: float
    learning_rate: float
    batch: int


def merging_points(settings: Mapping[str, Any]) -> list[Point]:
    """Every batch of trials at every keep probability of the runs and every learning rate that is asked for."""
    keep_probs = sorted({point["keep_prob"] for point in settings["runs"].values()})
    rates = settings["matrices"]["merging_rates"]
    return [Point(*point) for point in product(range(len(settings["seeds"])), keep_probs, rates, range(BATCHES))]


def merging(point: Point, settings: Mapping[str, Any], inputs: EquationInputs) -> Iterator[dict[str, float]]:
    """Rows of keep_prob, learning_rate, seed, batch, step, and ``loss_gaps`` as means over the trials of a batch.

    The trials of a seed have its first one's start; gap is the difference to descent on L_S, risk_gap that to descent
    on R_S, in units of the experiment's loss.
    """
    asked, trials, seed = settings["matrices"], settings["trials"], settings["seeds"][point.index]
    first = exact(two_layers(inputs.start(settings["seeds"], trials)))
    start = Parameters(*(value[point.index * trials : point.index * trials + 1] for value in first))
    simulation = Simulation(
        activation=settings["model"]["activation"],
        keep_prob=point.keep_prob,
        learning_rate=inputs.scale * point.learning_rate,
        steps=round(asked["merging_time"] / point.learning_rate),
        history=(),
        seeds=(seed,),
        purpose=f"merging/{point.batch}",
        method="dropout",
    )
    key = {name: getattr(point, name) for name in ("keep_prob", "learning_rate")} | {"seed": seed, "batch": point.batch}
    gaps_along = loss_gaps(simulation, start, exact_sample(inputs), asked["merging_trials"] // BATCHES)
    for step, gaps in enumerate(gaps_along, 1):
        gap, risk_gap = (inputs.scale * float(one.mean()) for one in gaps)
        yield key | {"step": step, "gap": gap, "risk_gap": risk_gap}


def loss_gaps(
    simulation: Simulation, start: Parameters, sample: Sample, trials: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """After each step L_S along dropout minus L_S along gradient descent on L_S, and on R_S, (T,) each, from one start.

    What the noise does to first order is taken off each trial: a linear function of it whose expectation is 0
    (``dropscape.equations.responses``), so that the mean over the trials estimates E L_S(theta_N) - L_S(descent), with
    far less noise. By E R_S^drop(theta; delta) = L_S(theta) it is the difference of the losses that section 6 compares.
    """
    activation, keep_prob = activation_called(simulation.activation), simulation.keep_prob
    draws, rate = simulation.draws(start, trials), simulation.learning_rate
    networks, descent, risk = start.expanded(trials), start, start
    response = Parameters(*(torch.zeros_like(value) for value in networks))
    passed = on_risk = forward(start, sample, activation)
    for step in range(simulation.steps):
        mask = draws.mask(step, keep_prob)
        drawn = gradient(passed, *mask_coefficients(mask, keep_prob))
        response = response.add_scaled(hessian_product(passed, keep_prob, response), -rate).add_scaled(drawn, -rate)
        networks = networks.add_scaled(dropout_gradient(networks, sample, activation, mask), -rate)
        descent = descent.add_scaled(modified_gradient(passed, keep_prob), -rate)
        risk = risk.add_scaled(modified_gradient(on_risk, 1.0), -rate)
        passed, on_risk = forward(descent, sample, activation), forward(risk, sample, activation)
        linear = response.vectors() @ modified_gradient(passed, keep_prob).vectors()[0]
        losses = modified_loss(forward(networks, sample, activation), keep_prob) - linear
        yield tuple(losses - modified_loss(end, keep_prob) for end in (passed, on_risk))
