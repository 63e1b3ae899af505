"""The noise stage: variance of a run's samples along the Hessian's eigenvectors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.noise.projection import projected_variance


def projection_run(
    settings: Mapping[str, Any], samples: Mapping[str, str], hessian: str, outputs: Mapping[str, str]
) -> None:
    """Variance of every sample along each Hessian eigenvector (paper A, Definition 3 and section 6.2).

    Writes ``projection``: sample, seed, index, eigenvalue, variance.
    """
    pairs, metadata = read_tensors(hessian)
    frames = []
    for sample, path in samples.items():
        tensors, _ = read_tensors(path)
        for index, seed in enumerate(settings["seeds"]):
            eigenvalues = pairs["eigenvalues"][index].numpy()
            frames.append(
                pd.DataFrame(
                    {
                        "sample": sample,
                        "seed": seed,
                        "index": np.arange(1, len(eigenvalues) + 1),
                        "eigenvalue": eigenvalues,
                        "variance": projected_variance(tensors[sample][index], pairs["eigenvectors"][index]),
                    }
                )
            )
    write_table(outputs["projection"], pd.concat(frames))
    write_json(outputs["provenance"], provenance("noise", settings, metadata["data"]))
