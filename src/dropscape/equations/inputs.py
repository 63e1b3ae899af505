"""What an experiment on the equations reads: grey images with a one appended, one-hot classes, initial weights.

The paper resizes MNIST to 7 x 7 and does not say how. Here an image is averaged over squares of pixels, 4 x 4 for
7 x 7; at 28 x 28 it stays as it is.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dropscape.data.prepared import load_examples
from dropscape.equations.network import Sample, with_ones
from dropscape.errors import ConfigurationError
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.seeds import torch_generator
from dropscape.training.checkpoint import Checkpoints


@dataclass(frozen=True, eq=False)
class EquationInputs:
    """An experiment's data and network."""

    train: Sample  # float32, each input with a one appended for the biases (section 3.2)
    test: Sample  # the same
    checkpoints: Checkpoints  # the states of the job's simulations
    # The experiment's loss in units of R_S of eq. (1), which is summed over the k outputs: 1, or 2/k for torch's mean
    # over examples and outputs. Dropout and its equations of either order with a learning rate eta on the one are
    # exactly those with ``scale * eta`` on R_S, so this factor is all that is needed.
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


def initial_weights(
    widths: Sequence[int], initial_scale: Sequence[float] | None, seeds: Sequence[int], trials: int
) -> list[Tensor]:
    """Weights (S * trials, outputs, inputs) of every layer, float32; a seed's trials stand together.

    Hidden layers have their biases in a last column, of the one that is appended to their inputs; the output has none
    (eq. 2). A seed's draws depend on the seed, the number of trials and the widths only: another scale multiplies the
    same numbers.

    Args:
        widths: d (without the one), the hidden widths, k.
        initial_scale: standard deviation of each layer's normals; None draws each layer uniformly up to
            1/sqrt(inputs), as torch does by default.
        trials: of each of the S seeds.
    """
    networks = []
    for seed in seeds:
        generator = torch_generator(seed, "equations", "initial")
        layers = []
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            shape = (trials, outputs, inputs + (index < len(widths) - 2))
            if initial_scale is None:
                layers.append((2 * torch.rand(shape, generator=generator) - 1) / inputs**0.5)
            else:
                layers.append(initial_scale[index] * torch.randn(shape, generator=generator))
        networks.append(layers)
    return [torch.cat(layers) for layers in zip(*networks, strict=True)]


def pooled(images: Tensor, side: int) -> Tensor:
    """Rows (n, s^2) of square grey images, averaged over squares to (n, side^2).

    A ConfigurationError says that the rows are no square images, or that ``side`` does not divide theirs.
    """
    whole = round(images.shape[-1] ** 0.5)
    if images.ndim != 2 or whole**2 != images.shape[-1] or whole % side:
        raise ConfigurationError(
            f"data.side of an experiment on the equations is {side}, but the dataset's examples have shape "
            f"{tuple(images.shape[1:])}: write a divisor of the side of its square grey images (28 for mnist)."
        )
    square = whole // side
    return images.view(-1, side, square, side, square).mean(dim=(2, 4)).flatten(1)
