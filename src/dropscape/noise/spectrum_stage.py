"""The noise stage measures principal directions and variances of a run's samples, and the drift of its trajectory."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.jobs import Job
from dropscape.noise.drift import detrended, drift
from dropscape.noise.pca import covariance_spectrum
from dropscape.noise.projection import projected_variance
from dropscape.noise.random_directions import random_directions
from dropscape.numerics.grids import log_spaced_indices

DETRENDED = ("trajectory_quadratic", "trajectory_halves")


def measure_spectrum(job: Job) -> None:
    """Measure the principal components of every sample of a run (paper A, section 6.1).

    Writes ``spectrum``: sample (one of ``_samples``), seed, index, variance, numerically_zero, held_out, the variance
    of other samples along the same direction, missing where there are none; ``drift``, of the trajectory: seed and
    the columns of ``drift``; and ``directions``, those that the flatness is measured along: ``<sample>/indices`` (K,)
    and ``<sample>/directions`` (S, K, P) float32. So many random ones stand under ``random``, with the indices of the
    gradients whose variances they are compared with.
    """
    settings = job.settings
    frames, drifts, indices, directions, data = [], [], {}, defaultdict(list), None
    for file in settings["samples"]:
        tensors, metadata = read_tensors(job.inputs[file])
        data = metadata["data"]
        for position, seed in enumerate(settings["seeds"]):
            of_seed = {name: values[position] for name, values in tensors.items()}
            if file == "trajectory":
                drifts.append({"seed": seed} | drift(of_seed["trajectory"], of_seed["objectives"]))
            for sample, values, others in _samples(of_seed):
                spectrum = covariance_spectrum(values)
                basis, total = spectrum.eigenvectors, len(spectrum.eigenvalues)
                columns = {
                    "sample": sample,
                    "seed": seed,
                    "index": np.arange(1, total + 1),
                    "variance": spectrum.eigenvalues,
                    "numerically_zero": spectrum.numerically_zero,
                    "held_out": np.nan if others is None else projected_variance(others, basis, correction=1),
                }
                frames.append(pd.DataFrame(columns))
                # A parabola that was taken out leaves two without variance, if there are as many as samples allow.
                without = 2 * (sample in DETRENDED and total == len(values) - 1)
                chosen = log_spaced_indices(total - without, settings["directions"])
                measured = {sample: basis[chosen]}
                if sample == "gradients":
                    measured["random"] = random_directions(values, len(chosen), seed)
                for name, vectors in measured.items():
                    indices[f"{name}/indices"] = torch.from_numpy(chosen + 1)
                    directions[f"{name}/directions"].append(torch.from_numpy(np.ascontiguousarray(vectors)).float())
    write_table(job.outputs["spectrum"], pd.concat(frames))
    write_table(job.outputs["drift"], pd.DataFrame(drifts or {"seed": []}))
    stacked = {name: torch.stack(vectors) for name, vectors in directions.items()}
    write_tensors(job.outputs["directions"], indices | stacked, job.provenance(data))


def _samples(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor | np.ndarray, Tensor | np.ndarray | None]]:
    """The samples (N, P) of a seed's file that choose directions, and others (M, P) that measure variances along them.

    ``gradients``, and as others the gradients that are held out, which are independent of them. ``trajectory`` and
    ``trajectory_quadratic``, without its drift. ``trajectory_halves``: both halves of the steps without the drift of
    each. Steps depend on the steps before them, so that halves in time are as good as independent but around their
    border, where odd and even steps would be copies of each other.
    """
    if "gradients" in tensors:
        yield "gradients", tensors["gradients"], tensors["held_out"]
        return
    values = tensors["trajectory"]
    first, second = (detrended(half, 2) for half in np.array_split(values.numpy(), 2))
    yield "trajectory", values, None
    yield "trajectory_quadratic", detrended(values, 2), None
    yield "trajectory_halves", first, second
