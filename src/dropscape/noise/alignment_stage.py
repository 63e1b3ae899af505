"""The noise stage: alignment of Hessian and gradient covariance along a training."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.curvature.hessian import block_hessian
from dropscape.data.prepared import load_examples
from dropscape.models.losses import mean_loss
from dropscape.noise.alignment import alignment
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.of_run import gradients_of_run
from dropscape.training.of_run import networks_of_run, risk_of_run


def alignment_run(
    name: str, settings: Mapping[str, Any], snapshots: str, data: str, outputs: Mapping[str, str]
) -> None:
    """Alignment of Hessian and gradient covariance along a training (paper A, section 7; paper C, section 5.3).

    At each recorded step the Hessian of the dropout-free loss meets the covariance of gradients that are sampled
    under dropout with each of ``keep_probs``. Writes ``alignment``: seed, step, keep_prob, loss, and the fields
    of ``dropscape.noise.alignment.Alignment``.
    """
    device = chosen_device(settings["device"])
    examples = load_examples(data, settings["data"])
    tensors, metadata = read_tensors(snapshots)
    progress = Progress(f"alignment {name}", len(metadata["steps"]) * len(settings["seeds"]))
    rows, done = [], 0
    inputs, targets, risk = examples.train_inputs, examples.train_targets, risk_of_run(settings, examples)
    with_dropout = settings | {"keep_prob": settings["keep_probs"][0]}
    for position, step in enumerate(metadata["steps"]):
        at_step = {name: value[:, position] for name, value in tensors.items()}
        for seed, network in networks_of_run(with_dropout, at_step, examples, with_dropout=True):
            hessian = block_hessian(network, settings["block"], inputs, targets, loss=risk).matrix
            loss = mean_loss(network, inputs, targets, risk)
            for keep_prob in settings["keep_probs"]:
                gradients = gradients_of_run(
                    network,
                    settings | {"keep_prob": keep_prob},
                    examples,
                    samples=settings["samples"],
                    seed=seed,
                    purpose=f"alignment at step {step}, keep_prob {keep_prob}",
                    device=device,
                ).cpu()
                measured = alignment(hessian, gradients)
                fields = {key: value for key, value in vars(measured).items() if key != "undefined"}
                rows.append(
                    {"seed": seed, "step": step, "keep_prob": keep_prob, "loss": loss}
                    | fields
                    | {"undefined": " ".join(measured.undefined)}
                )
            done += 1
            progress(done, loss=loss)
    write_table(outputs["alignment"], pd.DataFrame(rows))
    write_json(outputs["provenance"], provenance("noise", settings, examples.description, device))
