"""The sampling stage compares the dropout loss with its gradient at the end point of training."""

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.models.registry import keep_probs, with_data_dimensions
from dropscape.models.restored import networks_of_seeds
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.ratio import loss_gradient_ratio
from dropscape.training.run_networks import run_risk


def measure_ratio(job: Job) -> None:
    """Measure E R_S^drop / E |grad R_S^drop|^2 of every seed of a run (paper B, section V.B and Fig. 3b).

    Writes ``ratios``: seed, mean_loss, mean_squared_gradient, ratio.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"])
    stacked, _ = read_tensors(job.inputs["model"])
    architecture, risk = with_data_dimensions(settings["model"], examples.description), run_risk(settings, examples)
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
            progress=Progress(f"ratio {job.name}, seed {seed}", settings["samples"]),
        )
        rows.append({"seed": seed} | vars(measured) | {"ratio": measured.ratio})
    write_table(job.outputs["ratios"], pd.DataFrame(rows))
    job.provenance(examples.description, device)
