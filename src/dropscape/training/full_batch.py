"""Full-batch training of any module with dropout: the exact gradient of R_S^drop, accumulated over micro-batches.

Float32. The gradient is that of the mean over all training examples, whatever the micro-batch, up to rounding: masks
belong to examples and batch norm to fixed groups of them.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from dropscape.dropout.layers import GroupMasks, masks_in_force, set_keep_prob
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.batch_norm import batch_norms, set_population_statistics
from dropscape.models.block import block_vector
from dropscape.models.losses import PerExampleLoss, correct_predictions, training_loss
from dropscape.models.registry import initialised
from dropscape.numerics.devices import arithmetic
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.learning_rates import LearningRate
from dropscape.training.optimizers import optimizer_of, optimizer_tensors, restore_optimizer, set_learning_rate
from dropscape.training.recording import Recording, Trained


@dataclass(frozen=True)
class FullBatch:
    """What decides a training (with the data).

    ``keep_prob`` is that of all dropout layers, or of each. ``micro_batch`` examples are differentiated at a time;
    masks are drawn for ``GROUP`` (dropout.layers) at once, so a multiple of that wastes none. Batch norm reads groups
    of ``norm_group``; None is the whole training set, which is then differentiated at once. ``label_smoothing`` is
    part of what is trained, not of what is measured. The rest is as in ``Descent``.
    """

    model: Mapping[str, Any]
    block: tuple[str, ...]
    keep_prob: float | tuple[float, ...]
    mask_mode: str
    loss: str
    label_smoothing: float
    optimizer: str
    learning_rate: LearningRate
    momentum: float
    micro_batch: int
    norm_group: int | None
    precision: str
    steps: int
    trajectory_steps: int
    recorded: tuple[int, ...]
    history: tuple[int, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Batches:
    """Examples on the device, cut into micro-batches.

    Attributes:
        inputs: (n, ...); images are given on in channels-last order, in which convolutions are fastest.
        targets: (n,) or (n, T).
        size: examples of a micro-batch.
    """

    inputs: Tensor
    targets: Tensor
    size: int

    def __iter__(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """``(first example, inputs, targets)`` of each micro-batch."""
        layout = torch.channels_last if self.inputs.ndim == 4 else torch.contiguous_format
        for start in range(0, len(self.inputs), self.size):
            part = slice(start, start + self.size)
            yield start, self.inputs[part].contiguous(memory_format=layout), self.targets[part]


def train(
    plan: FullBatch,
    train_inputs: Tensor,
    train_targets: Tensor,
    test_inputs: Tensor,
    test_targets: Tensor,
    *,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> Trained:
    """Train every seed by ``plan.steps`` full-batch steps on R_S^drop (paper A section 3.3, App. A).

    Targets are classes (n,) or padded tokens (n, T), int64. Batch norm's population statistics are measured wherever
    something is recorded and at the end. The result is bit-identical however often the training was interrupted, on the
    same machine with the same number of threads.

    Raises:
        DivergenceError: a seed's loss left the finite numbers.
        ConfigurationError: the settings do not fit each other, the network or the data.
    """
    with arithmetic(plan.precision):
        run = _Run(
            plan,
            Batches(train_inputs.to(device), train_targets.to(device), plan.micro_batch),
            Batches(test_inputs.to(device), test_targets.to(device), plan.micro_batch),
            device,
        )
        saved = checkpoint.load() if checkpoint else None
        if saved:
            run.restore(*saved)
        else:
            run.record()
        while run.step < plan.steps:
            run.advance()
            if progress:
                progress(run.step, plan.steps, loss=run.loss)
            if checkpoint and checkpoint.due():
                checkpoint.save(*run.state())
        if checkpoint:
            checkpoint.save(*run.state())
        return run.result()


def accumulate_gradients(
    model: nn.Module, batches: Batches, loss: PerExampleLoss, masks: GroupMasks | None = None, draw: int = 0
) -> float:
    """Add the gradient of the mean loss over all examples to the parameters' ``grad``; the mean loss, in float64.

    Args:
        model: in the mode that it is to be differentiated in.
        masks: whose ``draw`` is in force; None differentiates without dropout.
    """
    n, total = len(batches.inputs), 0.0
    for start, inputs, targets in batches:
        if masks is None:
            losses = loss(model(inputs), targets)
        else:
            with masks_in_force(model, masks, draw, start):
                losses = loss(model(inputs), targets)
        (losses.sum() / n).backward()
        total = total + losses.detach().sum(dtype=torch.float64)
    return float(total) / n


@torch.no_grad()
def evaluate(model: nn.Module, batches: Batches, loss: PerExampleLoss) -> tuple[float, float]:
    """The mean loss without dropout and the accuracy (of the tokens that are not padding, for sentences)."""
    model.eval()
    total, right, counted = 0.0, 0, 0
    for _, inputs, targets in batches:
        outputs = model(inputs)
        total = total + loss(outputs, targets).sum(dtype=torch.float64)
        correct, count = correct_predictions(outputs, targets)
        right, counted = right + correct, counted + count
    return float(total) / len(batches.inputs), float(right) / float(counted)


class _Seed:
    """One seed's network with its optimiser and masks."""

    def __init__(self, plan: FullBatch, seed: int, device: str, channels_last: bool):
        self.seed = seed
        self.plan = plan
        model = initialised(plan.model, seed)
        set_keep_prob(model, plan.keep_prob)
        _refuse_foreign_layers(model)
        for layer in batch_norms(model):
            layer.group = plan.norm_group
        self.model = model.to(device, memory_format=torch.channels_last if channels_last else torch.preserve_format)
        self.optimizer = optimizer_of(
            plan.optimizer,
            self.model.parameters(),
            momentum=plan.momentum,
            with_warm_up=plan.learning_rate.warmup_steps is not None,
        )
        self.masks = GroupMasks(seed, "training", "masks", plan.mask_mode, device)
        self.dropout_loss = math.nan

    def advance(self, step: int, batches: Batches, loss: PerExampleLoss) -> None:
        self.model.train()
        self.optimizer.zero_grad()
        self.dropout_loss = accumulate_gradients(self.model, batches, loss, self.masks, draw=step)
        self.refuse_divergence(self.dropout_loss, step)
        set_learning_rate(self.optimizer, self.plan.learning_rate.after(step))
        self.optimizer.step()

    def settle(self, batches: Batches) -> None:
        """Make the buffers those of the present parameters; the network is then what is measured."""
        if batch_norms(self.model):
            set_population_statistics(self.model, (inputs for _, inputs, _ in batches))
        self.model.eval()

    def refuse_divergence(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise DivergenceError(
                f"The training of seed {self.seed} diverged: its loss is {loss} at step {step} with learning_rate "
                f"{self.plan.learning_rate.base:g} and keep_prob {self.plan.keep_prob}. Write a smaller learning_rate "
                "for this run; the other runs are not affected."
            )

    def tensors(self) -> dict[str, Tensor]:
        """All that its further training depends on; the buffers follow from the parameters."""
        parameters = {f"parameters/{name}": value for name, value in self.model.named_parameters()}
        return parameters | {f"optimizer/{name}": value for name, value in optimizer_tensors(self.optimizer).items()}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        for name, value in self.model.named_parameters():
            value.copy_(tensors[f"parameters/{name}"])
        restore_optimizer(self.optimizer, _below("optimizer/", tensors))


class _Run:
    """The moving parts of a training: every seed's network, what was recorded so far and the step."""

    def __init__(self, plan: FullBatch, train_batches: Batches, test_batches: Batches, device: str):
        self.plan = plan
        self.train, self.test = train_batches, test_batches
        self.step = 0
        self.loss = math.nan
        channels_last = train_batches.inputs.ndim == 4
        self.seeds = [_Seed(plan, seed, device, channels_last) for seed in plan.seeds]
        model = self.seeds[0].model
        if batch_norms(model):
            self.train = _with_whole_groups(train_batches, plan.norm_group)
        self.trained_loss = training_loss(plan.loss, train_batches.targets, plan.label_smoothing)
        self.measured_loss = training_loss(plan.loss, train_batches.targets)
        self.recording = Recording(plan, block_vector(model, plan.block).numel())

    def advance(self) -> None:
        """One step of every seed, then whatever is recorded after it."""
        for one in self.seeds:
            one.advance(self.step, self.train, self.trained_loss)
        self.loss = sum(one.dropout_loss for one in self.seeds) / len(self.seeds)
        self.step += 1
        self.record()

    def record(self) -> None:
        """Keep what the plan wants of the present step."""
        if self.step in self.plan.recorded or self.step in self.plan.history:
            for one in self.seeds:
                one.settle(self.train)
        self.recording.record(self.step, self._tensors, self._block, self._measure)

    def _tensors(self) -> dict[str, Tensor]:
        states = [one.model.state_dict() for one in self.seeds]
        return {name: torch.stack([state[name] for state in states]) for name in states[0]}

    def _block(self) -> Tensor:
        return torch.stack([block_vector(one.model, self.plan.block) for one in self.seeds])

    def _measure(self) -> list[tuple[float, ...]]:
        rows = []
        for one in self.seeds:
            loss, train_accuracy = evaluate(one.model, self.train, self.measured_loss)
            _, test_accuracy = evaluate(one.model, self.test, self.measured_loss)
            rows.append((loss, one.dropout_loss, train_accuracy, test_accuracy))
        return rows

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the rest of the training depends on."""
        tensors, rows = self.recording.state(self.step)
        for index, one in enumerate(self.seeds):
            tensors |= {f"{index}/{name}": value for name, value in one.tensors().items()}
        return tensors, {"step": self.step, "rows": rows}

    def restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Go on from a ``state``."""
        self.step = state["step"]
        self.recording.restore(tensors, state["rows"])
        for index, one in enumerate(self.seeds):
            one.restore(_below(f"{index}/", tensors))

    def result(self) -> Trained:
        """What was trained; also the last update, which no further gradient saw, must have been finite."""
        for one in self.seeds:
            one.settle(self.train)
            one.refuse_divergence(evaluate(one.model, self.train, self.measured_loss)[0], self.step)
        return self.recording.result(self._tensors())


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _with_whole_groups(batches: Batches, group: int | None) -> Batches:
    """Micro-batches that do not cut the groups of batch norm; without groups, all examples at once.

    Raises:
        ConfigurationError: the micro-batches cut groups, or the last group has no variance.
    """
    examples = len(batches.inputs)
    if group is None:
        return replace(batches, size=examples)
    if batches.size % group:
        raise ConfigurationError(
            f"training.micro_batch is {batches.size}, which is no multiple of training.norm_group {group}, the "
            "examples that batch norm reads together; write a multiple."
        )
    if examples % group == 1:
        raise ConfigurationError(
            f"training.norm_group is {group}, which leaves one of {examples:,} examples in a group of its own, without "
            "a variance; write another norm_group or train_examples."
        )
    return batches


def _refuse_foreign_layers(model: nn.Module) -> None:
    """Refuse layers whose state or chance a full-batch step cannot control."""
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
            raise ConfigurationError(
                f"the model's layer '{name}' is a {type(module).__name__}, whose masks cannot be drawn again; write "
                "dropscape.dropout.layers.MaskedDropout in its place."
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module not in batch_norms(model):
            raise ConfigurationError(
                f"the model's layer '{name}' is a {type(module).__name__}, whose result depends on the micro-batch; "
                "write GroupedBatchNorm1d or GroupedBatchNorm2d of dropscape.models.batch_norm in its place."
            )
