"""The sampling stage: N gradients of the block at the end point of training under fresh masks."""

from collections.abc import Mapping
from typing import Any

import torch

from dropscape.artifacts.files import write_json
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.data.prepared import load_examples
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.of_run import gradients_of_run
from dropscape.training.of_run import networks_of_run


def sample_run(name: str, settings: Mapping[str, Any], model: str, data: str, outputs: Mapping[str, str]) -> None:
    """Sample every seed of a run and write ``gradients`` (S, N, P) float32 and the provenance."""
    device = chosen_device(settings["device"])
    examples = load_examples(data, settings["data"])
    stacked, _ = read_tensors(model)
    gradients = []
    for seed, network in networks_of_run(settings, stacked, examples, with_dropout=True):
        progress = Progress(f"sampling {name}, seed {seed}", settings["samples"])
        options = {"samples": settings["samples"], "seed": seed, "device": device, "progress": progress}
        gradients.append(gradients_of_run(network, settings, examples, **options).cpu())
    record = provenance("sampling", settings, examples.description, device)
    write_tensors(outputs["gradients"], {"gradients": torch.stack(gradients)}, record)
    write_json(outputs["provenance"], record)
