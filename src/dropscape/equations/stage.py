"""The equations stage: losses along dropout, its modified equations and descent on the modified loss."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from torch import Tensor

from dropscape.artifacts.files import write_table
from dropscape.equations.inputs import EquationInputs, load_inputs
from dropscape.equations.matrices_along import matrices_along
from dropscape.equations.merging import merging, merging_points
from dropscape.equations.network import two_layers
from dropscape.equations.sampled import SampledSimulation, SampledTrials
from dropscape.equations.simulation import Simulation, simulate
from dropscape.equations.trials import SimulationResult
from dropscape.jobs import Job
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import recording_schedule
from dropscape.training.checkpoint import Checkpoint

KEY = ["learning_rate", "keep_prob", "method"]


def simulate_trajectories(job: Job) -> None:
    """Simulate every method at every point (learning rate, keep probability) of an experiment (paper C, Fig. 1a and 2).

    A trial has the same start with every method at every point, and noise of its own with each method. The equations
    take one step of Euler-Maruyama for a step of dropout, as in the paper.

    Writes ``trajectories``: learning_rate, keep_prob, method, trial, seed, step, norm (of theta), loss (without
    dropout), test_loss and test_accuracy, NaN from a divergence on; ``divergences``: learning_rate, keep_prob, method,
    trials, diverged (how many) and first_step (of the first, NaN if none); and the rows of ``matrices_along`` at every
    run and of ``merging`` at all its points, none where the setting ``matrices`` does not ask for them.
    """
    settings, inputs = job.settings, load_inputs(job)
    start = inputs.start(settings["seeds"], settings["trials"])
    simulations = [(run, method) for run in settings["runs"] for method in settings["methods"]]
    progress = Progress(f"equations {job.name}", sum(settings["runs"][run]["steps"] for run, _ in simulations))
    trajectories, divergences, done = [], [], 0
    for run, method in simulations:
        point = settings["runs"][run]
        simulated = simulate_point(
            method,
            point,
            settings,
            inputs,
            start,
            inputs.checkpoints.named(run, method),
            lambda step, _, done=done, **loss: progress(done + step),
        )
        key = {"learning_rate": point["learning_rate"], "keep_prob": point["keep_prob"], "method": method}
        losses = {loss: inputs.scale * simulated.history[loss] for loss in ("loss", "test_loss")}
        trajectories.append(simulated.history.assign(**key, **losses))
        divergences.append(key | divergence(simulated.diverged))
        done += point["steps"]
    table = pd.concat(trajectories)
    write_table(job.outputs["trajectories"], table[KEY + [column for column in table if column not in KEY]])
    write_table(job.outputs["divergences"], pd.DataFrame(divergences))
    for name, rows, points in (
        ("matrices", matrices_along, list(settings["runs"].values())),
        ("merging", merging, merging_points(settings) if settings["matrices"] else []),
    ):
        found: Any = {"learning_rate": [], "keep_prob": []}
        if settings["matrices"]:
            pieces = [partial(rows, point, settings, inputs) for point in points]
            found = inputs.checkpoints.named(name).rows(pieces)
        write_table(job.outputs[name], pd.DataFrame(found))


def simulate_point(
    method: str,
    point: Mapping[str, Any],
    settings: Mapping[str, Any],
    inputs: EquationInputs,
    start: Sequence[Tensor],
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> SimulationResult:
    """All trials of one method at one point, with losses in units of R_S.

    Exactly, or with ``samples`` of gradients; descent on L_S is exact for one hidden layer, and takes all examples.
    """
    common = {
        "activation": settings["model"]["activation"],
        "keep_prob": point["keep_prob"],
        "learning_rate": inputs.scale * point["learning_rate"],
        "steps": point["steps"],
        "history": tuple(recording_schedule(point["steps"], settings["history_points"])),
        "seeds": tuple(settings["seeds"]),
        "purpose": f"trajectories/{method}",
    }
    kept = {"checkpoint": checkpoint, "progress": progress}
    noise_free = method == "descent"
    if settings["samples"] is None or (noise_free and len(start) == 2):
        simulated = "dropout" if method == "dropout_again" else method
        simulation = Simulation(**common, method=simulated, record_divergence=True)
        return simulate(simulation, two_layers(start), inputs.train, inputs.test, **kept)
    samples = {"dropout": 1, "dropout_again": 1, "order_1": settings["samples"]}.get(method, settings["many_samples"])
    batch_size = None if noise_free else settings["batch_size"]
    sampled = SampledSimulation(**common, batch_size=batch_size, samples=samples, averaged=noise_free)
    return SampledTrials(sampled, start, inputs.train, inputs.test).finish(**kept)


def divergence(diverged: Tensor) -> dict[str, float]:
    """How many of T trials diverged, and the first step after which one had; from (T,) int64, -1 for none."""
    steps = diverged[diverged >= 0].tolist()
    return {"trials": len(diverged), "diverged": len(steps), "first_step": min(steps, default=float("nan"))}
