"""The curvature stage: the exact Hessian of the dropout-free loss on the block at the end point of training."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from dropscape.artifacts.files import read_tensors, write_json, write_table, write_tensors
from dropscape.artifacts.provenance import provenance
from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.spectrum import eigenpairs, residual_norms
from dropscape.data.prepared import load_examples
from dropscape.models.losses import output_loss
from dropscape.models.restored import networks_of_seeds


def measure_run(settings: Mapping[str, Any], model: str, data: str, outputs: Mapping[str, str]) -> None:
    """All eigenpairs of every seed's Hessian.

    Writes ``hessian``: eigenvalues (S, P) float64 descending and eigenvectors (S, P, P) float32 as columns, and
    ``summary``: seed, method, loss, trace, largest residual |H v - lambda v| over the largest |lambda|.
    """
    examples = load_examples(data, settings["data"])
    stacked, _ = read_tensors(model)
    values, vectors, rows = [], [], []
    for seed, network in networks_of_seeds(settings["model"], stacked, settings["seeds"]):
        hessian = block_hessian(
            network, settings["block"], examples.train_inputs, examples.train_targets, loss=settings["loss"]
        )
        eigenvalues, eigenvectors = eigenpairs(hessian.matrix)
        values.append(eigenvalues)
        vectors.append(eigenvectors.to(torch.float32))
        loss = output_loss(settings["loss"])(network(examples.train_inputs), examples.train_targets)
        rows.append(
            {
                "seed": seed,
                "method": hessian.method,
                "loss": float(loss.double().mean()),
                "trace": float(eigenvalues.sum()),
                "largest_residual": float(
                    residual_norms(hessian.matrix, eigenvalues, eigenvectors).max() / eigenvalues.abs().max()
                ),
            }
        )
    record = provenance("curvature", settings, examples.description)
    write_tensors(
        outputs["hessian"], {"eigenvalues": torch.stack(values), "eigenvectors": torch.stack(vectors)}, record
    )
    write_table(outputs["summary"], pd.DataFrame(rows))
    write_json(outputs["provenance"], record)
