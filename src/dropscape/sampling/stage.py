"""The sampling stage: N gradients of the block at the end point of training under fresh masks."""

from collections.abc import Mapping
from typing import Any

import torch

from dropscape.artifacts.files import read_tensors, write_json, write_tensors
from dropscape.artifacts.provenance import provenance
from dropscape.data.prepared import load_examples
from dropscape.models.losses import training_loss
from dropscape.models.registry import fitted, has_one_hidden_mask, keep_probs
from dropscape.models.restored import networks_of_seeds
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.gradients import dropout_gradients
from dropscape.sampling.modules import module_gradients


def sample_run(name: str, settings: Mapping[str, Any], model: str, data: str, outputs: Mapping[str, str]) -> None:
    """Sample every seed of a run and write ``gradients`` (S, N, P) float32 and the provenance."""
    device = chosen_device(settings["device"])
    examples = load_examples(data, settings["data"])
    stacked, _ = read_tensors(model)
    one_mask = has_one_hidden_mask(settings)
    architecture = fitted(settings["model"], examples.description)
    networks = networks_of_seeds(architecture, stacked, settings["seeds"], with_dropout=not one_mask)
    gradients = []
    for seed, network in networks:
        given = (network, settings["block"], examples.train_inputs, examples.train_targets)
        options = {
            "samples": settings["samples"],
            "seed": seed,
            "mask_mode": settings["mask_mode"],
            "device": device,
            "progress": Progress(f"sampling {name}, seed {seed}", settings["samples"]),
        }
        if one_mask:
            where = {"keep_prob": settings["keep_prob"], "dropout_after": settings["dropout_after"]}
            rows = dropout_gradients(*given, loss=settings["loss"], **where, **options)
        else:
            loss = training_loss(settings["loss"], examples.train_targets)
            where = {"keep_prob": keep_probs(settings), "micro_batch": settings["micro_batch"]}
            rows = module_gradients(*given, loss, **where, **options)
        gradients.append(rows.cpu())
    record = provenance("sampling", settings, examples.description, device)
    write_tensors(outputs["gradients"], {"gradients": torch.stack(gradients)}, record)
    write_json(outputs["provenance"], record)
