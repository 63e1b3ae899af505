"""The equations stage: how far expectations along the equations are from dropout's (paper C, Theorem 1, Fig. 1b, c)."""

import itertools
from dataclasses import asdict, fields, replace
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.equations.few_trials import norms_of_means
from dropscape.equations.inputs import load_inputs
from dropscape.equations.network import Parameters, Sample, two_layers
from dropscape.equations.simulation import NOISELESS, Simulation
from dropscape.equations.weak_differences import weak_differences
from dropscape.equations.weak_error import WeakError, weak_error
from dropscape.errors import DivergenceError
from dropscape.jobs import Job
from dropscape.numerics.progress import Progress

FEW_TRIALS = ["method", "keep_prob", "learning_rate", "repetition", "norm"]


def measure_weak_errors(job: Job) -> None:
    """Measure |E g(Theta_N) - E g(theta_N)| at every method, keep probability and learning rate, in float64.

    All trials start at the first trial's start of the first seed; the paper's expectations are over the noise, too.
    Every point has trials of its own, so that the points of a fitted line are independent; a point that was measured
    before an interruption is not measured again.

    Writes ``weak_errors``: method, keep_prob, learning_rate, step (N), function (the test function g) and the fields of
    ``WeakError``; and ``few_trials``, the paper's own protocol: method (``dropout`` is dropout again, with other
    masks), keep_prob, learning_rate, repetition and norm. A trial that diverges is a DivergenceError.
    """
    settings, inputs = job.settings, load_inputs(job)
    start = two_layers([layer.double() for layer in inputs.start(settings["seeds"][:1], 1)])
    train = Sample(inputs.train.inputs.double(), inputs.train.targets.double())
    points = list(itertools.product(settings["keep_probs"], settings["learning_rates"]))
    # The work of a point is its number of steps.
    steps = [round(settings["flow_time"] / rate) for _, rate in points]
    progress = Progress(f"equations_weak_errors {job.name}", sum(steps))
    errors, few = [], []
    for done, (keep_prob, rate) in enumerate(points):
        checkpoint = inputs.checkpoints.named(keep_prob, rate)
        saved = checkpoint.load()
        if saved is None:
            dropout = Simulation(
                activation=settings["model"]["activation"],
                learning_rate=inputs.scale * rate,
                steps=steps[done],
                history=(),
                seeds=tuple(settings["seeds"][:1]),
                purpose=f"weak_errors/{keep_prob}/{rate}",
                keep_prob=keep_prob,
                method="dropout",
                inner_steps=settings["inner_steps"],
                scheme=settings["scheme"],
            )
            try:
                measured = _measured(dropout, settings, start, train)
            except DivergenceError:
                raise DivergenceError(
                    f"A trial of experiment '{job.name}' diverged at learning_rate {rate:g} and keep_prob "
                    f"{keep_prob:g}, so that there is no expectation to compare: write smaller learning_rates or "
                    "larger keep_probs into its weak_errors."
                ) from None
            checkpoint.save({}, measured)
        else:
            measured = saved[1]
        point = {"keep_prob": keep_prob, "learning_rate": rate}
        errors += [row | point for row in measured["weak_errors"]]
        few += [row | point for row in measured["few_trials"]]
        progress(sum(steps[: done + 1]))
    columns = ["method", "keep_prob", "learning_rate", "step", "function", *(field.name for field in fields(WeakError))]
    write_table(job.outputs["weak_errors"], pd.DataFrame(errors, columns=columns))
    write_table(job.outputs["few_trials"], pd.DataFrame(few, columns=FEW_TRIALS))


def compared_steps(steps: int, times: int) -> list[int]:
    """So many steps, evenly from the first to the last; all if there are fewer."""
    return sorted({max(1, int(steps * number / times + 0.5)) for number in range(1, times + 1)})


def _measured(dropout: Simulation, settings: dict[str, Any], start: Parameters, train: Sample) -> dict[str, Any]:
    """The rows of one point of both tables."""
    at = compared_steps(dropout.steps, settings["times"])
    differences = weak_differences(dropout, settings["methods"], start, train, settings["trials"], at)
    errors = [
        {"method": method, "step": step, "function": function} | asdict(weak_error(rows))
        for (method, step, function), rows in differences
    ]
    few = []
    if settings["few_trials"]:
        # One step of Euler-Maruyama for a step of dropout, as in the paper.
        plain = replace(dropout, inner_steps=1, scheme="euler_maruyama", purpose=f"{dropout.purpose}/few_trials")
        methods = ["dropout", *(method for method in settings["methods"] if method not in NOISELESS)]
        norms = norms_of_means(plain, methods, start, train, **settings["few_trials"])
        few = [
            {"method": method, "repetition": repetition, "norm": norm}
            for method, values in norms.items()
            for repetition, norm in enumerate(values.tolist())
        ]
    return {"weak_errors": errors, "few_trials": few}
