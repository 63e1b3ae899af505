"""The sampling stage samples N gradients of the block at the end point of training under fresh masks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.data.examples import Examples
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.models.registry import keep_probs
from dropscape.numerics.devices import arithmetic, chosen_device, sampling_precision
from dropscape.numerics.progress import Progress
from dropscape.sampling.gradients import DropoutGradients, dropout_gradients
from dropscape.training.backends import has_one_hidden_mask
from dropscape.training.run_networks import load_networks, run_risk


def sample_gradients(job: Job) -> None:
    """Sample gradients of every seed of a run; write ``gradients`` (S, N, P) and ``held_out`` (S, M, P), float32.

    The M held out are independent of the others: their masks have another purpose.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    stacked, _ = read_tensors(job.inputs["model"])
    sizes = {"gradients": settings["samples"], "held_out": settings["held_out"]}
    found, certificates = {purpose: [] for purpose in sizes}, []
    for seed, network in load_networks(settings, stacked, examples, with_dropout=True):
        for purpose, samples in sizes.items():
            progress = Progress(f"sampling {job.name}, {purpose}, seed {seed}", samples)
            options = {"samples": samples, "seed": seed, "purpose": purpose, "device": device, "progress": progress}
            sampled = run_gradients(network, settings, examples, **options)
            found[purpose].append(sampled.samples.cpu())
            certificates.append(sampled.certificate.record())
    record = job.provenance(examples.description, device)
    record["certificates"] = certificates
    write_tensors(job.outputs["gradients"], {name: torch.stack(rows) for name, rows in found.items()}, record)


def run_gradients(
    network: nn.Module, settings: Mapping[str, Any], examples: Examples, **options: Any
) -> DropoutGradients:
    """Sample gradients of the block of a network from ``load_networks`` with dropout, by the fastest method.

    ``settings`` are the run's, with the ``keep_prob`` to sample with; ``options`` are ``samples``, ``seed``, ``device``
    and what else both methods take. Convolutions and products have the ``sampling_precision`` of the training.
    """
    with arithmetic(sampling_precision(settings["precision"])):
        return _gradients(network, settings, examples, **options)


def _gradients(network: nn.Module, settings: Mapping[str, Any], examples: Examples, **options: Any) -> DropoutGradients:
    data = examples.train_inputs, examples.train_targets
    where = {"keep_prob": keep_probs(settings)}
    if has_one_hidden_mask(settings):
        where = {"keep_prob": settings["keep_prob"], "dropout_after": settings["dropout_after"]}
    options = {"mask_mode": settings["mask_mode"], "micro_batch": settings["micro_batch"]} | where | options
    return dropout_gradients(network, settings["block"], data, run_risk(settings, examples), **options)
