"""The curvature stage: the exact Hessian of the dropout-free loss on the block at the end point of training."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.spectrum import eigenpairs, residual_norms
from dropscape.data.prepared import load_examples
from dropscape.models.losses import mean_loss
from dropscape.training.of_run import networks_of_run, risk_of_run


def measure_run(settings: Mapping[str, Any], model: str, data: str, outputs: Mapping[str, str]) -> None:
    """All eigenpairs of every seed's Hessian.

    Writes ``hessian``: eigenvalues (S, P) float64 descending and eigenvectors (S, P, P) float32 as columns, and
    ``summary``: seed, method, loss, trace, largest residual |H v - lambda v| over the largest |lambda|.
    """
    examples = load_examples(data, settings["data"])
    stacked, _ = read_tensors(model)
    values, vectors, rows = [], [], []
    inputs, targets, risk = examples.train_inputs, examples.train_targets, risk_of_run(settings, examples)
    for seed, network in networks_of_run(settings, stacked, examples):
        hessian = block_hessian(network, settings["block"], inputs, targets, loss=risk)
        eigenvalues, eigenvectors = eigenpairs(hessian.matrix)
        values.append(eigenvalues)
        vectors.append(eigenvectors.to(torch.float32))
        rows.append(
            {
                "seed": seed,
                "method": hessian.method,
                "loss": mean_loss(network, inputs, targets, risk),
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
