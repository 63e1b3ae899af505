"""How much memory the training of a wide convolutional network takes, estimated before it starts.

On all of MNIST, images included, a width of 250,000 takes at most 0.8 GiB, one of 100,000 with 100 random sub-networks
0.4 GiB.
"""

import math
import os

import torch

from dropscape.errors import ConfigurationError
from dropscape.subnetworks.cnn_training import CnnTraining
from dropscape.subnetworks.convolutions_kernel import KERNEL
from dropscape.subnetworks.evaluation import EXAMPLES, IMAGES, UNITS

_FLOAT, _GIB = 4, 2**30


def training_bytes(config: CnnTraining, train_examples: int, test_examples: int) -> int:
    """Estimate from above what a training holds at its peak beyond the program itself.

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
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_too_wide(width: int, needed: int, available: int, device: str) -> None:
    """Refuse a width whose training does not fit.

    Raises:
        ConfigurationError: it needs more bytes than are available.
    """
    if needed > available:
        raise ConfigurationError(
            f"a network of width {width:,} takes {needed / _GIB:.3g} GiB to train, but device '{device}' has "
            f"{available / _GIB:.3g} GiB free; leave it out of `widths` of the experiment, or use a machine with more "
            "memory."
        )
