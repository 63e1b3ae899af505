"""The noise stage measures the variance of a run's samples along the Hessian's eigenvectors."""

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.jobs import Job
from dropscape.noise.drift import detrended, drift
from dropscape.noise.projection import projected_variance
from dropscape.noise.random_directions import random_directions


def project_samples(job: Job) -> None:
    """Measure the variance of every sample along each Hessian eigenvector (paper A, Definition 3 and section 6.2).

    Projected are the last ``projected`` of the gradients and of the steps of the trajectory, which are next to the end
    point where the Hessian is; ``trajectory_quadratic`` are these steps without their drift.

    Writes ``projection``: sample, seed, index, eigenvalue, variance, and variance_random, that along a random direction
    in which gradients vary instead of each eigenvector; and ``projection_drift``, of the steps that are projected:
    seed and the columns of ``drift``.
    """
    settings = job.settings
    pairs, metadata = read_tensors(job.inputs["hessian"])
    frames, drifts, tensors = [], [], {}
    for sample in settings["samples"]:
        tensors |= read_tensors(job.inputs[sample])[0]
    for position, seed in enumerate(settings["seeds"]):
        eigenvalues, eigenvectors = (pairs[name][position].numpy() for name in ("eigenvalues", "eigenvectors"))
        random = random_directions(tensors["gradients"][position], len(eigenvalues), seed)
        last = {name: values[position, -settings["projected"] :] for name, values in tensors.items()}
        samples = {sample: last[sample] for sample in settings["samples"]}
        if "trajectory" in samples:
            samples["trajectory_quadratic"] = detrended(last["trajectory"], 2)
            drifts.append({"seed": seed} | drift(last["trajectory"], last["objectives"]))
        for sample, values in samples.items():
            columns = {
                "sample": sample,
                "seed": seed,
                "index": np.arange(1, len(eigenvalues) + 1),
                "eigenvalue": eigenvalues,
                "variance": projected_variance(values, eigenvectors),
                "variance_random": projected_variance(values, random),
            }
            frames.append(pd.DataFrame(columns))
    write_table(job.outputs["projection"], pd.concat(frames))
    write_table(job.outputs["projection_drift"], pd.DataFrame(drifts or {"seed": []}))
    job.provenance(metadata["data"])
