"""How large the dropout loss is against its gradient, E R_S^drop / E |grad R_S^drop|^2 (paper B, section V.B, Fig. 3b).

R_2 is (learning rate / 4) E |grad R_S^drop|^2 (paper B, eq. 5), so the ratio says how large the dropout loss of a
regularised training is against R_2. Expectations are over masks at frozen parameters, the gradient is that of all
parameters, and a batch norm reads the statistics of the whole training set, as in every measurement.
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from torch import Tensor, nn

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.models.losses import PerExampleLoss
from dropscape.models.registry import keep_probs, with_data_dimensions
from dropscape.models.restored import networks_of_seeds
from dropscape.numerics.devices import arithmetic, chosen_device, sampling_precision
from dropscape.numerics.progress import Progress
from dropscape.sampling.modules import masked_draws, prepared
from dropscape.training.run_networks import run_risk


def measure_ratio(job: Job) -> None:
    """Measure E R_S^drop / E |grad R_S^drop|^2 of every seed of a run (paper B, section V.B and Fig. 3b).

    Writes ``ratios``: seed, mean_loss, mean_squared_gradient, ratio.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    stacked, _ = read_tensors(job.inputs["model"])
    architecture, risk = with_data_dimensions(settings["model"], examples.description), run_risk(settings, examples)
    rows = []
    for seed, network in networks_of_seeds(architecture, stacked, settings["seeds"], with_dropout=True):
        with arithmetic(sampling_precision(settings["precision"])):
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
        rows.append({"seed": seed} | measured)
    write_table(job.outputs["ratios"], pd.DataFrame(rows))
    job.provenance(examples.description, device)


def loss_gradient_ratio(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    loss: PerExampleLoss,
    *,
    keep_prob: float | Sequence[float],
    samples: int,
    **options: Any,
) -> dict[str, float]:
    """Average over ``samples`` fresh masks, each a full pass over the examples; summed in float64.

    Measured are mean_loss, E R_S^drop; mean_squared_gradient, E |grad R_S^drop|^2, in (loss / parameter)^2; and their
    ratio, in parameter^2 / loss, NaN where every gradient is zero. Arguments and errors are those of ``prepared`` and
    ``masked_draws``.
    """
    model, _ = prepared(model, inputs, keep_prob)
    block = [name for name, _ in model.named_parameters()]
    losses: Tensor | float = 0.0
    squares: Tensor | float = 0.0
    draws = masked_draws(model, block, inputs, targets, loss, samples=samples, purpose="ratio", **options)
    for value, gradient in draws:
        losses = losses + value
        squares = squares + gradient.double().square().sum()
    mean, square = float(losses) / samples, float(squares) / samples
    return {"mean_loss": mean, "mean_squared_gradient": square, "ratio": mean / square if square else math.nan}
