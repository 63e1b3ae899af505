"""The noise stage measures principal directions and variances of a run's samples."""

import numpy as np
import pandas as pd
import torch

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.jobs import Job
from dropscape.noise.pca import covariance_spectrum, held_out_variances
from dropscape.noise.random_directions import random_directions
from dropscape.numerics.grids import log_spaced_indices


def measure_spectrum(job: Job) -> None:
    """Measure the principal components of every sample of a run (paper A, section 6.1).

    Writes ``spectrum``: sample, seed, index, variance, numerically_zero, held_out_in_sample, held_out; and
    ``directions``, those that the flatness is measured along: ``<sample>/indices`` (K,) and ``<sample>/directions``
    (S, P, K) float32. So many random ones stand under ``random``, with the indices of the gradients whose variances
    they are compared with.
    """
    settings = job.settings
    frames, directions, data = [], {}, None
    for sample in settings["samples"]:
        tensors, metadata = read_tensors(job.inputs[sample])
        data = metadata["data"]
        kept, random = [], []
        for seed, values in zip(settings["seeds"], tensors[sample], strict=True):
            spectrum = covariance_spectrum(values)
            held_out = held_out_variances(values)
            total = len(spectrum.eigenvalues)
            chosen = log_spaced_indices(total, settings["directions"])
            kept.append(torch.from_numpy(np.ascontiguousarray(spectrum.eigenvectors[:, chosen])).float())
            if sample == "gradients":
                random.append(torch.from_numpy(random_directions(values, len(chosen), seed)).float())
            columns = {
                "sample": sample,
                "seed": seed,
                "index": np.arange(1, total + 1),
                "variance": spectrum.eigenvalues,
                "numerically_zero": spectrum.numerically_zero,
                "held_out_in_sample": pd.Series(held_out.in_sample),  # half the samples have fewer: the rest is missing
                "held_out": pd.Series(held_out.held_out),
            }
            frames.append(pd.DataFrame(columns, index=range(total)))
        directions[f"{sample}/indices"] = torch.from_numpy(chosen + 1)
        directions[f"{sample}/directions"] = torch.stack(kept)
        if sample == "gradients":
            directions["random/indices"] = directions["gradients/indices"].clone()
            directions["random/directions"] = torch.stack(random)
    write_table(job.outputs["spectrum"], pd.concat(frames))
    write_tensors(job.outputs["directions"], directions, job.provenance(data))
