"""The flatness stage: slices of the loss through the end points of a run in random directions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.flatness.slices import loss_slices, slice_flatness
from dropscape.numerics.progress import Progress
from dropscape.training.of_run import networks_of_run, risk_of_run


def slice_run(name: str, settings: Mapping[str, Any], model: str, data: str, outputs: Mapping[str, str]) -> None:
    """Slices of the dropout-free loss (paper A, section 5 and Fig. 1).

    The directions of a seed are the same for all runs of an experiment, each scaled to the run's own filters.

    Writes ``slices``: seed, direction, alpha, loss, and ``slice_widths``: seed and the columns of ``slice_flatness``.
    """
    examples = load_examples(data, settings["data"])
    stacked, _ = read_tensors(model)
    alphas = np.linspace(-settings["extent"], settings["extent"], settings["points"])
    risk = risk_of_run(settings, examples)
    progress = Progress(f"slices {name}", len(settings["seeds"]))
    slices, widths = [], []
    for done, (seed, network) in enumerate(networks_of_run(settings, stacked, examples), 1):
        curves = loss_slices(
            network, examples.train_inputs, examples.train_targets, alphas, settings["directions"], seed, risk
        )
        slices.append(curves.assign(seed=seed))
        widths.append(slice_flatness(curves, settings["rise"], settings["extent"] / 2).assign(seed=seed))
        progress(done)
    write_table(outputs["slices"], pd.concat(slices))
    write_table(outputs["slice_widths"], pd.concat(widths))
    write_json(outputs["provenance"], provenance("flatness", settings, examples.description))
