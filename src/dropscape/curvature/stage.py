"""The curvature stage computes the exact Hessian of the dropout-free loss on the block at the end of training."""

import pandas as pd
import torch

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.curvature.hessian import block_hessian
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.models.losses import mean_loss
from dropscape.numerics.devices import chosen_device
from dropscape.training.run_networks import load_networks, run_risk


def measure_hessian(job: Job) -> None:
    """Compute all eigenpairs of every seed's Hessian.

    Writes ``hessian``: eigenvalues (S, P) float64 descending and eigenvectors (S, P, P) float32 as rows, and
    ``summary``: seed, method, loss, trace, largest residual |H v - lambda v| over the largest |lambda|.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    stacked, _ = read_tensors(job.inputs["model"])
    values, vectors, rows, certificates = [], [], [], []
    inputs, targets, risk = examples.train_inputs, examples.train_targets, run_risk(settings, examples)
    for seed, network in load_networks(settings, stacked, examples):
        spectrum = block_hessian(network, settings["block"], (inputs, targets), risk).spectrum()
        values.append(spectrum.eigenvalues.cpu())
        vectors.append(spectrum.eigenvectors.to(torch.float32).cpu())
        certificates.append(spectrum.certificate.record())
        rows.append(
            {
                "seed": seed,
                "method": spectrum.method,
                "loss": mean_loss(network, inputs, targets, risk),
                "trace": float(spectrum.eigenvalues.sum()),
                "largest_residual": float(spectrum.residuals.max() / spectrum.eigenvalues.abs().max()),
            }
        )
    pairs = {"eigenvalues": torch.stack(values), "eigenvectors": torch.stack(vectors)}
    record = job.provenance(examples.description, device)
    record["certificates"] = certificates
    write_tensors(job.outputs["hessian"], pairs, record)
    write_table(job.outputs["summary"], pd.DataFrame(rows))
