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

from dropscape.data.stored import Stored
from dropscape.errors import DataError
from dropscape.numerics.seeds import numpy_generator

TEST_EXAMPLES = 1_000


@dataclass(frozen=True, eq=False)
class Points(Stored):
    """Inputs with real values, and where they come from.

    Attributes:
        name: the name under which the configuration knows the dataset.
        train_inputs, test_inputs: float32 (n, d).
        train_targets, test_targets: float32 (n, k).
        description: as that of a ``Dataset``; no ``classes``.

    Raises:
        DataError: inputs and targets differ in number, or are not float32 tables.
    """

    name: str
    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    description: Mapping[str, Any]

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            inputs, targets = getattr(self, f"{part}_inputs"), getattr(self, f"{part}_targets")
            if any(table.dtype != torch.float32 or table.ndim != 2 for table in (inputs, targets)):
                raise DataError(
                    f"The {part} part of dataset '{self.name}' must be two float32 tables, inputs and values."
                )
            if len(inputs) != len(targets):
                raise DataError(
                    f"Dataset '{self.name}' has {len(inputs)} {part} inputs but {len(targets)} {part} values; give "
                    "one row of values to each input."
                )


@dataclass(frozen=True)
class Generated:
    """How one dataset is made.

    Attributes:
        words: what it is, for the label.
        target: from inputs (n, d) to values (n,), float64.
        train, test: inputs (n, d), float64.
    """

    words: str
    target: Callable[[np.ndarray], np.ndarray]
    train: Callable[[], np.ndarray]
    test: Callable[[], np.ndarray]


def _teacher(outputs: list[float], weights: list[list[float]]) -> Callable[[np.ndarray], np.ndarray]:
    """f(x) = sum_r outputs_r tanh(weights_r . (x, 1))."""
    bent = np.array(weights)

    def values(x: np.ndarray) -> np.ndarray:
        return np.tanh(x @ bent[:, :-1].T + bent[:, -1]) @ np.array(outputs)

    return values


def _even(low: float, high: float, count: int) -> Callable[[], np.ndarray]:
    return lambda: np.linspace(low, high, count)[:, None]


def _drawn(name: str, part: str, count: int, draw: Callable[[np.random.Generator], np.ndarray]) -> Callable:
    return lambda: draw(numpy_generator(0, "data", f"{name} {part}"))[:count]


def _uniform(name: str, part: str, extent: float, count: int) -> Callable[[], np.ndarray]:
    return _drawn(name, part, count, lambda rng: rng.uniform(-extent, extent, (count, 1)))


def _normal(name: str, part: str, width: int, count: int) -> Callable[[], np.ndarray]:
    return _drawn(name, part, count, lambda rng: rng.standard_normal((count, width)))


# A unit vector in ten dimensions, no coordinate of which stands out.
_DIRECTION = [(-1) ** k * 10**-0.5 for k in range(10)]

GENERATED: dict[str, Generated] = {
    "curve": Generated(
        "a plateau between two steps, one input",
        _teacher([0.5, -0.5], [[1.0, 4.0], [1.0, -4.0]]),
        _even(-10, 10, 12),
        _even(-10, 10, TEST_EXAMPLES),
    ),
    # The kinks of ReLU units, -b/w, lie close to zero: the same curve where they are.
    "narrow_curve": Generated(
        "a plateau between two steps, one input",
        _teacher([0.5, -0.5], [[5.0, 4.0], [5.0, -4.0]]),
        _even(-2, 2, 12),
        _even(-2, 2, TEST_EXAMPLES),
    ),
    "two_neurons": Generated(
        "a tanh teacher of two neurons, one input",
        _teacher([1.0, -0.8], [[1.2, 1.0], [-0.7, 0.9]]),
        _uniform("two_neurons", "train", 5.0, 64),
        _even(-5, 5, TEST_EXAMPLES),
    ),
    "one_neuron": Generated(
        "a tanh teacher of one neuron, ten inputs",
        _teacher([1.0], [[*_DIRECTION, 0.0]]),
        _normal("one_neuron", "train", 10, 200),
        _normal("one_neuron", "test", 10, TEST_EXAMPLES),
    ),
}


def generated(name: str) -> Points:
    """The dataset ``name`` of ``GENERATED``; always the same points."""
    recipe = GENERATED[name]
    inputs = {"train": recipe.train(), "test": recipe.test()}
    tensors = {}
    for part, x in inputs.items():
        tensors[f"{part}_inputs"] = torch.from_numpy(x).float()
        tensors[f"{part}_targets"] = torch.from_numpy(recipe.target(x))[:, None].float()
    return Points(name, **tensors, description=_description(name, recipe, {part: len(x) for part, x in inputs.items()}))


def _description(name: str, recipe: Generated, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "dataset": name,
        "source": "embedded",
        "origin": f"generated points: {recipe.words}",
        "files": {},
        "checksums_verified": True,
        "counts": dict(counts),
        "licence": "generated, free of rights",
        "differs": "",
        "label": f"generated points, {recipe.words}",
    }
