"""Which test examples the networks of a run predict right, at any point of a training."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dropscape.data.examples import Examples
from dropscape.models.losses import are_correct, encodes_classes
from dropscape.training.run_networks import load_networks

BATCH = 1000  # examples at a time


@torch.no_grad()
def predicted_right(settings: Mapping[str, Any], stacked: Mapping[str, Tensor], examples: Examples) -> pd.DataFrame:
    """Say of every test example whether each seed's network predicts it right, without dropout.

    Two trainings' accuracies on the same images are not independent: a paired test (``numerics.paired``) needs this.

    Args:
        settings: ``model`` and ``seeds``.
        stacked: parameters and buffers at the point that is meant, ``{name: (S, ...)}``.
        examples: of the run.

    Returns:
        seed, example (position in the test set, from 0), correct (1 or 0). No rows for a regression or where there are
        no test examples, nor for sentences, whose tokens are not independent.
    """
    rows = []
    inputs, targets = examples.test_inputs, examples.test_targets
    one_label = targets.ndim == (2 if targets.is_floating_point() else 1) and encodes_classes(targets)
    for seed, network in load_networks(settings, stacked, examples) if one_label and len(targets) else ():
        pairs = zip(inputs.split(BATCH), targets.split(BATCH), strict=True)
        correct = torch.cat([are_correct(network(x), y) for x, y in pairs]).int().cpu().numpy()
        rows.append(pd.DataFrame({"seed": seed, "example": range(len(correct)), "correct": correct}))
    return pd.concat(rows) if rows else pd.DataFrame(columns=["seed", "example", "correct"])
