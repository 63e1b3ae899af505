"""The flatness stage measures interval flatness along the principal directions of a run's samples."""

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.flatness.interval import interval_flatness
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.training.run_networks import load_networks, risk_floor, run_risk


def measure_flatness(job: Job) -> None:
    """Measure interval flatness of the dropout-free loss at the end point (paper A, Definition 2).

    Under label smoothing the loss is the cross-entropy with smoothed targets, entropy included, as the paper's; a
    second width is that of the divergence, the loss less that entropy, which alone can be close to zero.

    Writes ``interval``: sample (those of ``directions``; ``random`` is of random ones), seed, index (of the principal
    direction, from 1), factor, left, right, width and reason, the sentence that says why a width is undefined;
    divergence_width and divergence_reason, the same without label smoothing.
    """
    settings, inputs = job.settings, job.inputs
    device = chosen_device(settings["device"])
    examples = load_examples(inputs["data"], settings["data"], device)
    stacked, principal, pairs = (read_tensors(inputs[name])[0] for name in ("model", "directions", "hessian"))
    frames, risk = [], run_risk(settings, examples)
    for position, (seed, network) in enumerate(load_networks(settings, stacked, examples)):
        factors, floor = settings["factors"], risk_floor(settings, network, examples)
        of_divergence = len(factors) if floor else 0  # where the columns of the divergence start
        for sample in (name.removesuffix("/indices") for name in principal if name.endswith("/indices")):
            vectors = principal[f"{sample}/directions"][position]
            in_eigenbasis = vectors @ pairs["eigenvectors"][position].T
            measured = interval_flatness(
                network,
                settings["block"],
                (examples.train_inputs, examples.train_targets),
                risk,
                directions=vectors,
                factors=[*factors, *factors] if floor else factors,
                floors=[0.0] * len(factors) + [floor] * of_divergence,
                curvatures=(in_eigenbasis.double().square() @ pairs["eigenvalues"][position]),
                max_width=settings["max_width"],
                progress=Progress(f"flatness {job.name}, {sample}, seed {seed}", len(vectors)),
            )
            for column, factor in enumerate(factors):
                key = {"sample": sample, "seed": seed, "index": principal[f"{sample}/indices"].numpy()}
                columns = {
                    "factor": factor,
                    "left": measured.left[:, column],
                    "right": measured.right[:, column],
                    "width": measured.width[:, column],
                    "reason": measured.reasons[:, column],
                    "divergence_width": measured.width[:, of_divergence + column],
                    "divergence_reason": measured.reasons[:, of_divergence + column],
                }
                frames.append(pd.DataFrame(key | columns))
    write_table(job.outputs["interval"], pd.concat(frames))
    job.provenance(examples.description, device)
