"""The noise stage measures the variance of a run's samples along the Hessian's eigenvectors."""

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.jobs import Job
from dropscape.noise.projection import projected_variance


def project_samples(job: Job) -> None:
    """Measure the variance of every sample along each Hessian eigenvector (paper A, Definition 3 and section 6.2).

    Writes ``projection``: sample, seed, index, eigenvalue, variance.
    """
    pairs, metadata = read_tensors(job.inputs["hessian"])
    frames = []
    for sample in job.settings["samples"]:
        tensors, _ = read_tensors(job.inputs[sample])
        for index, seed in enumerate(job.settings["seeds"]):
            eigenvalues = pairs["eigenvalues"][index].numpy()
            columns = {
                "sample": sample,
                "seed": seed,
                "index": np.arange(1, len(eigenvalues) + 1),
                "eigenvalue": eigenvalues,
                "variance": projected_variance(tensors[sample][index], pairs["eigenvectors"][index]),
            }
            frames.append(pd.DataFrame(columns))
    write_table(job.outputs["projection"], pd.concat(frames))
    job.provenance(metadata["data"])
