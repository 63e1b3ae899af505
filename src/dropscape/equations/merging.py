"""How gradient descent on L_S merges with dropout as the learning rate falls (paper C, section 6)."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

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


def merging(settings: Mapping[str, Any], inputs: EquationInputs) -> Iterator[dict[str, float]]:
    """Rows of keep_prob, learning_rate, seed, batch, step, and ``loss_gaps`` as means over a batch of the trials.

    The trials of a seed have its first one's start; gap is the difference to descent on L_S, risk_gap that to descent
    on R_S, in units of the experiment's loss.
    """
    asked, sample, trials = settings["matrices"], exact_sample(inputs), settings["trials"]
    starts = Parameters(*(value[::trials] for value in exact(two_layers(inputs.start(settings["seeds"], trials)))))
    keep_probs = sorted({point["keep_prob"] for point in settings["runs"].values()})
    points = product(enumerate(settings["seeds"]), keep_probs, asked["merging_rates"], range(BATCHES))
    for (index, seed), keep_prob, rate, batch in points:
        simulation = Simulation(
            activation=settings["model"]["activation"],
            keep_prob=keep_prob,
            learning_rate=inputs.scale * rate,
            steps=round(asked["merging_time"] / rate),
            history=(),
            seeds=(seed,),
            purpose=f"merging/{batch}",
            method="dropout",
        )
        start = Parameters(*(value[index : index + 1] for value in starts))
        key = {"keep_prob": keep_prob, "learning_rate": rate, "seed": seed, "batch": batch}
        for step, gaps in enumerate(loss_gaps(simulation, start, sample, asked["merging_trials"] // BATCHES), 1):
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
