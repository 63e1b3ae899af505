"""Training of any module with dropout: the exact gradient of an objective, accumulated over micro-batches.

Float32. The gradient is that of the mean over all training examples, or over a step's batch of them, whatever the
micro-batch, up to rounding: masks belong to places in the batch and batch norm to fixed groups of them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from dropscape.dropout.layers import GroupMasks, set_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.batch_norm import batch_norms, set_population_statistics
from dropscape.models.block import block_vector
from dropscape.models.fnn import products_of
from dropscape.models.losses import PerExampleLoss, correct_predictions, encodes_classes, training_loss
from dropscape.models.registry import initialised
from dropscape.numerics.devices import arithmetic, forward_pass
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.learning_rates import LearningRate
from dropscape.training.loop import refuse_divergence, trained_to_the_end
from dropscape.training.micro_batches import Batches, of_step
from dropscape.training.objectives import add_gradients, check_objective, mean_r1, objective_of, trained
from dropscape.training.optimizers import optimizer_of, optimizer_tensors, restore_optimizer, set_learning_rate
from dropscape.training.recording import Recording, Trained


@dataclass(frozen=True)
class FullBatch:
    """What decides a training (with the data).

    ``keep_prob`` is that of all dropout layers, or of each. ``micro_batch`` examples are differentiated at a time;
    masks are drawn for ``GROUP`` (dropout.layers) at once, so a multiple of that wastes none. A step has ``batch_size``
    examples; None is the whole training set. Batch norm reads groups of ``norm_group``; None is all examples of a step,
    which are then differentiated at once. ``precision`` is that of the passes that are differentiated; histories and
    recorded parameters are float32. ``penalty`` is the weight of R_2; None is the learning rate of the step. The
    rest is as in ``Descent``.
    """

    model: Mapping[str, Any]
    block: tuple[str, ...]
    keep_prob: float | tuple[float, ...]
    mask_mode: str
    loss: str
    label_smoothing: float
    objective: str
    penalty: float | None
    optimizer: str
    learning_rate: LearningRate
    momentum: float
    batch_size: int | None
    micro_batch: int
    norm_group: int | None
    precision: str
    steps: int
    trajectory_steps: int
    recorded: tuple[int, ...]
    history: tuple[int, ...]
    seeds: tuple[int, ...]


def train(
    plan: FullBatch,
    train_inputs: Tensor,
    train_targets: Tensor,
    test_inputs: Tensor,
    test_targets: Tensor,
    *,
    start: Mapping[str, Tensor] | None = None,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> Trained:
    """Train every seed by ``plan.steps`` steps on the objective (paper A section 3.3, App. A; paper B eq. 7).

    Targets are classes (n,) or padded tokens (n, T), int64, or values (n, C). Batch norm's population statistics are
    measured wherever something is recorded and at the end. The result is bit-identical however often the training was
    interrupted, on the same machine with the same number of threads.

    Args:
        start: ``{name: (S, ...)}``, parameters of every seed at the beginning; None initialises them.

    Raises:
        DivergenceError: a seed's loss left the finite numbers.
        ConfigurationError: the settings do not fit each other, the network or the data.
    """
    with arithmetic(plan.precision):
        run = _Run(
            plan,
            Batches(train_inputs.to(device), train_targets.to(device), plan.micro_batch),
            Batches(test_inputs.to(device), test_targets.to(device), plan.micro_batch),
            start,
            device,
        )
        return trained_to_the_end(run, plan.steps, checkpoint, progress)


@torch.no_grad()
def evaluate(model: nn.Module, batches: Batches, loss: PerExampleLoss) -> tuple[float, float]:
    """The mean loss without dropout and the accuracy (of the tokens that are not padding, for sentences).

    The accuracy is NaN where the targets are no classes (``encodes_classes``); both are where there are no examples.
    """
    model.eval()
    if not len(batches):
        return math.nan, math.nan
    total, right, counted = 0.0, 0, 0
    for _, inputs, targets in batches:
        outputs = model(inputs)
        total = total + loss(outputs, targets).sum(dtype=torch.float64)
        correct, count = correct_predictions(outputs, targets)
        right, counted = right + correct, counted + count
    accuracy = float(right) / float(counted) if encodes_classes(batches.targets) else math.nan
    return float(total) / len(batches), accuracy


class _Seed:
    """One seed's network with its optimiser and masks."""

    def __init__(
        self, plan: FullBatch, seed: int, start: Mapping[str, Tensor] | None, device: str, channels_last: bool
    ):
        self.seed = seed
        self.plan = plan
        model = initialised(plan.model, seed)
        if start is not None:
            model.load_state_dict(start)
        set_keep_prob(model, plan.keep_prob)
        _refuse_foreign_layers(model)
        for layer in batch_norms(model):
            layer.group = plan.norm_group
        self.model = model.to(device, memory_format=torch.channels_last if channels_last else torch.preserve_format)
        self.optimizer = optimizer_of(
            plan.optimizer,
            trained(self.model),
            momentum=plan.momentum,
            with_warm_up=plan.learning_rate.warmup_steps is not None,
        )
        self.masks = GroupMasks(seed, "training", "masks", plan.mask_mode, device)
        self.objective = math.nan

    def advance(self, step: int, batches: Batches, loss: PerExampleLoss) -> None:
        """One step on its batch; ``objective`` is then what it descended."""
        plan, rate = self.plan, self.plan.learning_rate.after(step)
        batches = of_step(batches, plan.batch_size, self.seed, step)
        self.model.train()
        self.optimizer.zero_grad()
        at_once = min(batches.size, len(batches))
        with forward_pass(plan.precision, str(batches.inputs.device)), products_of(self.model, at_once):
            self.objective = add_gradients(
                objective_of(plan.objective),
                self.model,
                batches,
                loss,
                self.masks,
                draw=step,
                penalty=rate if plan.penalty is None else plan.penalty,
            )
        self.refuse_divergence(self.objective, step)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.step()

    def settle(self, batches: Batches) -> None:
        """Make the buffers those of the present parameters; the network is then what is measured."""
        if batch_norms(self.model):
            set_population_statistics(self.model, (inputs for _, inputs, _ in batches))
        self.model.eval()

    def refuse_divergence(self, loss: float, step: int) -> None:
        refuse_divergence(self.seed, loss, step, self.plan.learning_rate.base, self.plan.keep_prob)

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

    def __init__(
        self,
        plan: FullBatch,
        train_batches: Batches,
        test_batches: Batches,
        start: Mapping[str, Tensor] | None,
        device: str,
    ):
        self.plan = plan
        self.train, self.test = train_batches, test_batches
        self.step = 0
        self.loss = math.nan
        channels_last = train_batches.inputs.ndim == 4
        starts = [start and {name: value[i] for name, value in start.items()} for i in range(len(plan.seeds))]
        self.seeds = [
            _Seed(plan, seed, own, device, channels_last) for seed, own in zip(plan.seeds, starts, strict=True)
        ]
        model = self.seeds[0].model
        if batch_norms(model):
            self.train = _with_whole_groups(train_batches, plan.batch_size, plan.norm_group)
        # The risk of sentences is weighted by the number of words, so that of the test set is another function.
        self.risk, self.test_risk = (
            training_loss(plan.loss, batches.targets, plan.label_smoothing) for batches in (self.train, self.test)
        )
        check_objective(objective_of(plan.objective), model, self.risk)
        self.recording = Recording(plan, block_vector(model, plan.block).numel())

    def advance(self) -> None:
        """One step of every seed."""
        for one in self.seeds:
            one.advance(self.step, self.train, self.risk)
        self.loss = sum(one.objective for one in self.seeds) / len(self.seeds)
        self.step += 1

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
            loss, train_accuracy = evaluate(one.model, self.train, self.risk)
            test_loss, test_accuracy = evaluate(one.model, self.test, self.test_risk)
            r1 = mean_r1(one.model, self.train, self.risk)
            rows.append((loss, one.objective, r1, train_accuracy, test_loss, test_accuracy))
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
            one.refuse_divergence(evaluate(one.model, self.train, self.risk)[0], self.step)
        return self.recording.result(self._tensors())


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _with_whole_groups(batches: Batches, batch_size: int | None, group: int | None) -> Batches:
    """Micro-batches that do not cut the groups of batch norm; without groups, all examples at once.

    Raises:
        ConfigurationError: the micro-batches cut groups, or the last group of a step or of all has no variance.
    """
    if group is None:
        return replace(batches, size=len(batches))
    if batches.size % group:
        raise ConfigurationError(
            f"training.micro_batch is {batches.size}, which is no multiple of training.norm_group {group}, the "
            "examples that batch norm reads together; write a multiple."
        )
    for examples in (batch_size or len(batches), len(batches)):
        if examples % group == 1:
            raise ConfigurationError(
                f"training.norm_group is {group}, which leaves one of {examples:,} examples in a group of its own, "
                "without a variance; write another norm_group, batch_size or train_examples."
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
