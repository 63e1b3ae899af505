"""Training of the convolutional networks of paper D, section 6, with their sub-networks tested on the way.

Each iteration takes a batch and one mask for it, or, to compare, a mask for each of its examples. Batches and masks
follow from seed and step: a training resumes from its step alone, and the mask of any iterate can be made again to test
the very sub-network that it trained.

On a processor networks are trained one after another: a step is its arithmetic, of which a batch of networks saves
nothing (four as grouped convolutions took longer than four in turn). On a GPU a step of one network is its launches,
some sixty; those of one width are trained side by side, each on its batches and masks, in groups of ``GROUP_BYTES``.
Both are the same to rounding, which decides one of the maxima sooner or later: float32 courses then part, as those of
two processors do.
"""

import math
import weakref
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd
import psutil
import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.dropout.masks import MaskStream, check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.numerics.devices import Budget, gpu_memory
from dropscape.numerics.replay import Replayed
from dropscape.numerics.seeds import numpy_generator
from dropscape.subnetworks.cnn import Parameters, Shape, initial_parameters, stacked_step, step
from dropscape.subnetworks.convolutions import PADDING
from dropscape.subnetworks.convolutions_kernel import KERNEL
from dropscape.subnetworks.evaluation import TILES, accuracies
from dropscape.training.loop import TrainingRun, refuse_divergence

_FLOAT, _GIB = 4, 2**30
# Of a group: on an H200 a step then takes longer than its launches, and a checkpoint is a few GiB.
GROUP_BYTES = Budget(0, 1 / 16)
MASK_BYTES = 2**26  # of the masks that are drawn at once there
Training = Literal["dropout", "per_example", "plain", "alone"]
COLUMNS = ["width", "dropped_share", "run", "step", "network", "mask", "accuracy"]

Device = str | torch.device


@dataclass(frozen=True)
class CnnTraining:
    """The configuration of N networks that are trained side by side; refuses numbers that cannot work."""

    shape: Shape
    keep_probs: tuple[float, ...]  # of the units of the top hidden layer, one of each network
    seeds: tuple[int, ...]  # one of each network
    learning_rate: float
    batch_size: int  # examples of a step; the last step of an epoch has what is left
    steps: int
    recorded: tuple[int, ...]  # the steps at which sub-networks are tested, 0 to ``steps``
    random_masks: int  # how many sub-networks with random masks are tested, the same ones at all these steps
    # ``dropout`` has a mask for each step, ``per_example`` one for each example, the others none. ``alone`` stands in
    # the table beside the width m whose sub-networks are as wide as it is.
    training: Training = "dropout"
    beside: int | None = None

    def __post_init__(self):
        for keep_prob in self.keep_probs:
            check_keep_prob(keep_prob)
        if self.batch_size < 1:
            raise ConfigurationError(f"batch_size is {self.batch_size}; write at least 1.")

    @property
    def trained_keep_probs(self) -> tuple[float, ...]:
        """The probabilities of the steps' masks, 1 without dropout."""
        return self.keep_probs if self.training in ("dropout", "per_example") else (1.0,) * len(self.keep_probs)

    @property
    def networks(self) -> list[tuple[str, int]]:
        """What is tested of each network, as the columns network and mask say it."""
        random = [("random", mask) for mask in range(self.random_masks)]
        if self.training == "dropout":
            return [("full", -1), ("visited", -1), ("pruned", -1), *random]
        return [(f"{name}_{self.training}", mask) for name, mask in [("full", -1), *random]]


def count_steps(epochs: int, examples: int, batch_size: int) -> int:
    """Count the steps of ``epochs``."""
    return epochs * math.ceil(examples / batch_size)


def step_masks(config: CnnTraining, start: int, count: int = 1, device: Device = "cpu") -> Tensor:
    """Draw the masks of ``count`` steps from ``start`` (counted from 0) on, bool.

    They are (count, N, m), or (count, N, batch_size, m) with a mask for each example. A larger keep probability keeps
    the same units and more.
    """
    streams = [MaskStream(seed, "subnetworks", "masks") for seed in config.seeds]
    each, width = zip(streams, config.trained_keep_probs, strict=True), config.shape.width
    if config.training == "per_example":
        steps = range(start, start + count)
        drawn = [[one.kept(at, q, 0, config.batch_size, width, device) for at in steps] for one, q in each]
        return torch.stack([torch.stack(masks) for masks in drawn], dim=1)
    return torch.stack([one.kept_in_draws(start, count, q, width, device) for one, q in each], dim=1)


