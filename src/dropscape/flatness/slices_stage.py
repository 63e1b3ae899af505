"""The flatness stage slices the loss through the end points of a run in random directions."""

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.flatness.slices import loss_slice, slice_widths
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.training.run_networks import load_networks, risk_floor, run_risk


def slice_loss(job: Job) -> None:
    """Slice the dropout-free loss (paper A, section 5 and Fig. 1).

    The directions of a seed are the same for all runs of an experiment, each scaled to the run's filters.

    Writes ``slices``: seed, direction, alpha, loss, of what the first of ``moved`` says that moves; and
    ``slice_widths``: seed, moved, judged (whether the row has the first of ``moved`` and of ``rises``), floor (the
    smallest value of the loss, above 0 under label smoothing alone) and the columns of ``slice_widths``.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    stacked, _ = read_tensors(job.inputs["model"])
    alphas = np.linspace(-settings["extent"], settings["extent"], settings["points"])
    risk, drawn = run_risk(settings, examples), settings["moved"][0]
    unit = float(examples.train_targets.double().square().sum(dim=1).mean() / 2) if settings["of_zero_output"] else 1.0
    rises = [unit * rise for rise in settings["rises"]]
    measured = None, (examples.train_inputs, examples.train_targets), risk
    progress = Progress(f"slices {job.name}", len(settings["seeds"]))
    slices, widths = [], []
    for done, (seed, network) in enumerate(load_networks(settings, stacked, examples), 1):
        along = {"directions": settings["directions"], "seed": seed}
        slices.append(loss_slice(network, *measured, alphas=alphas, **along, moved=drawn).table.assign(seed=seed))
        floor = risk_floor(settings, network, examples)
        for moved in settings["moved"]:
            found = slice_widths(network, *measured, rises=rises, **along, moved=moved, max_width=settings["max_width"])
            judged = found["rise"].eq(rises[0]) & (moved == drawn)
            widths.append(found.assign(seed=seed, moved=moved, judged=judged, floor=floor))
        progress(done)
    write_table(job.outputs["slices"], pd.concat(slices))
    write_table(job.outputs["slice_widths"], pd.concat(widths))
    job.provenance(examples.description, device)
