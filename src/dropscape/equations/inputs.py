"""What an experiment on the equations reads: grey images with a one appended, one-hot classes, initial weights.

The paper resizes MNIST to 7 x 7 and does not say how. Here an image is averaged over squares of pixels, 4 x 4 for
7 x 7; at 28 x 28 it stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dropscape.data.prepared import load_examples
from dropscape.equations.initialization import initial_weights
from dropscape.equations.network import Sample, with_ones
from dropscape.errors import ConfigurationError
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.training.checkpoint import Checkpoints


@dataclass(frozen=True, eq=False)
class EquationInputs:
    """An experiment's data and network.

    Attributes:
        train, test: float32, each input with a one appended for the biases (section 3.2).
        checkpoints: the states of the job's simulations.
        scale: of the experiment's loss in units of R_S of eq. (1), which is summed over the k outputs: 1, or 2/k for
            torch's mean over examples and outputs. Dropout and its equations of either order with a learning rate eta
            on the one are exactly those with ``scale * eta`` on R_S, so this factor is all that is needed.
    """

    train: Sample
    test: Sample
    checkpoints: Checkpoints
    scale: float
    _model: Mapping[str, Any]

    def start(self, seeds: list[int], trials: int) -> list[Tensor]:
        """First weights of ``trials`` networks of each seed, as ``initial_weights`` gives them."""
        widths = [self.train.inputs.shape[1] - 1, *self._model["widths"], self.train.targets.shape[1]]
        weights = initial_weights(widths, self._model["initial_scale"], seeds, trials)
        return [layer.to(self.train.inputs.device) for layer in weights]


def load_inputs(job: Job) -> EquationInputs:
    """What the job's settings ``data``, ``model`` and ``loss`` say, on its ``device``, from its input ``data``."""
    settings = job.settings
    device = chosen_device(settings["device"])
    numbers = {key: settings["data"][key] for key in ("train_examples", "test_examples")}
    examples = load_examples(job.inputs["data"], numbers | {"normalisation": "unit", "one_hot": True})

    def sample(images: Tensor, targets: Tensor) -> Sample:
        return Sample(with_ones(pooled(images, settings["data"]["side"])).to(device), targets.to(device))

    train = sample(examples.train_inputs, examples.train_targets)
    test = sample(examples.test_inputs, examples.test_targets)
    job.provenance(examples.description, device)
    scale = {"mse": 1.0, "torch_mse": 2 / train.targets.shape[1]}[settings["loss"]]
    return EquationInputs(train, test, Checkpoints(job, examples.description, device), scale, settings["model"])


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
