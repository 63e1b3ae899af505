"""The noise stage: principal directions and variances of a run's samples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.noise.pca import covariance_spectrum, held_out_variances
from dropscape.numerics.grids import log_spaced_indices


def spectrum_run(settings: Mapping[str, Any], samples: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Principal components of every sample of a run (paper A, section 6.1).

    Args:
        settings: ``seeds`` and ``directions``, how many principal directions are kept for the flatness.
        samples: file of each sample by its name (``trajectory``, ``gradients``).
        outputs: ``spectrum``: sample, seed, index, variance, numerically_zero, held_out_in_sample,
            held_out; ``directions``: ``<sample>/indices`` (K,) and ``<sample>/directions`` (S, P, K) float32.
    """
    frames, directions, data = [], {}, None
    for sample, path in samples.items():
        tensors, metadata = read_tensors(path)
        data = metadata["data"]
        kept = []
        for seed, values in zip(settings["seeds"], tensors[sample], strict=True):
            spectrum = covariance_spectrum(values)
            held_out = held_out_variances(values)
            total = len(spectrum.eigenvalues)
            chosen = log_spaced_indices(total, settings["directions"])
            kept.append(torch.from_numpy(np.ascontiguousarray(spectrum.eigenvectors[:, chosen])).float())
            shorter = len(held_out.held_out)
            frame = pd.DataFrame(
                {
                    "sample": sample,
                    "seed": seed,
                    "index": np.arange(1, total + 1),
                    "variance": spectrum.eigenvalues,
                    "numerically_zero": spectrum.numerically_zero,
                }
            )
            frame.loc[: shorter - 1, "held_out_in_sample"] = held_out.in_sample
            frame.loc[: shorter - 1, "held_out"] = held_out.held_out
            frames.append(frame)
        directions[f"{sample}/indices"] = torch.from_numpy(chosen + 1)
        directions[f"{sample}/directions"] = torch.stack(kept)
    record = provenance("noise", settings, data)
    write_table(outputs["spectrum"], pd.concat(frames))
    write_tensors(outputs["directions"], directions, record)
    write_json(outputs["provenance"], record)
