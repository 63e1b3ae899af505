"""The sampling stage samples N gradients of the block at the end point of training under fresh masks."""

import torch

from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.run_gradients import run_gradients
from dropscape.training.run_networks import load_networks


def sample_gradients(job: Job) -> None:
    """Sample gradients of every seed of a run; write ``gradients`` (S, N, P) float32."""
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"])
    stacked, _ = read_tensors(job.inputs["model"])
    gradients = []
    for seed, network in load_networks(settings, stacked, examples, with_dropout=True):
        progress = Progress(f"sampling {job.name}, seed {seed}", settings["samples"])
        options = {"samples": settings["samples"], "seed": seed, "device": device, "progress": progress}
        gradients.append(run_gradients(network, settings, examples, **options).cpu())
    record = job.provenance(examples.description, device)
    write_tensors(job.outputs["gradients"], {"gradients": torch.stack(gradients)}, record)
