"""The flatness stage measures the loss between the end points of pairs of an experiment's runs."""

from itertools import chain

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.flatness.interpolation import interpolated_losses, relative_distance
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.training.run_networks import load_networks, run_risk


def interpolate(job: Job) -> None:
    """Measure R_S without dropout between the end points of every pair of runs (paper B, section VII.C and Fig. 14).

    Also to the end point that the second run has with the next seed, which started elsewhere. The input ``models`` has
    the end point of each of ``runs``. Writes ``interpolations``: first, second (names of runs), seed, second_seed,
    distance (between the end points, over the root mean square of their norms), alpha, loss.
    """
    settings = job.settings
    models = dict(zip(settings["runs"], job.inputs["models"], strict=True))
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    risk = run_risk(settings, examples)
    alphas = np.linspace(0, 1, settings["points"])
    progress = Progress(f"interpolations {job.name}", len(settings["pairs"]))
    frames = []
    for done, (first, second) in enumerate(settings["pairs"], 1):
        ends = [load_networks(settings, read_tensors(models[run])[0], examples) for run in (first, second)]
        ones, others = (list(networks) for networks in ends)
        joined = [list(zip(ones, others[shift:] + others[:shift], strict=True)) for shift in range(min(2, len(ones)))]
        for (seed, one), (second_seed, other) in chain.from_iterable(joined):
            losses = interpolated_losses(one, other, examples.train_inputs, examples.train_targets, alphas, risk)
            key = {"first": first, "second": second, "seed": seed, "second_seed": second_seed}
            key["distance"] = relative_distance(one, other)
            frames.append(pd.DataFrame(key | {"alpha": alphas, "loss": losses}))
        progress(done)
    write_table(job.outputs["interpolations"], pd.concat(frames))
    job.provenance(examples.description, device)
