"""Training of one convolutional network (paper D, section 6), with its sub-networks tested on the way.

Each iteration takes a batch and one mask for it. Batches and masks follow from seed and step: a training resumes from
its step alone, and the mask of any iterate can be made again to test the very sub-network that it trained.

Networks are trained one after another: on a processor a step is its arithmetic, of which a batch of networks saves
nothing (four as grouped convolutions took longer than four in turn).
"""

import math
from dataclasses import dataclass

import pandas as pd
import psutil
import torch
from torch import Tensor

from dropscape.dropout.masks import MaskStream, check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.numerics.seeds import numpy_generator
from dropscape.subnetworks.cnn import Parameters, Shape, initial_parameters, step
from dropscape.subnetworks.convolutions_kernel import KERNEL
from dropscape.subnetworks.evaluation import EXAMPLES, IMAGES, UNITS, accuracies
from dropscape.training.loop import TrainingRun, refuse_divergence

_FLOAT, _GIB = 4, 2**30
COLUMNS = ["width", "dropped_share", "run", "step", "network", "mask", "accuracy"]


@dataclass(frozen=True)
class CnnTraining:
    """The configuration of a training; refuses numbers that cannot work."""

    shape: Shape
    keep_prob: float  # of the units of the top hidden layer
    seed: int
    learning_rate: float
    batch_size: int  # examples of a step; the last step of an epoch has what is left
    steps: int
    recorded: tuple[int, ...]  # the steps at which sub-networks are tested, 0 to ``steps``
    random_masks: int  # how many sub-networks with random masks are tested, the same ones at all these steps

    def __post_init__(self):
        check_keep_prob(self.keep_prob)
        if self.batch_size < 1:
            raise ConfigurationError(f"batch_size is {self.batch_size}; write at least 1.")


def count_steps(epochs: int, examples: int, batch_size: int) -> int:
    """Count the steps of ``epochs``."""
    return epochs * math.ceil(examples / batch_size)


def step_mask(config: CnnTraining, number: int) -> Tensor:
    """Draw the mask of a step (counted from 0), (m,) bool; a larger keep probability keeps the same units and more."""
    return MaskStream(config.seed, "subnetworks", "masks").kept(number, config.keep_prob, 0, 1, config.shape.width)[0]


def random_masks(config: CnnTraining) -> Tensor:
    """Draw the masks of the random sub-networks, (M, m) bool, none of them a step's."""
    stream = MaskStream(config.seed, "subnetworks", "random masks")
    return stream.kept(0, config.keep_prob, 0, config.random_masks, config.shape.width)


def epoch_order(config: CnnTraining, epoch: int, examples: int) -> Tensor:
    """Draw the order in which an epoch takes the examples, int64."""
    generator = numpy_generator(config.seed, "subnetworks", f"epoch {epoch}")
    return torch.from_numpy(generator.permutation(examples))


def training_bytes(config: CnnTraining, train_examples: int, test_examples: int) -> int:
    """Estimate from above what a training holds at its peak beyond the program itself.

    On all of MNIST a width of 250,000 takes at most 0.8 GiB, one of 100,000 with 100 random sub-networks 0.4 GiB.

    Parameters, and a copy while a checkpoint is saved; a step's copy of the kept rows, their activations and their
    gradients; the activations of the convolutions; what testing all sub-networks needs; and the images.
    """
    shape, keep_prob, masks = config.shape, config.keep_prob, config.random_masks + 2
    unit = shape.hidden + 1 + shape.classes
    first, second = shape.side**2, (shape.side // 2) ** 2
    parameters = shape.width * unit + shape.feature_inputs * shape.hidden
    parameters += KERNEL**2 * shape.channels[0] * (1 + shape.channels[1])
    kept = keep_prob * shape.width + 4 * math.sqrt(keep_prob * (1 - keep_prob) * shape.width)
    image = 3 * first * shape.channels[0] + 3 * second * shape.channels[1]  # before and after pooling, gradients
    step = kept * (unit + 4 * config.batch_size) + 2 * image * config.batch_size
    at_once = min(test_examples, EXAMPLES)
    units = min(shape.width, UNITS)
    testing = 2 * masks * shape.classes * (units + at_once) + units * at_once + image * min(test_examples, IMAGES)
    images = (train_examples + test_examples) * first
    numbers = 2 * parameters + max(step, testing) + images
    return round(_FLOAT * numbers) + masks * shape.width


def available_bytes(device: str) -> int:
    """Measure the memory of the device that is free now."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else psutil.virtual_memory().available


def refuse_too_wide(width: int, needed: int, available: int, device: str) -> None:
    """Raise a ConfigurationError for a width whose training needs more bytes than are available."""
    if needed > available:
        raise ConfigurationError(
            f"a network of width {width:,} takes {needed / _GIB:.3g} GiB to train, but device '{device}' has "
            f"{available / _GIB:.3g} GiB free; leave it out of `widths` of the experiment, or use a machine with more "
            "memory."
        )


class CnnRun(TrainingRun):
    """A training in progress, which results in a table of ``COLUMNS``.

    ``train`` and ``test`` are images (n, 1, side, side) float32 and labels (n,) int64 on the device that computes.
    """

    def __init__(self, config: CnnTraining, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]):
        super().__init__(config.steps)
        self.config = config
        self.train, self.test = train, test
        self.device = train[0].device
        initial = initial_parameters(config.shape, config.seed)
        self.parameters: Parameters = {name: value.to(self.device) for name, value in initial.items()}
        self.random_masks = random_masks(config)
        self.epoch = -1

    def _advance(self) -> None:
        config, (images, labels) = self.config, self.train
        epoch, position = divmod(self.step, count_steps(1, len(labels), config.batch_size))
        if self.epoch != epoch:
            self.epoch, self.order = epoch, epoch_order(config, epoch, len(labels)).to(self.device)
        batch = self.order[position * config.batch_size : (position + 1) * config.batch_size]
        mask = step_mask(config, self.step).to(self.device)
        self.loss = step(self.parameters, images[batch], labels[batch], mask, config.keep_prob, config.learning_rate)
        self.step += 1

    def _record(self) -> None:
        """Test the full network, the one that the next step trains and the random ones."""
        config = self.config
        if self.step not in config.recorded:
            return
        if self.step:
            refuse_divergence(config.seed, float(self.loss), self.step, config.learning_rate, config.keep_prob)
        full = torch.ones(1, config.shape.width, dtype=torch.bool)
        masks = torch.cat([full, step_mask(config, self.step)[None], self.random_masks]).to(self.device)
        scales = torch.full((len(masks),), 1 / config.keep_prob, device=self.device)
        scales[0] = 1
        self.rows.append([self.step, *accuracies(self.parameters, *self.test, masks, scales).tolist()])

    def _live_tensors(self) -> Parameters:
        """Return the parameters, which a finished training needs no longer."""
        return {} if self.step == self.steps else dict(self.parameters)

    def _result(self) -> pd.DataFrame:
        config = self.config
        whose = config.shape.width, round(1 - config.keep_prob, 12), config.seed
        networks = [("full", -1), ("visited", -1), *(("random", mask) for mask in range(config.random_masks))]
        rows = [
            (*whose, step, *network, accuracy)
            for step, *measured in self.rows
            for network, accuracy in zip(networks, measured, strict=True)
        ]
        return pd.DataFrame(rows, columns=COLUMNS)
