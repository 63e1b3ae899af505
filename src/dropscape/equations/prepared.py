"""What the equations train and are tested on: small grey images with a one appended, and classes one-hot.

The paper resizes MNIST to 7 x 7 and does not say how. Here an image is averaged over squares of pixels, 4 x 4 for
7 x 7; at 28 x 28 it stays as it is.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dropscape.data.examples import Examples
from dropscape.equations.network import Sample, with_ones
from dropscape.errors import ConfigurationError


def pooled(images: Tensor, side: int) -> Tensor:
    """Rows (n, s^2) of square grey images, averaged over squares to (n, side^2).

    Raises:
        ConfigurationError: the rows are no square images, or ``side`` does not divide theirs.
    """
    whole = round(images.shape[-1] ** 0.5)
    if images.ndim != 2 or whole**2 != images.shape[-1] or whole % side:
        raise ConfigurationError(
            f"data.side of an experiment on the equations is {side}, but the dataset's examples have shape "
            f"{tuple(images.shape[1:])}: write a divisor of the side of its square grey images (28 for mnist)."
        )
    square = whole // side
    return images.view(-1, side, square, side, square).mean(dim=(2, 4)).flatten(1)


def samples(examples: Examples, side: int, device: str = "cpu") -> tuple[Sample, Sample]:
    """The training and the test sample, float32, each input with a one appended for the biases (section 3.2)."""
    parts = (
        (examples.train_inputs, examples.train_targets),
        (examples.test_inputs, examples.test_targets),
    )
    train, test = (Sample(with_ones(pooled(inputs, side)).to(device), targets.to(device)) for inputs, targets in parts)
    return train, test


def data_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ``load_examples`` is given: grey levels from 0 to 1 and classes one-hot."""
    return {key: settings[key] for key in ("train_examples", "test_examples")} | {
        "normalisation": "unit",
        "one_hot": True,
    }