def random_masks(config: CnnTraining, device: Device = "cpu") -> Tensor:
    """Draw the masks of the random sub-networks, (N, M, m) bool, none of them a step's."""
    streams = [MaskStream(seed, "subnetworks", "random masks") for seed in config.seeds]
    each = zip(streams, config.keep_probs, strict=True)
    return torch.stack([one.kept(0, q, 0, config.random_masks, config.shape.width, device) for one, q in each])


def largest_units(parameters: Parameters, keep_prob: float) -> Tensor:
    """Choose the units that magnitude pruning keeps, keep_prob m of them, bool (m,).

    A unit's magnitude is the norm of its incoming weights and bias times that of its outgoing weights, which stays as
    it is where one is scaled and the other by the inverse, as the network does.
    """
    magnitudes = parameters["incoming"].norm(dim=1) * parameters["outgoing"].norm(dim=1)
    kept = torch.zeros_like(magnitudes, dtype=torch.bool)
    kept[magnitudes.topk(max(1, round(keep_prob * len(kept)))).indices] = True
    return kept


def epoch_orders(config: CnnTraining, epoch: int, examples: int) -> Tensor:
    """Draw the orders in which an epoch takes the examples, (N, examples) int64; a seed's is its own."""
    generators = {seed: numpy_generator(seed, "subnetworks", f"epoch {epoch}") for seed in config.seeds}
    orders = {seed: torch.from_numpy(generator.permutation(examples)) for seed, generator in generators.items()}
    return torch.stack([orders[seed] for seed in config.seeds])


