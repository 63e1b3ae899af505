"""The noise stage measures the alignment of Hessian and gradient covariance along a training."""

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.curvature.eigenpairs import eigenpairs
from dropscape.curvature.hessian import block_hessian
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.models.losses import mean_loss
from dropscape.noise.alignment import alignment, along_eigenvectors, other_readings, rotated, sample_covariance
from dropscape.noise.per_example import dropout_loss_hessian, per_example_covariance
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.stage import run_gradients
from dropscape.training.run_networks import load_networks, run_risk


def measure_alignment(job: Job) -> None:
    """Measure the alignment of Hessian and gradient covariance along a training (papers A, section 7; C, section 5.3).

    At each recorded step the Hessian of the dropout-free loss meets the covariance of gradients that are sampled
    under dropout with each of ``keep_probs``. Writes ``alignment``: seed, step, keep_prob, loss, the fields of
    ``dropscape.noise.alignment.Alignment``, those of ``rotated``, with ``mask_draws`` those of ``other_readings``, and
    at as many of the steps as ``eigenvector_steps`` those of ``along_eigenvectors``. The provenance holds the
    certificates of each step and seed: of the Hessian, and of the gradients by keep probability.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    tensors, metadata = read_tensors(job.inputs["snapshots"])
    steps, draws = metadata["steps"], settings["mask_draws"]
    progress = Progress(f"alignment {job.name}", len(steps) * len(settings["seeds"]))
    rows, certificates, done = [], [], 0
    inputs, targets, risk = examples.train_inputs, examples.train_targets, run_risk(settings, examples)
    with_dropout = settings | {"keep_prob": settings["keep_probs"][0]}
    decomposed = set(np.linspace(0, len(steps) - 1, min(settings["eigenvector_steps"], len(steps))).round())
    for position, step in enumerate(steps):
        at_step = {name: value[:, position] for name, value in tensors.items()}
        for seed, network in load_networks(with_dropout, at_step, examples, with_dropout=True):
            measured = block_hessian(network, settings["block"], (inputs, targets), risk)
            hessian = measured.matrix
            certificates.append({"seed": seed, "step": step, "hessian": measured.certificate.record()})
            pairs = [one.cpu() for one in eigenpairs(hessian)] if position in decomposed else None
            hessian, loss = hessian.cpu(), mean_loss(network, inputs, targets, risk)
            for keep_prob in settings["keep_probs"]:
                masked = settings | {"keep_prob": keep_prob}
                purpose = f"alignment at step {step}, keep_prob {keep_prob}"
                options = {"samples": settings["samples"], "seed": seed, "purpose": purpose, "device": device}
                sampled = run_gradients(network, masked, examples, **options)
                certificates[-1][f"gradients, keep_prob {keep_prob:g}"] = sampled.certificate.record()
                gradients = sampled.samples.cpu()
                covariance = sample_covariance(gradients)
                found = alignment(hessian, gradients, covariance=covariance)
                fields = found.to_pandas().to_dict() | rotated(hessian, covariance)
                if draws:
                    given = (network, masked, examples, seed, purpose, draws)
                    others = (of(*given).cpu() for of in (dropout_loss_hessian, per_example_covariance))
                    fields |= other_readings(hessian, covariance, *others)
                if pairs:
                    fields |= along_eigenvectors(*pairs, gradients, seed)
                rows.append({"seed": seed, "step": step, "keep_prob": keep_prob, "loss": loss} | fields)
            done += 1
            progress(done, loss=loss)
    write_table(job.outputs["alignment"], pd.DataFrame(rows))
    job.provenance(examples.description, device)["certificates"] = certificates
