"""The sampling stage: the dropout loss against its gradient at the end point of training."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.models.registry import fitted, keep_probs
from dropscape.models.restored import networks_of_seeds
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.ratio import loss_gradient_ratio
from dropscape.training.of_run import risk_of_run


def ratio_run(name: str, settings: Mapping[str, Any], model: str, data: str, outputs: Mapping[str, str]) -> None:
    """E R_S^drop / E |grad R_S^drop|^2 of every seed of a run (paper B, section V.B and Fig. 3b).

    Writes ``ratios``: seed, mean_loss, mean_squared_gradient, ratio; and the provenance.
    """
    device = chosen_device(settings["device"])
    examples = load_examples(data, settings["data"])
    stacked, _ = read_tensors(model)
    architecture, risk = fitted(settings["model"], examples.description), risk_of_run(settings, examples)
    rows = []
    for seed, network in networks_of_seeds(architecture, stacked, settings["seeds"], with_dropout=True):
        measured = loss_gradient_ratio(
            network,
            examples.train_inputs,
            examples.train_targets,
            risk,
            keep_prob=keep_probs(settings),
            samples=settings["samples"],
            seed=seed,
            mask_mode=settings["mask_mode"],
            micro_batch=settings["micro_batch"],
            device=device,
            progress=Progress(f"ratio {name}, seed {seed}", settings["samples"]),
        )
        rows.append({"seed": seed} | vars(measured) | {"ratio": measured.ratio})
    write_table(outputs["ratios"], pd.DataFrame(rows))
    write_json(outputs["provenance"], provenance("sampling", settings, examples.description, device))
