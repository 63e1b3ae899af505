"""The noise stage measures the alignment of Hessian and gradient covariance along a training."""

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.curvature.hessian import block_hessian
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.models.losses import mean_loss
from dropscape.noise.alignment import alignment, other_readings, rotated
from dropscape.noise.per_example import dropout_loss_hessian, per_example_covariance
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.sampling.stage import run_gradients
from dropscape.training.run_networks import load_networks, run_risk


def measure_alignment(job: Job) -> None:
    """Measure the alignment of Hessian and gradient covariance along a training (papers A, section 7; C, section 5.3).

    At each recorded step the Hessian of the dropout-free loss meets the covariance of gradients that are sampled
    under dropout with each of ``keep_probs``. Writes ``alignment``: seed, step, keep_prob, loss, the fields of
    ``dropscape.noise.alignment.Alignment``, those of ``rotated``, and with ``mask_draws`` those of ``other_readings``.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    tensors, metadata = read_tensors(job.inputs["snapshots"])
    progress = Progress(f"alignment {job.name}", len(metadata["steps"]) * len(settings["seeds"]))
    rows, done = [], 0
    inputs, targets, risk = examples.train_inputs, examples.train_targets, run_risk(settings, examples)
    with_dropout = settings | {"keep_prob": settings["keep_probs"][0]}
    for position, step in enumerate(metadata["steps"]):
        at_step = {name: value[:, position] for name, value in tensors.items()}
        for seed, network in load_networks(with_dropout, at_step, examples, with_dropout=True):
            hessian = block_hessian(network, settings["block"], inputs, targets, loss=risk).matrix.cpu()
            loss = mean_loss(network, inputs, targets, risk)
            for keep_prob in settings["keep_probs"]:
                purpose = f"alignment at step {step}, keep_prob {keep_prob}"
                options = {"samples": settings["samples"], "seed": seed, "purpose": purpose, "device": device}
                gradients = run_gradients(network, settings | {"keep_prob": keep_prob}, examples, **options)
                gradients = gradients.cpu()
                found = alignment(hessian, gradients)
                fields = vars(found) | {"undefined": " ".join(found.undefined)} | rotated(hessian, gradients, found)
                if settings["mask_draws"]:
                    given = (
                        network,
                        settings | {"keep_prob": keep_prob},
                        examples,
                        seed,
                        purpose,
                        settings["mask_draws"],
                    )
                    fields |= other_readings(
                        hessian, dropout_loss_hessian(*given).cpu(), gradients, per_example_covariance(*given).cpu()
                    )
                rows.append({"seed": seed, "step": step, "keep_prob": keep_prob, "loss": loss} | fields)
            done += 1
            progress(done, loss=loss)
    write_table(job.outputs["alignment"], pd.DataFrame(rows))
    job.provenance(examples.description, device)
