"""The noise stage measures the variance of a run's samples along the Hessian's eigenvectors."""

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.jobs import Job
from dropscape.noise.projection import projected_variance
from dropscape.noise.random_directions import random_directions


def project_samples(job: Job) -> None:
    """Measure the variance of every sample along each Hessian eigenvector (paper A, Definition 3 and section 6.2).

    Writes ``projection``: sample, seed, index, eigenvalue, variance, and variance_random, that along a random direction
    in which gradients vary in the place of each eigenvector.
    """
    pairs, metadata = read_tensors(job.inputs["hessian"])
    frames = []
    gradients = read_tensors(job.inputs["gradients"])[0]["gradients"]
    for sample in job.settings["samples"]:
        tensors, _ = read_tensors(job.inputs[sample])
        for index, seed in enumerate(job.settings["seeds"]):
            eigenvalues = pairs["eigenvalues"][index].numpy()
            random = random_directions(gradients[index], len(eigenvalues), seed)
            columns = {
                "sample": sample,
                "seed": seed,
                "index": np.arange(1, len(eigenvalues) + 1),
                "eigenvalue": eigenvalues,
                "variance": projected_variance(tensors[sample][index], pairs["eigenvectors"][index]),
                "variance_random": projected_variance(tensors[sample][index], random),
            }
            frames.append(pd.DataFrame(columns))
    write_table(job.outputs["projection"], pd.concat(frames))
    job.provenance(metadata["data"])
