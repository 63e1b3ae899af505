"""Generated points for regression: a curve in one dimension, and samples of small tanh teachers.

Paper B draws its one-dimensional points (Fig. 1, 4 to 6, 9) and names its teachers by their numbers of neurons and
inputs (Fig. 7, 8), but gives none of the numbers; those here are ours. There is no other source: the same points are
made whatever the configuration says about where data comes from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dropscape.data.descriptions import generated_description
from dropscape.data.stored import Stored
from dropscape.errors import DataError
from dropscape.numerics.seeds import numpy_generator

TEST_EXAMPLES = 1_000


@dataclass(frozen=True, eq=False)
class Points(Stored):
    """Inputs with real values, and where they come from; a DataError names tables that do not fit together."""

    name: str  # in the configuration
    train_inputs: Tensor  # float32 (n, d)
    train_targets: Tensor  # float32 (n, k)
    test_inputs: Tensor
    test_targets: Tensor
    description: Mapping[str, Any]  # as in ``dataset.Dataset``, without ``classes``

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            inputs, targets = getattr(self, f"{split}_inputs"), getattr(self, f"{split}_targets")
            if any(table.dtype != torch.float32 or table.ndim != 2 for table in (inputs, targets)):
                raise DataError(
                    f"The {split} split of dataset '{self.name}' must be two float32 tables, inputs and values."
                )
            if len(inputs) != len(targets):
                raise DataError(
                    f"Dataset '{self.name}' has {len(inputs)} {split} inputs but {len(targets)} {split} values; give "
                    "one row of values to each input."
                )


def teacher(outputs: list[float], weights: list[list[float]]) -> Callable[[np.ndarray], np.ndarray]:
    """Make f(x) = sum_r outputs_r tanh(weights_r . (x, 1)), from inputs (n, d) to values (n,), float64."""
    bent = np.array(weights)

    def values(x: np.ndarray) -> np.ndarray:
        return np.tanh(x @ bent[:, :-1].T + bent[:, -1]) @ np.array(outputs)

    return values


def even(extent: float, count: int = TEST_EXAMPLES) -> np.ndarray:
    """Space inputs (count, 1) evenly from ``-extent`` to ``extent``."""
    return np.linspace(-extent, extent, count)[:, None]


def generator(name: str, split: str) -> np.random.Generator:
    """Make the generator of a dataset's split, ``train`` or ``test``."""
    return numpy_generator(0, "data", f"{name} {split}")


def generated(
    name: str, words: str, target: Callable[[np.ndarray], np.ndarray], train: np.ndarray, test: np.ndarray
) -> Points:
    """Compute the values of a target, (n, d) -> (n,) float64, at the inputs; ``words`` describe them in the label."""
    tensors = {}
    for split, x in {"train": train, "test": test}.items():
        tensors[f"{split}_inputs"] = torch.from_numpy(x).float()
        tensors[f"{split}_targets"] = torch.from_numpy(target(x))[:, None].float()
    counts = {"train": len(train), "test": len(test)}
    origin, label = f"generated points: {words}", f"generated points, {words}"
    return Points(name, **tensors, description=generated_description(name, counts, origin=origin, label=label))
