"""Training of one convolutional network (paper D, section 6), with its sub-networks tested on the way.

Each iteration takes a batch and one mask for it. Batches and masks follow from seed and step: a training goes on from
its step alone, and the mask of any iterate can be made again to test the very sub-network that it trained.

Networks are trained one after another: on a processor a step is its arithmetic, of which a batch of networks saves
nothing (four as grouped convolutions took longer than four in turn).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dropscape.dropout.masks import ExactDraw
from dropscape.errors import ConfigurationError
from dropscape.numerics.devices import arithmetic
from dropscape.numerics.seeds import numpy_generator
from dropscape.subnetworks.cnn import Parameters, Shape, initial_parameters, step
from dropscape.subnetworks.evaluation import accuracies
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.loop import refuse_divergence, trained_to_the_end

COLUMNS = ["width", "dropped_share", "run", "step", "network", "mask", "accuracy"]


@dataclass(frozen=True)
class Cnn:
    """What decides a training (with its examples).

    Attributes:
        shape: of the network.
        keep_prob: that of the units of the top hidden layer.
        seed: of everything random.
        learning_rate: eta.
        batch_size: examples of a step; the last step of an epoch has what is left.
        steps: of the training.
        recorded: the steps at which sub-networks are tested, 0 to ``steps``.
        random_masks: how many sub-networks with masks of their own are tested, the same ones at all these steps.

    Raises:
        ConfigurationError: a number that cannot work.
    """

    shape: Shape
    keep_prob: float
    seed: int
    learning_rate: float
    batch_size: int
    steps: int
    recorded: tuple[int, ...]
    random_masks: int

    def __post_init__(self):
        ExactDraw(self.keep_prob)
        if self.batch_size < 1:
            raise ConfigurationError(f"batch_size is {self.batch_size}; write at least 1.")


def steps_of_epochs(epochs: int, examples: int, batch_size: int) -> int:
    """How many steps ``epochs`` are."""
    return epochs * math.ceil(examples / batch_size)


def mask_of_step(plan: Cnn, number: int) -> Tensor:
    """The mask of a step (counted from 0), (m,) bool; a larger keep probability keeps the same units and more."""
    return _drawn(plan, (plan.shape.width,), f"mask {number}")


def random_masks(plan: Cnn) -> Tensor:
    """The masks of the random sub-networks, (M, m) bool, none of them a step's."""
    return _drawn(plan, (plan.random_masks, plan.shape.width), "random masks")


def _drawn(plan: Cnn, size: tuple[int, ...], purpose: str) -> Tensor:
    return ExactDraw(plan.keep_prob)(
        numpy_generator(plan.seed, "subnetworks", purpose), torch.empty(size, dtype=torch.bool)
    )


def order_of_epoch(plan: Cnn, epoch: int, examples: int) -> Tensor:
    """In which order an epoch takes the examples, int64."""
    generator = numpy_generator(plan.seed, "subnetworks", f"epoch {epoch}")
    return torch.from_numpy(generator.permutation(examples))


def train(
    plan: Cnn,
    train_images: Tensor,
    train_labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    *,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> pd.DataFrame:
    """Train a network and give ``COLUMNS`` for each recorded step; bit-identical however often it was interrupted.

    Args:
        plan: what to do.
        train_images, test_images: (n, 1, side, side) float32.
        train_labels, test_labels: (n,) int64.
        device: where.
        checkpoint: where the state is saved; that of a finished training holds no parameters.
        progress: called with (done, steps, loss=...).

    Raises:
        DivergenceError: the loss left the finite numbers.
    """
    examples = [part.to(device) for part in (train_images, train_labels, test_images, test_labels)]
    with arithmetic("float32"):
        return trained_to_the_end(_Run(plan, *examples), plan.steps, checkpoint, progress)


class _Run:
    """The moving parts: parameters, what was recorded so far and the step."""

    def __init__(self, plan: Cnn, train_images: Tensor, train_labels: Tensor, test_images: Tensor, test_labels: Tensor):
        self.plan = plan
        self.train = train_images, train_labels
        self.test = test_images, test_labels
        self.device = train_images.device
        drawn = initial_parameters(plan.shape, plan.seed)
        self.parameters: Parameters = {name: value.to(self.device) for name, value in drawn.items()}
        self.random_masks = random_masks(plan)
        self.rows: list[list[float]] = []
        self.step = 0
        self.epoch = -1
        self.loss: Tensor | float = math.nan

    def advance(self) -> None:
        """One step."""
        plan, (images, labels) = self.plan, self.train
        epoch, position = divmod(self.step, steps_of_epochs(1, len(labels), plan.batch_size))
        if self.epoch != epoch:
            self.epoch, self.order = epoch, order_of_epoch(plan, epoch, len(labels)).to(self.device)
        batch = self.order[position * plan.batch_size : (position + 1) * plan.batch_size]
        mask = mask_of_step(plan, self.step).to(self.device)
        self.loss = step(self.parameters, images[batch], labels[batch], mask, plan.keep_prob, plan.learning_rate)
        self.step += 1

    def record(self) -> None:
        """Test the full network, the one that the next step trains and the random ones, where the plan wants it."""
        plan = self.plan
        if self.step not in plan.recorded:
            return
        if self.step:
            refuse_divergence(plan.seed, float(self.loss), self.step, plan.learning_rate, plan.keep_prob)
        full = torch.ones(1, plan.shape.width, dtype=torch.bool)
        masks = torch.cat([full, mask_of_step(plan, self.step)[None], self.random_masks]).to(self.device)
        scales = torch.full((len(masks),), 1 / plan.keep_prob, device=self.device)
        scales[0] = 1
        measured = accuracies(self.parameters, *self.test, masks, scales)
        self.rows.append([self.step, *measured.tolist()])

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the rest of the training depends on."""
        finished = self.step == self.plan.steps
        return {} if finished else dict(self.parameters), {"step": self.step, "rows": self.rows}

    def restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Go on from a ``state``."""
        for name, value in tensors.items():
            self.parameters[name].copy_(value)  # where a file's bytes lie, sums may be in another order
        self.step, self.rows = state["step"], state["rows"]

    def result(self) -> pd.DataFrame:
        """The table of this training."""
        plan = self.plan
        networks = ["full", "visited", *["random"] * plan.random_masks]
        masks = [-1, -1, *range(plan.random_masks)]
        steps, measured = [row[0] for row in self.rows], np.array([row[1:] for row in self.rows])
        table = pd.DataFrame(
            {
                "step": np.repeat(steps, len(networks)),
                "network": networks * len(steps),
                "mask": masks * len(steps),
                "accuracy": measured.ravel(),
            }
        )
        share = round(1 - plan.keep_prob, 12)
        return table.assign(width=plan.shape.width, dropped_share=share, run=plan.seed)[COLUMNS]
