"""What an experiment on the equations is given: small grey images with a one appended, one-hot classes, first weights.

The paper resizes MNIST to 7 x 7 and does not say how. Here an image is averaged over squares of pixels, 4 x 4 for
7 x 7; at 28 x 28 it stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dropscape.data.prepared import load_examples
from dropscape.equations.initial import starts
from dropscape.equations.network import Sample, with_ones
from dropscape.errors import ConfigurationError


@dataclass(frozen=True, eq=False)
class Prepared:
    """An experiment's data and network.

    Attributes:
        train, test: float32, each input with a one appended for the biases (section 3.2).
        description: that of the dataset.
        scale: of the experiment's loss in units of R_S of eq. (1), which is summed over the k outputs: 1, or 2/k for
            torch's mean over examples and outputs. Dropout and its equations of either order with a learning rate eta
            on the one are exactly those with ``scale * eta`` on R_S, so this factor is all that is needed.
    """

    train: Sample
    test: Sample
    description: Mapping[str, Any]
    scale: float
    _model: Mapping[str, Any]

    def start(self, seeds: list[int], trials: int) -> list[Tensor]:
        """First weights of ``trials`` networks of each seed, as ``starts`` gives them."""
        widths = [self.train.inputs.shape[1] - 1, *self._model["widths"], self.train.targets.shape[1]]
        weights = starts(widths, self._model["initial_scale"], seeds, trials)
        return [layer.to(self.train.inputs.device) for layer in weights]


def prepared(settings: Mapping[str, Any], data: str, device: str) -> Prepared:
    """What the experiment's ``data``, ``model`` and ``loss`` say, from the prepared dataset at the path ``data``."""
    own = settings["data"]
    wanted = {key: own[key] for key in ("train_examples", "test_examples")}
    examples = load_examples(data, wanted | {"normalisation": "unit", "one_hot": True})
    train, test = (
        Sample(with_ones(pooled(inputs, own["side"])).to(device), targets.to(device))
        for inputs, targets in (
            (examples.train_inputs, examples.train_targets),
            (examples.test_inputs, examples.test_targets),
        )
    )
    scale = {"mse": 1.0, "torch_mse": 2 / train.targets.shape[1]}[settings["loss"]]
    return Prepared(train, test, examples.description, scale, settings["model"])


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
