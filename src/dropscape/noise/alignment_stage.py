"""The noise stage: alignment of Hessian and gradient covariance along a training."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_tensors, write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.curvature.hessian import block_hessian
from dropscape.data.prepared import load_examples
from dropscape.models.losses import output_loss
from dropscape.models.restored import networks_of_seeds
from dropscape.noise.alignment import alignment
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.gradients import dropout_gradients


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
    for position, step in enumerate(metadata["steps"]):
        at_step = {name: value[:, position] for name, value in tensors.items()}
        for seed, network in networks_of_seeds(settings["model"], at_step, settings["seeds"]):
            inputs, labels = examples.train_inputs, examples.train_targets
            hessian = block_hessian(network, settings["block"], inputs, labels, loss=settings["loss"]).matrix
            loss = float(output_loss(settings["loss"])(network(inputs), labels).double().mean())
            for keep_prob in settings["keep_probs"]:
                gradients = dropout_gradients(
                    network,
                    settings["block"],
                    inputs,
                    labels,
                    keep_prob=keep_prob,
                    dropout_after=settings["dropout_after"],
                    samples=settings["samples"],
                    seed=seed,
                    mask_mode=settings["mask_mode"],
                    loss=settings["loss"],
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
