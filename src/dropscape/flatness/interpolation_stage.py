"""The flatness stage: the loss between the end points of pairs of an experiment's runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.flatness.interpolation import interpolated_losses
from dropscape.numerics.progress import Progress
from dropscape.training.of_run import networks_of_run, risk_of_run


def interpolate_experiment(
    name: str, settings: Mapping[str, Any], models: Mapping[str, str], data: str, outputs: Mapping[str, str]
) -> None:
    """R_S without dropout between the end points of every pair of runs (paper B, section VII.C and Fig. 14).

    Args:
        name: of the experiment, for the progress lines.
        settings: ``data``, ``model``, ``loss``, ``label_smoothing``, ``seeds``, ``pairs`` of runs' names and
            ``points``, how many evenly spaced alphas from 0 to 1.
        models: path of each run's end point.
        data: the prepared dataset.
        outputs: paths. Writes ``interpolations``: first, second (names of runs), seed, alpha, loss.
    """
    examples = load_examples(data, settings["data"])
    risk = risk_of_run(settings, examples)
    alphas = np.linspace(0, 1, settings["points"])
    progress = Progress(f"interpolations {name}", len(settings["pairs"]))
    frames = []
    for done, (first, second) in enumerate(settings["pairs"], 1):
        ends = [networks_of_run(settings, read_tensors(models[run])[0], examples) for run in (first, second)]
        for (seed, one), (_, other) in zip(*ends, strict=True):
            losses = interpolated_losses(one, other, examples.train_inputs, examples.train_targets, alphas, risk)
            key = {"first": first, "second": second, "seed": seed}
            frames.append(pd.DataFrame(key | {"alpha": alphas, "loss": losses}))
        progress(done)
    write_table(outputs["interpolations"], pd.concat(frames))
    write_json(outputs["provenance"], provenance("flatness", settings, examples.description))
