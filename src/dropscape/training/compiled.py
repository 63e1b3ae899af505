"""The compiled training backend: two-layer networks f(x) = sum_j a_j sigma(w_j x + b_j) + c on the squared error.

Paper B trains such networks of width 1,000 on a handful of examples for up to a million steps (its Fig. 1, 4, 6, 8 and
9). A step takes microseconds, of which a call of any library takes many times as long. So the steps are one compiled
function (``compiled_kernel``), which returns only to record, to save and to report. Parameters and gradients are
float32, objectives and measurements float64.

Everything random follows from a seed and the number of the step: masks are outputs of one SplitMix64 generator,
permutations of another. So a training resumes from its step alone, and how often the compiled function returned changes
nothing. Each epoch takes ``batch_size`` examples a step from a permutation; fewer that are left are not used.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dropscape.dropout.masks import MASK_MODES, check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.block import check_block
from dropscape.models.losses import correct_predictions, encodes_classes, squared_error_per_example
from dropscape.numerics.compiled_loops import aligned_zeros
from dropscape.numerics.seeds import derived_seed
from dropscape.numerics.split_mix import padded, words_of
from dropscape.training.backends import COMPILED
from dropscape.training.compiled_kernel import KernelNetwork, StepOptions, descend
from dropscape.training.objectives import r1_from_hidden
from dropscape.training.pace import Pace
from dropscape.training.recording import Labelled, RecordedRun, Start, TrainingConfig
from dropscape.training.stacked_networks import initialised

NAMES = ("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias")


@dataclass(frozen=True, kw_only=True)
class CompiledTraining(TrainingConfig):
    """The configuration of a compiled training; refuses values that its steps do not support."""

    widths: tuple[int, int, int]  # (d, m, k)
    activation: str
    objective: str = "dropout"
    optimizer: str = "gd"
    batch_size: int | None = None  # examples of a step; None takes all
    initial_scale: tuple[float, float] | None = None  # standard deviations of the layers; None: torch's initialisation
    output_bias: bool = True  # whether c is trained; otherwise it stays 0

    def __post_init__(self):
        check_keep_prob(self.keep_prob)
        if len(self.widths) != 3:
            raise ConfigurationError(
                f"model.widths is {list(self.widths)}; write three for a two-layer network: d, m, k."
            )
        for key, known in {**COMPILED, "mask_mode": MASK_MODES}.items():
            if getattr(self, key) not in known:
                raise ConfigurationError(
                    f"{key} is '{getattr(self, key)}', which the compiled training of two-layer networks does not "
                    f"support; write one of {', '.join(known)}."
                )
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigurationError(f"batch_size is {self.batch_size}; write at least 1, or null for all examples.")
        check_block(self.block, NAMES)


class CompiledRun(RecordedRun):
    """A compiled training in progress; inputs are (n, d) float32, targets (n, k) float32.

    Compiled training always runs on the CPU. Seeds share the threads that torch may use.
    """

    def __init__(self, config: CompiledTraining, train: Labelled, test: Labelled, start: Start, device: str):
        super().__init__(config)
        d, _, k = config.widths
        for inputs, targets in (train, test):
            if (tuple(inputs.shape), tuple(targets.shape)) != ((len(inputs), d), (len(inputs), k)):
                raise ConfigurationError(
                    f"inputs of shape {tuple(inputs.shape)} and targets of shape {tuple(targets.shape)} do not fit "
                    f"model.widths {list(config.widths)}; they have to be (n, {d}) and (n, {k})."
                )
        self.train, self.test = train, test
        self.objectives = [math.nan] * len(config.seeds)  # what the last step descended, seed by seed
        self.inputs, self.targets = (np.ascontiguousarray(values.numpy(), np.float32) for values in train)
        if start is None:
            options = {"initial_scale": config.initial_scale, "output_bias": config.output_bias}
            start = initialised(config.widths, config.activation, config.seeds, **options)
        self.theta, self.output_bias = _packed(start)
        self.moments = aligned_zeros(len(config.seeds), 2, *self.theta.shape[1:])
        self.bias_moments = aligned_zeros(len(config.seeds), 2, k)
        self.stops = sorted({*config.recorded, *config.history, config.steps - config.trajectory_steps, config.steps})
        self.pace = Pace()

    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters, copied from the kernel's arrays."""
        d, width, _ = self.config.widths
        rows = self.theta[:, :, :width]
        values = (rows[:, :d].transpose(0, 2, 1), rows[:, d], rows[:, d + 1 :], self.output_bias)
        return {name: torch.from_numpy(np.array(value, order="C")) for name, value in zip(NAMES, values, strict=True)}

    def _advance(self) -> None:
        config = self.config
        stop = next(stop for stop in self.stops if stop > self.step)
        if self.step >= config.steps - config.trajectory_steps:
            stop = self.step + 1
        stop = self.pace.stop(self.step, stop)
        results = self.pace.run(lambda index: self._descend(index, stop), range(len(config.seeds)), stop - self.step)
        self.objectives = [objective for _, objective in results]
        self._refuse(self.objectives, [step - 1 for step, _ in results])
        self.loss = sum(self.objectives) / len(self.objectives)
        self.step = stop

    def _last_objectives(self) -> Tensor:
        return torch.tensor(self.objectives, dtype=torch.float64)

    def _descend(self, index: int, stop: int) -> tuple[int, float]:
        config, seed = self.config, self.config.seeds[index]
        options = StepOptions(
            is_tanh=config.activation == "tanh",
            keep_prob=float(config.keep_prob),
            masked=config.objective == "dropout",
            shared=config.mask_mode == "shared",
            with_r1=config.objective == "risk_plus_r1",
            adam=config.optimizer == "adam",
            learning_rate=float(config.learning_rate),
            with_output_bias=config.output_bias,
            mask_seed=np.uint64(derived_seed(seed, "training", "masks")),
            mask_words=words_of(config.widths[1]),
            batch_seed=np.uint64(derived_seed(seed, "training", "batches")),
        )
        network = KernelNetwork(*(getattr(self, name)[index] for name in KernelNetwork._fields))
        batch_size = min(config.batch_size or len(self.inputs), len(self.inputs))
        return descend(network, options, self.inputs, self.targets, batch_size, self.step, stop)

    def _measure(self) -> list[tuple[float, ...]]:
        rows, parameters = [], self.parameters()
        for index, objective in enumerate(self.objectives):
            values = {name: value[index].double() for name, value in parameters.items()}
            (risk, r1, train_accuracy), (test_risk, _, test_accuracy) = (
                measured(values, self.config, *examples) for examples in (self.train, self.test)
            )
            rows.append((risk, objective, r1, train_accuracy, test_risk, test_accuracy))
        return rows

    def _live_tensors(self) -> dict[str, Tensor]:
        return {f"parameters/{name}": torch.from_numpy(getattr(self, name)) for name in KernelNetwork._fields}


