"""The flatness stage slices the loss through the end points of a run in random directions."""

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.flatness.slices import loss_slices, slice_flatness
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.training.run_networks import load_networks, run_risk


def slice_loss(job: Job) -> None:
    """Slice the dropout-free loss (paper A, section 5 and Fig. 1).

    The directions of a seed are the same for all runs of an experiment, each scaled to the run's filters.

    Writes ``slices``: seed, direction, alpha, loss, and ``slice_widths``: seed and the columns of ``slice_flatness``.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    stacked, _ = read_tensors(job.inputs["model"])
    alphas = np.linspace(-settings["extent"], settings["extent"], settings["points"])
    risk = run_risk(settings, examples)
    progress = Progress(f"slices {job.name}", len(settings["seeds"]))
    slices, widths = [], []
    for done, (seed, network) in enumerate(load_networks(settings, stacked, examples), 1):
        curves = loss_slices(
            network, examples.train_inputs, examples.train_targets, alphas, settings["directions"], seed, risk
        )
        slices.append(curves.assign(seed=seed))
        widths.append(slice_flatness(curves, settings["rise"], settings["extent"] / 2).assign(seed=seed))
        progress(done)
    write_table(job.outputs["slices"], pd.concat(slices))
    write_table(job.outputs["slice_widths"], pd.concat(widths))
    job.provenance(examples.description, device)
