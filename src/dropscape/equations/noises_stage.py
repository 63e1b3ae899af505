"""The equations stage: flatness along training with dropout, batches, noise on the parameters, and without (App. D)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from dropscape.artifacts.files import write_table
from dropscape.equations.inputs import EquationInputs, load_inputs
from dropscape.equations.network import two_layers
from dropscape.equations.sampled import SampledSimulation, SampledTrials
from dropscape.equations.simulation import Simulation, simulate
from dropscape.equations.trials import SimulationResult
from dropscape.jobs import Job
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import recording_schedule

# Each method has one setting that the others go without, or none. The mean loss of batches is R_S, that of ``descent``.
METHODS = {
    "descent": [],
    "dropout": ["keep_prob"],
    "dropout_mean": ["keep_prob"],
    "sgd": ["batch_size"],
    "parameter_noise": ["parameter_noise"],
    "parameter_noise_mean": ["parameter_noise"],
}


def measure_noises(job: Job) -> None:
    """Train with each noise, on the mean loss of each, and with none, from the same starts, and measure flatness.

    The mean of dropout's loss is L_S (paper C, eq. 7), which is exact; that of the loss at perturbed parameters is
    estimated at each step from ``mean_samples`` draws.

    Writes ``noises``: method (``descent`` is gradient descent on the loss), trial, seed, step, trace (of the Hessian of
    the loss without noise on all training examples), loss (the same) and test_accuracy; NaN where a trial diverged.
    """
    settings, inputs = job.settings, load_inputs(job)
    start = inputs.start(settings["seeds"], settings["trials"])
    steps = settings["steps"]
    progress = Progress(f"equations_noises {job.name}", len(METHODS) * steps)
    frames = []
    for done, method in enumerate(METHODS):
        history = _trained(
            method,
            settings,
            inputs,
            start,
            checkpoint=inputs.checkpoints.named(method),
            progress=lambda step, _, done=done, **loss: progress(done * steps + step),
        ).history
        frames.append(history.assign(method=method, **{key: inputs.scale * history[key] for key in ("trace", "loss")}))
    columns = ["method", "trial", "seed", "step", "trace", "loss", "test_accuracy"]
    write_table(job.outputs["noises"], pd.concat(frames)[columns])


def _trained(
    method: str, settings: Mapping[str, Any], inputs: EquationInputs, start: Sequence[Tensor], **kept: Any
) -> SimulationResult:
    common = {
        "activation": settings["model"]["activation"],
        "learning_rate": inputs.scale * settings["learning_rate"],
        "steps": settings["steps"],
        "history": tuple(recording_schedule(settings["steps"], settings["history_points"])),
        "seeds": tuple(settings["seeds"]),
        "purpose": f"noises/{method}",
        "record_trace": True,
    } | {setting: settings[setting] for setting in METHODS[method]}
    if method == "dropout_mean":
        simulation = Simulation(**common, method="descent", record_divergence=True)
        return simulate(simulation, two_layers(start), inputs.train, inputs.test, **kept)
    averaged = method == "parameter_noise_mean"
    samples = settings["mean_samples"] if averaged else 1
    sampled = SampledSimulation(**common, samples=samples, averaged=averaged)
    return SampledTrials(sampled, start, inputs.train, inputs.test).finish(**kept)
