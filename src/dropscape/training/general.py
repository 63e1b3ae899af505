"""The general training backend: any module with dropout, by the exact gradient accumulated over micro-batches.

Float32. The gradient is that of the mean over all training examples, or over a step's batch of them, whatever the
micro-batch, up to rounding: masks belong to positions in the batch and batch norm to fixed groups of them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from dropscape.dropout.convert import drops_attention
from dropscape.dropout.layers import ModuleMasks, set_keep_prob
from dropscape.dropout.masks import Draw
from dropscape.errors import ConfigurationError
from dropscape.models.batch_norm import batch_norms, set_population_statistics
from dropscape.models.block import block_vector, check_block
from dropscape.models.fnn import fast_products
from dropscape.models.losses import PerExampleLoss, correct_predictions, encodes_classes, training_loss
from dropscape.models.registry import initialised
from dropscape.numerics.devices import forward_pass
from dropscape.numerics.memory import fitting_micro_batch
from dropscape.numerics.replay import Replayed
from dropscape.training.micro_batches import Batches, EpochBatches
from dropscape.training.objectives import add_gradients, check_objective, find_objective, mean_r1, trainable_parameters
from dropscape.training.optimizers import (
    LearningRate,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
    set_learning_rate,
)
from dropscape.training.recording import Labelled, RecordedRun, Start, TrainingConfig, TrainingResult


@dataclass(frozen=True, kw_only=True)
class GeneralTraining(TrainingConfig):
    """The configuration of a general training."""

    model: Mapping[str, Any]  # settings of the network
    loss: str
    label_smoothing: float
    objective: str
    gradient_penalty_weight: float | None  # of R_2; None is the learning rate of the step
    optimizer: str
    learning_rate: LearningRate
    momentum: float
    batch_size: int | None  # examples of a step; None takes all
    micro_batch: int  # examples differentiated at a time
    ghost_batch_size: int | None  # examples that batch norm reads together; None: those of a step, in one micro-batch
    precision: str  # of the passes that are differentiated; histories and recorded parameters are float32


@torch.no_grad()
def evaluate(model: nn.Module, batches: Batches, loss: PerExampleLoss) -> tuple[float, float]:
    """Measure the mean loss without dropout and the accuracy (of sentences: of the tokens that are not padding).

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


class _SeedNetwork:
    """One seed's network with its optimizer and masks."""

    def __init__(self, config: GeneralTraining, seed: int, start: Start, device: str, channels_last: bool):
        self.seed = seed
        self.config = config
        model = initialised(config.model, seed)
        if start is not None:
            model.load_state_dict(start)
        set_keep_prob(model, config.keep_prob)
        _refuse_foreign_layers(model)
        for layer in batch_norms(model):
            layer.group = config.ghost_batch_size
        self.model = model.to(device, memory_format=torch.channels_last if channels_last else torch.preserve_format)
        self.optimizer = make_optimizer(
            config.optimizer,
            trainable_parameters(self.model),
            momentum=config.momentum,
            with_warm_up=config.learning_rate.warmup_steps is not None,
        )
        self.masks = ModuleMasks(seed, "training", "masks", config.mask_mode)

    def prepare(self, batches: Batches) -> None:
        """Get ready for steps on batches of these examples."""
        self.examples = EpochBatches(batches, self.config.batch_size, self.seed)

    def begin_step(self, step: int) -> None:
        """Choose the learning rate and the examples of a step."""
        self.model.train()
        set_learning_rate(self.optimizer, self.config.learning_rate.after(step))
        self.examples.draw(step)

    def descend(self, draw: Draw, loss: PerExampleLoss) -> Tensor:
        """Take the step, with the masks of a draw; return what it descended, float64."""
        config, batches = self.config, self.examples.batch
        self.optimizer.zero_grad()
        at_once = min(batches.size, len(batches))
        rate = self.optimizer.param_groups[0]["lr"]
        weight = rate if config.gradient_penalty_weight is None else config.gradient_penalty_weight
        with forward_pass(config.precision, str(batches.inputs.device)), fast_products(self.model, at_once):
            objective = find_objective(config.objective)
            value = add_gradients(objective, self.model, batches, loss, self.masks, draw, weight)
        self.optimizer.step()
        return value


