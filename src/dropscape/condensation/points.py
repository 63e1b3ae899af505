"""The training examples of a network of one number, as the points that its function is drawn with."""

import pandas as pd

from dropscape.data.examples import Examples
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