def measured(
    parameters: Mapping[str, Tensor], config: CompiledTraining, inputs: Tensor, targets: Tensor
) -> tuple[float, float, float]:
    """Measure R_S, R_1 (paper B, eq. 4) and the accuracy of one network, in the parameters' dtype.

    The accuracy is NaN where the targets are no classes, and everything is without examples.
    """
    first, bias, last, output_bias = (parameters[name] for name in NAMES)
    z = inputs.to(first.dtype) @ first.T + bias
    hidden = torch.tanh(z) if config.activation == "tanh" else torch.relu(z)
    outputs = hidden @ last.T + output_bias
    risk = squared_error_per_example(outputs, targets.to(outputs.dtype)).mean()
    r1 = r1_from_hidden(hidden, last, config.keep_prob).mean()
    accuracy = math.nan
    if len(targets) and encodes_classes(targets):
        right, count = correct_predictions(outputs, targets)
        accuracy = float(right) / float(count)
    return float(risk), float(r1), accuracy


def _packed(parameters: Mapping[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Copy the parameters into the kernel's arrays (S, d + 1 + k, width) and (S, k); unused neurons are zero."""
    first, bias, last, output_bias = (parameters[name].detach().numpy() for name in NAMES)
    rows = np.concatenate([first.transpose(0, 2, 1), bias[:, None], last], axis=1)
    theta = aligned_zeros(*rows.shape[:2], padded(rows.shape[2]))
    theta[:, :, : rows.shape[2]] = rows
    return theta, np.array(output_bias, np.float32)