def training_bytes(config: CnnTraining, train_examples: int, test_examples: int, device: str = "cpu") -> int:
    """Estimate from above what a training holds at its peak beyond the program itself.

    On all of MNIST a width of 250,000 takes at most 0.8 GiB, one of 100,000 with 100 random sub-networks 0.4 GiB.

    Parameters, and a copy while a checkpoint is saved; a step's copy of the kept rows, their activations and their
    gradients; the activations of the convolutions; what testing all sub-networks needs; and the images. On a GPU a step
    computes with all rows and with the patches of the images, and holds orders and masks.
    """
    shape, masks, networks = config.shape, len(config.networks), len(config.seeds)
    unit = shape.hidden + 1 + shape.classes
    first, second = shape.side**2, (shape.side // 2) ** 2
    parameters = shape.width * unit + shape.feature_inputs * shape.hidden
    parameters += KERNEL**2 * shape.channels[0] * (1 + shape.channels[1])
    kept = sum(q * shape.width + 4 * math.sqrt(q * (1 - q) * shape.width) for q in config.trained_keep_probs)
    image = 3 * first * shape.channels[0] + 3 * second * shape.channels[1]  # before and after pooling, gradients
    images = (train_examples + test_examples) * first
    bits, drawn = networks * masks * shape.width, networks * shape.width
    if config.training == "per_example":
        kept, drawn = networks * shape.width, drawn * config.batch_size
        bits += 2 * drawn
    if device == "cuda":
        kept = networks * shape.width
        image += 2 * KERNEL**2 * (first + shape.channels[0] * second)
        images += train_examples * ((shape.side + 2 * PADDING) ** 2 + shape.classes + 2 * networks)
        bits += max(MASK_BYTES, drawn) + (2 * _FLOAT * drawn if config.training == "per_example" else 0)
    step = kept * (unit + 4 * config.batch_size) + 2 * networks * image * config.batch_size
    tiles = TILES[device]
    at_once, units = min(test_examples, tiles.examples), min(shape.width, tiles.units)
    testing = 2 * masks * shape.classes * (units + at_once) + units * at_once + image * min(test_examples, tiles.images)
    # A graph keeps its memory.
    working = step + testing if device == "cuda" else max(step, testing)
    numbers = 2 * networks * parameters + working + images
    return round(_FLOAT * numbers) + bits


def available_bytes(device: str) -> int:
    """Measure the processor's memory that is free now, or all that a GPU has: what others hold of it passes."""
    return gpu_memory() if device == "cuda" else psutil.virtual_memory().available


def refuse_too_wide(width: int, needed: int, available: int, device: str) -> None:
    """Raise a ConfigurationError for a width whose training needs more bytes than are available."""
    if needed > available:
        raise ConfigurationError(
            f"width {width:,} takes {needed / _GIB:.3g} GiB to train, but device '{device}' has "
            f"{available / _GIB:.3g} GiB free; leave it out of `widths` of the experiment, or use a machine with "
            "more memory."
        )


def side_by_side(
    config: CnnTraining, train_examples: int, test_examples: int, device: str, available: int
) -> list[CnnTraining]:
    """Cut the networks of a width into groups that are trained one after another; refuse a width that does not fit.

    On a processor each is alone. On a GPU ``GROUP_BYTES`` hold a group, whatever of them is ``available``, so that each
    run has the same ones. Groups are about as large as each other: their number says which networks are in each.
    """

    def part(start: int, size: int) -> CnnTraining:
        chosen = slice(start, start + size)
        return replace(config, keep_probs=config.keep_probs[chosen], seeds=config.seeds[chosen])

    def needed(group: CnnTraining) -> int:
        return training_bytes(group, train_examples, test_examples, device)

    networks, size = len(config.seeds), 1
    if device == "cuda":
        while size < networks and needed(part(0, size + 1)) <= GROUP_BYTES.on(device):
            size += 1
        size = math.ceil(networks / math.ceil(networks / size))
    groups = [part(start, size) for start in range(0, networks, size)]
    for group in groups:
        refuse_too_wide(config.shape.width, needed(group), available, device)
    return groups


class _StackedStep:
    """A step of all networks of a run on batches of one size, (N, B); on a GPU it is replayed."""

    def __init__(self, run: "CnnRun", batches: Tensor, kept: Tensor):
        self._run, self._batches = weakref.proxy(run), batches.clone()
        self._kept = torch.empty_like(kept)
        # Steps on whole and on short batches use the same memory.
        self.replayed = Replayed(self._step, run.device, *(step.replayed for step in run.steps_by_size.values()))

    def __call__(self, batches: Tensor, kept: Tensor) -> None:
        self._batches.copy_(batches)
        self._kept.copy_(kept)
        self.replayed()

    def _step(self) -> None:
        run = self._run
        images, labels = (values[self._batches] for values in run.train)
        kept = self._kept * run.factors.view(-1, *[1] * (self._kept.ndim - 1))
        run.losses.copy_(stacked_step(run.parameters, images, labels, kept, run.config.learning_rate))
        run.total.add_(run.losses)
        run.finite_steps.add_(run.total.abs() < math.inf)


class CnnRun(TrainingRun):
    """A training of N networks in progress, which results in a table of ``COLUMNS``, a network after another.

    ``train`` and ``test`` are images (n, 1, side, side) and labels (n,) int64 on the device that computes. Images are
    float32, or float64 where errors are to be told from rounding.
    """

    def __init__(self, config: CnnTraining, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]):
        super().__init__(config.steps)
        self.config = config
        self.train, self.test = train, test
        images, labels = train
        self.device = images.device
        count, width = len(config.seeds), config.shape.width
        self.stacked = count > 1 or self.device.type != "cpu"
        if self.stacked:
            one_hot = F.one_hot(labels, config.shape.classes).to(images.dtype)
            self.train = F.pad(images[:, 0], (PADDING,) * 4), one_hot
        bits = count * width * (config.batch_size if config.training == "per_example" else 1)
        self.masks_at_once = max(min(MASK_BYTES // bits, config.steps), 1) if self.stacked else 1
        each = [
            {name: value.to(images) for name, value in initial_parameters(config.shape, seed).items()}
            for seed in config.seeds
        ]
        self.parameters: Parameters = {
            name: torch.stack([initial[name] for initial in each]) if count > 1 else each[0][name][None]
            for name in each[0]
        }
        self.networks = [{name: value[index] for name, value in self.parameters.items()} for index in range(count)]
        whole = ("full", "pruned")  # whose weights stay as they are
        scales = [[1.0 if name.startswith(whole) else 1 / q for name, _ in config.networks] for q in config.keep_probs]
        self.scales = torch.tensor(scales, dtype=images.dtype).to(self.device)  # of what a tested network keeps
        factors = [1 / keep_prob for keep_prob in config.trained_keep_probs]
        self.factors = torch.tensor(factors, dtype=images.dtype).to(self.device)  # of what a step keeps
        self.random_masks = random_masks(config, self.device)
        self.total = images.new_zeros(count)  # of the losses, not finite from the first such one on
        self.finite_steps = torch.zeros(count, dtype=torch.int64, device=self.device)  # before that
        self.losses = images.new_zeros(count)  # of the last step
        self.steps_by_size: dict[int, _StackedStep] = {}
        self.epoch = self.draw = -1

    def _advance(self) -> None:
        config = self.config
        examples = len(self.train[1])
        epoch, position = divmod(self.step, count_steps(1, examples, config.batch_size))
        if self.epoch != epoch:
            self.epoch, self.orders = epoch, epoch_orders(config, epoch, examples).to(self.device)
        draw, number = divmod(self.step, self.masks_at_once)
        if self.draw != draw:
            start, count = draw * self.masks_at_once, self.masks_at_once
            self.draw, self.masks = draw, step_masks(config, start, count, self.device)
        batches = self.orders[:, position * config.batch_size : (position + 1) * config.batch_size]
        size, masks = batches.shape[1], self.masks[number]
        if config.training == "per_example":
            masks = masks[:, :size]
        if self.stacked:
            if size not in self.steps_by_size:
                self.steps_by_size[size] = _StackedStep(self, batches, masks)
            self.steps_by_size[size](batches, masks)
            self.loss = self.losses.mean()
        else:  # where reading a loss waits for nothing
            images, labels = (values[batches] for values in self.train)
            (keep_prob,), (seed,) = config.trained_keep_probs, config.seeds
            loss = step(self.networks[0], images[0], labels[0], masks[0], keep_prob, config.learning_rate)
            self.loss = float(loss)
            refuse_divergence(seed, self.loss, self.step + 1, config.learning_rate, keep_prob)
        self.step += 1

    def _record(self) -> None:
        """Test the full networks, the sub-networks that the next step trains, the pruned and the random ones."""
        config = self.config
        if self.step not in config.recorded:
            return
        if self.stacked:
            self._refuse_divergence()
        dropout, full = config.training == "dropout", self.random_masks.new_ones(1, config.shape.width)
        visited = step_masks(config, self.step, 1, self.device)[0] if dropout else ()
        measured = []
        for index, parameters in enumerate(self.networks):
            chosen = [full, self.random_masks[index]]
            if dropout:
                pruned = largest_units(parameters, config.keep_probs[index])
                chosen[1:1] = [torch.stack([visited[index], pruned])]
            masks = torch.cat(chosen)
            measured.append(accuracies(parameters, *self.test, masks, self.scales[index]))
        self.rows += [[index, self.step, *shares] for index, shares in enumerate(torch.stack(measured).tolist())]

    def _refuse_divergence(self) -> None:
        """Read the register of losses."""
        config = self.config
        register = zip(
            config.seeds, config.trained_keep_probs, self.total.tolist(), self.finite_steps.tolist(), strict=True
        )
        for seed, keep_prob, total, finite_steps in register:
            refuse_divergence(seed, total, finite_steps + 1, config.learning_rate, keep_prob)

    def _live_tensors(self) -> Parameters:
        """Return the parameters and the register of losses, which a finished training needs no longer."""
        if self.step == self.steps:
            return {}
        return self.parameters | {"total": self.total, "finite_steps": self.finite_steps}

    def _result(self) -> pd.DataFrame:
        config = self.config
        shares = [round(1 - keep_prob, 12) for keep_prob in config.keep_probs]
        rows = [
            (config.beside or config.shape.width, shares[index], config.seeds[index], step, *network, accuracy)
            for index, step, *measured in sorted(self.rows, key=lambda row: row[:2])
            for network, accuracy in zip(config.networks, measured, strict=True)
        ]
        return pd.DataFrame(rows, columns=COLUMNS)
