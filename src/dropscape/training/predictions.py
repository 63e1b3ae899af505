"""What the networks of a run predict, at any point of a training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dropscape.data.examples import Examples
from dropscape.models.losses import are_correct, encodes_classes
from dropscape.training.run_networks import load_networks

BATCH = 1000  # examples at a time
CLASSES, NUMBERS = ["seed", "example", "correct"], ["seed", "split", "example", "x", "target", "output"]


@torch.no_grad()
def predictions(settings: Mapping[str, Any], stacked: Mapping[str, Tensor], examples: Examples) -> pd.DataFrame:
    """Tabulate what each seed's network predicts, without dropout.

    Two trainings' accuracies on the same images are not independent: a paired test (``numerics.paired``) needs which
    images are predicted right. How good a regression is takes the targets' spread, and what a simpler curve reaches.

    Args:
        settings: ``model`` and ``seeds``.
        stacked: parameters and buffers at the point that is meant, ``{name: (S, ...)}``.
        examples: of the run.

    Returns:
        Of one class an example: seed, example (position in the test set, from 0), correct (1 or 0). Of one number an
        example: seed, split (``train`` or ``test``), example, x (the input; NaN where it has several coordinates),
        target, output. No rows for other targets, such as sentences, whose tokens are not independent.
    """
    inputs, targets = examples.test_inputs, examples.test_targets
    one_label = targets.ndim == (2 if targets.is_floating_point() else 1) and encodes_classes(targets)
    one_number = targets.is_floating_point() and targets.ndim == 2 and targets.shape[1] == 1
    rows = []
    measured = len(targets) and (one_label or one_number)
    for seed, network in load_networks(settings, stacked, examples) if measured else ():
        if one_number:
            splits = {"train": (examples.train_inputs, examples.train_targets), "test": (inputs, targets)}
            found = pd.concat([_numbers(network, *split).assign(split=name) for name, split in splits.items()])
        else:
            pairs = zip(inputs.split(BATCH), targets.split(BATCH), strict=True)
            correct = torch.cat([are_correct(network(x), y) for x, y in pairs]).int().cpu().numpy()
            found = pd.DataFrame({"example": range(len(correct)), "correct": correct})
        rows.append(found.assign(seed=seed))
    columns = NUMBERS if one_number else CLASSES
    return pd.concat(rows)[columns] if rows else pd.DataFrame(columns=columns)


def _numbers(network: nn.Module, inputs: Tensor, targets: Tensor) -> pd.DataFrame:
    one_input = inputs.ndim == 2 and inputs.shape[1] == 1
    outputs = torch.cat([network(x) for x in inputs.split(BATCH)])
    columns = {"x": inputs if one_input else np.nan, "target": targets, "output": outputs}
    numbers = {name: each[:, 0].double().cpu() if isinstance(each, Tensor) else each for name, each in columns.items()}
    return pd.DataFrame({"example": range(len(targets))} | numbers)
