"""The flatness stage: interval flatness along the principal directions of a run's samples."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.flatness.interval import interval_flatness
from dropscape.numerics.progress import Progress
from dropscape.training.of_run import networks_of_run, risk_of_run


def measure_run(
    name: str,
    settings: Mapping[str, Any],
    model: str,
    data: str,
    directions: str,
    hessian: str,
    outputs: Mapping[str, str],
) -> None:
    """Interval flatness of the dropout-free loss at the end point (paper A, Definition 2).

    Writes ``interval``: sample, seed, index (of the principal direction, from 1), factor, left, right, width and
    reason, the sentence that says why a width is undefined.
    """
    examples = load_examples(data, settings["data"])
    stacked, _ = read_tensors(model)
    principal, _ = read_tensors(directions)
    pairs, _ = read_tensors(hessian)
    frames, risk = [], risk_of_run(settings, examples)
    for position, (seed, network) in enumerate(networks_of_run(settings, stacked, examples)):
        for sample in settings["samples"]:
            vectors = principal[f"{sample}/directions"][position].T
            in_eigenbasis = vectors @ pairs["eigenvectors"][position]
            measured = interval_flatness(
                network,
                settings["block"],
                examples.train_inputs,
                examples.train_targets,
                vectors,
                factors=settings["factors"],
                loss=risk,
                curvatures=(in_eigenbasis.double().square() @ pairs["eigenvalues"][position]),
                max_width=settings["max_width"],
                progress=Progress(f"flatness {name}, {sample}, seed {seed}", len(vectors)),
            )
            for column, factor in enumerate(settings["factors"]):
                frames.append(
                    pd.DataFrame(
                        {
                            "sample": sample,
                            "seed": seed,
                            "index": principal[f"{sample}/indices"].numpy(),
                            "factor": factor,
                            "left": measured.left[:, column],
                            "right": measured.right[:, column],
                            "width": measured.width[:, column],
                            "reason": [reasons[column] for reasons in measured.reasons],
                        }
                    )
                )
    write_table(outputs["interval"], pd.concat(frames))
    write_json(outputs["provenance"], provenance("flatness", settings, examples.description))
