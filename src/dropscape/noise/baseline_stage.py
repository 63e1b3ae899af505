"""The noise stage draws the alignment of random matrices with a run's spectra."""

import numpy as np
import pandas as pd

from dropscape.artifacts.files import read_table, write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.jobs import Job
from dropscape.noise.baseline import expected_alignment, random_alignment


def draw_baseline(job: Job) -> None:
    """Draw the cosine of random matrices with the spectra of the first seed's Hessian and gradient covariance.

    Paper C, section 5.3. Writes ``baseline``: eigenvectors (normalised, as the paper describes, or orthonormal),
    pair, cosine, expected (closed form for orthonormal ones).
    """
    settings = job.settings
    pairs, metadata = read_tensors(job.inputs["hessian"])
    table = read_table(job.inputs["spectrum"])
    seed = settings["seeds"][0]
    covariance = table[(table["sample"] == "gradients") & (table["seed"] == seed)]["variance"].to_numpy()
    curvature = pairs["eigenvalues"][0].numpy()
    expected = expected_alignment(curvature, covariance)
    frames = [
        pd.DataFrame(
            {
                "eigenvectors": kind,
                "pair": np.arange(1, settings["baseline_samples"] + 1),
                "cosine": random_alignment(curvature, covariance, settings["baseline_samples"], seed, kind),
                "expected": expected,
            }
        )
        for kind in ("normalised", "orthonormal")
    ]
    write_table(job.outputs["baseline"], pd.concat(frames))
    job.provenance(metadata["data"])
