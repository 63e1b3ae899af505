"""The data stage: the training examples of a run on one-dimensional data as a table, for the figures that show them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.data.examples import Examples
from dropscape.data.prepared import load_examples
from dropscape.errors import ConfigurationError


def points_of(examples: Examples) -> pd.DataFrame:
    """The training examples as x and y, in their order.

    Raises:
        ConfigurationError: an input or a target is not one number.
    """
    inputs, targets = examples.train_inputs, examples.train_targets
    if inputs.ndim != 2 or inputs.shape[1] != 1 or targets.shape != inputs.shape or not targets.is_floating_point():
        raise ConfigurationError(
            "condensation.interval draws functions of one number, but the examples of "
            f"'{examples.description['label']}' have inputs of shape {tuple(inputs.shape)} and targets of shape "
            f"{tuple(targets.shape)}; leave it out."
        )
    return pd.DataFrame({"x": inputs[:, 0].double().numpy(), "y": targets[:, 0].double().numpy()})


def write_examples(settings: Mapping[str, Any], data: str, outputs: Mapping[str, str]) -> None:
    """Write ``examples``, x and y of each training example, and the provenance.

    Args:
        settings: ``data``, as ``load_examples`` takes it.
        data: the prepared dataset.
        outputs: paths.
    """
    examples = load_examples(data, settings["data"])
    write_table(outputs["examples"], points_of(examples))
    write_json(outputs["provenance"], provenance("data", settings, examples.description))
