"""The equations stage: where dropout, batches, noise on the parameters and no noise lead (paper C, appendix D)."""

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.equations.activations import activation_called
from dropscape.equations.inputs import load_inputs
from dropscape.equations.network import forward, hessian_trace, two_layers
from dropscape.equations.sampled import SampledSimulation, SampledTrials
from dropscape.jobs import Job
from dropscape.numerics.progress import Progress

# Each method has one setting that the others go without, or none.
METHODS = {"dropout": ["keep_prob"], "sgd": ["batch_size"], "parameter_noise": ["parameter_noise"], "descent": []}


def measure_noises(job: Job) -> None:
    """Train with each noise, and with none, from the same starts, and measure the flatness of where they end.

    Writes ``noises``: method (``descent`` is gradient descent on the loss), trial, seed, trace (of the Hessian of
    the loss without noise on all training examples), loss (the same) and test_accuracy; NaN where a trial diverged.
    """
    settings, inputs = job.settings, load_inputs(job)
    start = inputs.start(settings["seeds"], settings["trials"])
    activation, steps = settings["model"]["activation"], settings["steps"]
    progress = Progress(f"equations_noises {job.name}", len(METHODS) * steps)
    frames = []
    for done, method in enumerate(METHODS):
        sampled = SampledSimulation(
            activation=activation,
            learning_rate=inputs.scale * settings["learning_rate"],
            steps=steps,
            history=(steps,),
            seeds=tuple(settings["seeds"]),
            purpose=f"noises/{method}",
            **{setting: settings[setting] for setting in METHODS[method]},
        )
        simulated = SampledTrials(sampled, start, inputs.train, inputs.test).finish(
            inputs.checkpoints.named(method), lambda step, _, done=done, **loss: progress(done * steps + step)
        )
        ends = simulated.history
        passed = forward(two_layers(simulated.parameters), inputs.train, activation_called(activation))
        measured = {"trace": inputs.scale * hessian_trace(passed).cpu().numpy(), "loss": inputs.scale * ends["loss"]}
        frames.append(ends.assign(method=method, **measured))
    columns = ["method", "trial", "seed", "trace", "loss", "test_accuracy"]
    write_table(job.outputs["noises"], pd.concat(frames)[columns])