class GeneralRun(RecordedRun):
    """A general training in progress.

    Targets are classes (n,) or padded tokens (n, T), int64, or values (n, C). Batch norm's population statistics are
    measured wherever something is recorded and at the end.
    """

    def __init__(self, config: GeneralTraining, train: Labelled, test: Labelled, start: Start, device: str):
        super().__init__(config, device)
        self.precision = config.precision
        channels_last = train[0].ndim == 4  # in which convolutions are fastest
        layout = torch.channels_last if channels_last else torch.preserve_format
        self.train, self.test = (
            Batches(inputs.to(device, memory_format=layout), targets.to(device), config.micro_batch)
            for inputs, targets in (train, test)
        )
        self.networks = []
        for index, seed in enumerate(config.seeds):
            first = start and {name: value[index] for name, value in start.items()}
            self.networks.append(_SeedNetwork(config, seed, first, device, channels_last))
        model = self.networks[0].model
        if batch_norms(model):
            self.train = _with_whole_groups(self.train, config.batch_size, config.ghost_batch_size)
        # The risk of sentences is weighted by the number of words, so that of the test set is another function.
        self.risk, self.test_risk = (
            training_loss(config.loss, batches.targets, config.label_smoothing) for batches in (self.train, self.test)
        )
        model.eval()

        def graph(chunk: slice) -> Any:
            losses = self.risk(model(self.train.inputs[chunk]), self.train.targets[chunk])
            if not find_objective(config.objective).r2:
                return losses
            return torch.autograd.grad(losses.sum(), trainable_parameters(model), create_graph=True), losses

        at_once = fitting_micro_batch(self.train.size, graph, config.batch_size or len(self.train), device)
        self.train, self.test = (replace(batches, size=at_once) for batches in (self.train, self.test))
        check_objective(find_objective(config.objective), model, self.risk)
        check_block(config.block, dict(model.named_parameters()))
        for network in self.networks:
            network.prepare(self.train)
        self._descend = Replayed(self._take_step, device)

    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters and buffers at the current step, ``{name: (S, ...)}``."""
        each = [network.model.state_dict() for network in self.networks]
        return {name: torch.stack([tensors[name] for tensors in each]) for name in each[0]}

    def _block(self) -> Tensor:
        return torch.stack([block_vector(network.model, self.config.block) for network in self.networks])

    def _advance(self) -> None:
        for network in self.networks:
            network.begin_step(self.step)
        self._descend()
        self.loss = self.register.objectives.mean()
        self.step += 1

    def _take_step(self) -> None:
        draw = self.register.done
        self.register.add(torch.stack([network.descend(draw, self.risk) for network in self.networks]))

    def _record(self) -> None:
        if self.step in {*self.config.recorded, *self.config.history, self._before_trajectory}:
            self._settle()
        super()._record()

    def _settle(self) -> None:
        """Make the buffers those of the current parameters; the networks are then what is measured."""
        for network in self.networks:
            if batch_norms(network.model):
                set_population_statistics(network.model, (inputs for _, inputs, _ in self.train))
            network.model.eval()

    def _measure(self) -> list[tuple[float, ...]]:
        rows = []
        for network, objective in zip(self.networks, self.register.objectives.tolist(), strict=True):
            loss, train_accuracy = evaluate(network.model, self.train, self.risk)
            test_loss, test_accuracy = evaluate(network.model, self.test, self.test_risk)
            r1 = mean_r1(network.model, self.train, self.risk)
            rows.append((loss, objective, r1, train_accuracy, test_loss, test_accuracy))
        return rows

    def _result(self) -> TrainingResult:
        self._settle()
        return super()._result()

    def _live_tensors(self) -> dict[str, Tensor]:
        """Return the parameters, from which buffers follow, and the optimizers' state, which the first step makes."""
        tensors = {}
        for index, network in enumerate(self.networks):
            tensors |= {f"{index}/parameters/{name}": value for name, value in network.model.named_parameters()}
            stored = optimizer_tensors(network.optimizer)
            tensors |= {f"{index}/optimizer/{name}": value for name, value in stored.items()}
        return tensors

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        super()._restore(tensors, state)
        for index, network in enumerate(self.networks):
            prefix = f"{index}/optimizer/"
            stored = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            restore_optimizer(network.optimizer, stored)


def _with_whole_groups(batches: Batches, batch_size: int | None, group: int | None) -> Batches:
    """Return micro-batches that hold whole groups of batch norm; without groups, one of all examples."""
    if group is None:
        return replace(batches, size=len(batches))
    if batches.size % group:
        raise ConfigurationError(
            f"training.micro_batch is {batches.size}, which is no multiple of training.ghost_batch_size {group}, the "
            "examples that batch norm reads together; write a multiple."
        )
    for examples in (batch_size or len(batches), len(batches)):
        if examples % group == 1:
            raise ConfigurationError(
                f"training.ghost_batch_size is {group}, which leaves one of {examples:,} examples alone in a group, "
                "without a variance; write another ghost_batch_size, batch_size or train_examples."
            )
    return batches


def _refuse_foreign_layers(model: nn.Module) -> None:
    """Refuse layers whose state or randomness a full-batch step cannot control."""
    for name, module in model.named_modules():
        if drops_attention(module) or (isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0):
            raise ConfigurationError(
                f"the model's layer '{name}' is a {type(module).__name__}, whose masks cannot be drawn again; write "
                "dropscape.dropout.layers.MaskedDropout instead, or return with_masked_dropout(model)."
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module not in batch_norms(model):
            raise ConfigurationError(
                f"the model's layer '{name}' is a {type(module).__name__}, whose result depends on the micro-batch; "
                "write GroupedBatchNorm1d or GroupedBatchNorm2d of dropscape.models.batch_norm instead."
            )
