"""The equations stage: how far the equations' expected end is from dropout's (paper C, Fig. 1b, c)."""

import itertools
from dataclasses import asdict

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.equations.inputs import load_inputs
from dropscape.equations.network import Sample, two_layers
from dropscape.equations.simulation import Simulation
from dropscape.equations.weak_error import WeakError, end_differences, weak_error
from dropscape.errors import DivergenceError
from dropscape.jobs import Job
from dropscape.numerics.progress import Progress


def measure_weak_errors(job: Job) -> None:
    """Measure |E Theta_T - E theta_T| at every order, keep probability and learning rate, in float64.

    All trials start at the first trial's start of the first seed; the paper's expectations are over the noise, too.
    Every point has trials of its own, so that the points of a fitted line are independent; a point that was measured
    before an interruption is not measured again.

    Writes ``weak_errors``: order, keep_prob, learning_rate and the fields of ``WeakError``. A trial that diverges is a
    DivergenceError.
    """
    settings, inputs = job.settings, load_inputs(job)
    start = two_layers([layer.double() for layer in inputs.start(settings["seeds"][:1], 1)])
    train = Sample(inputs.train.inputs.double(), inputs.train.targets.double())
    points = list(itertools.product(settings["orders"], settings["keep_probs"], settings["learning_rates"]))
    # The work of a point is its number of steps.
    steps = [round(settings["flow_time"] / rate) for _, _, rate in points]
    progress = Progress(f"equations_weak_errors {job.name}", sum(steps))
    rows = []
    for done, (order, keep_prob, rate) in enumerate(points):
        checkpoint = inputs.checkpoints.named(order, keep_prob, rate)
        saved = checkpoint.load()
        if saved is None:
            simulation = Simulation(
                activation=settings["model"]["activation"],
                learning_rate=inputs.scale * rate,
                steps=steps[done],
                history=(),
                seeds=tuple(settings["seeds"][:1]),
                purpose=f"weak_errors/{order}/{keep_prob}/{rate}",
                keep_prob=keep_prob,
                method=f"order_{order}",
                inner_steps=settings["inner_steps"],
                scheme=settings["scheme"],
            )
            try:
                measured = weak_error(end_differences(simulation, start, train, settings["trials"]))
            except DivergenceError:
                raise DivergenceError(
                    f"A trial of experiment '{job.name}' diverged at learning_rate {rate:g} and keep_prob "
                    f"{keep_prob:g}, so that there is no expectation to compare: write smaller learning_rates or "
                    "larger keep_probs into its weak_errors."
                ) from None
            checkpoint.save({}, asdict(measured))
        else:
            measured = WeakError(**saved[1])
        rows.append({"order": order, "keep_prob": keep_prob, "learning_rate": rate} | asdict(measured))
        progress(sum(steps[: done + 1]))
    write_table(job.outputs["weak_errors"], pd.DataFrame(rows))
