"""Training of two-layer networks f(x) = sum_j a_j sigma(w_j x + b_j) + c on the squared error, its steps compiled.

Paper B trains such networks of width 1,000 on a handful of examples for up to a million steps (its Fig. 1, 4, 6, 8 and
9): work of microseconds a step, of which a call of any library takes many times as long. The steps are one compiled
function (``two_layer_kernel``), which returns only to record, to save and to report. Parameters and gradients are
float32, objectives and measurements float64.

Everything random follows from a seed and the number of the step: masks are stretches of one SplitMix64 generator of
32-bit draws (a unit is kept with the probability ``keep_prob`` to 2^-33), permutations of another. So a training goes
on from its step alone and does not depend on how often the compiled function returned.
"""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dropscape.dropout.masks import MASK_MODES, check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.block import check_block
from dropscape.models.initial import normal_initialised
from dropscape.models.losses import correct_predictions, encodes_classes, squared_error_per_example
from dropscape.numerics.lanes import LANES
from dropscape.numerics.seeds import derived_seed
from dropscape.numerics.split_mix import outputs, shuffle
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.loop import refuse_divergence, trained_to_the_end
from dropscape.training.objectives import r1_of_hidden
from dropscape.training.recording import Recording, Trained
from dropscape.training.roads import COMPILED
from dropscape.training.stacked import initialised
from dropscape.training.two_layer_kernel import Network, Options, descend

NAMES = ("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias")

SECONDS = 0.5  # after which the compiled function returns


@dataclass(frozen=True)
class TwoLayer:
    """What decides a training (with the data, the seeds and the parameters that it starts from).

    ``widths`` are (d, m, k). ``trajectory_steps`` of the ``steps`` are recorded, the last ones; ``recorded`` are the
    steps at which all parameters are kept, ``history`` those at which losses and accuracies are. Without
    ``initial_scale``, a standard deviation for each layer, parameters start from torch's default; without
    ``batch_size`` a step takes all examples. Without ``output_bias`` c stays as it starts, 0.
    """

    widths: tuple[int, int, int]
    activation: str
    block: tuple[str, ...]
    keep_prob: float
    mask_mode: str
    learning_rate: float
    steps: int
    trajectory_steps: int
    recorded: tuple[int, ...]
    history: tuple[int, ...]
    seeds: tuple[int, ...]
    objective: str = "dropout"
    optimizer: str = "gd"
    batch_size: int | None = None
    initial_scale: tuple[float, float] | None = None
    output_bias: bool = True

    def __post_init__(self):
        check_keep_prob(self.keep_prob)
        if len(self.widths) != 3:
            raise ConfigurationError(
                f"model.widths is {list(self.widths)}, but a two-layer network has three: d, m, k."
            )
        for key, known in {**COMPILED, "mask_mode": MASK_MODES}.items():
            if getattr(self, key) not in known:
                raise ConfigurationError(
                    f"{key} is '{getattr(self, key)}', but the compiled training of two-layer networks knows "
                    f"{', '.join(known)}."
                )
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigurationError(f"batch_size is {self.batch_size}; write at least 1, or null for all examples.")
        check_block(self.block, NAMES)


def train(
    plan: TwoLayer,
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
    """Train every seed by ``plan.steps`` steps (paper B, eq. 2 and 7) on the processor, whatever the ``device``.

    The result is bit-identical however often the training was interrupted and whatever the number of threads, on the
    same machine. Seeds share the threads that torch may use.

    Args:
        train_inputs, test_inputs: (n, d) float32.
        train_targets, test_targets: (n, k) float32.
        start: ``{name: (S, ...)}``, parameters of every seed at the beginning; None initialises them.
        progress: called with (done, steps, loss=...) now and then.

    Raises:
        DivergenceError: a seed's objective left the finite numbers.
        ConfigurationError: data and network do not fit.
    """
    run = _Run(plan, start, (train_inputs, train_targets), (test_inputs, test_targets))
    return trained_to_the_end(run, plan.steps, checkpoint, progress)


def initial_parameters(plan: TwoLayer) -> dict[str, Tensor]:
    """``{name: (S, ...)}`` in float32 at step 0, where nothing else is given."""
    if plan.initial_scale is None:
        parameters = initialised(plan.widths, plan.activation, plan.seeds)
    else:
        parameters = normal_initialised(plan.widths, plan.activation, plan.initial_scale, plan.seeds)
    if not plan.output_bias:
        parameters[NAMES[3]].zero_()
    return parameters


def masks_of_step(plan: TwoLayer, seed: int, step: int, examples: int) -> Tensor:
    """The masks of a step (counted from 0): bool (m, examples), or (m, 1) where they are shared; True where kept.

    Column i belongs to the i-th of ``examples_of_step``, whose number is ``examples``.
    """
    blocks = -(-plan.widths[1] // LANES)
    columns = 1 if plan.mask_mode == "shared" else examples
    words = blocks * columns * LANES // 2
    values = outputs(derived_seed(seed, "training", "masks"), step * words, words)
    draws = values.astype("<u8").view("<u4").reshape(blocks, columns, LANES)
    kept = draws.transpose(0, 2, 1).reshape(-1, columns)[: plan.widths[1]] < round(plan.keep_prob * 2**32)
    return torch.from_numpy(kept)


def examples_of_step(plan: TwoLayer, seed: int, step: int, examples: int) -> Tensor:
    """Which of the ``examples`` a step (counted from 0) takes, int64 (batch_size,).

    Each epoch has a permutation of its own and takes ``batch_size`` examples a step from it; fewer that are left at its
    end are not used in that epoch.
    """
    if plan.batch_size is None or plan.batch_size >= examples:
        return torch.arange(examples)
    epoch, position = divmod(step, examples // plan.batch_size)
    order = np.empty(examples, np.int64)
    shuffle(order, np.uint64(derived_seed(seed, "training", "batches")), epoch)
    return torch.from_numpy(order[position * plan.batch_size :][: plan.batch_size])


class _Run:
    """The moving parts of a training: parameters and moments of every seed, what was recorded so far and the step."""

    def __init__(
        self,
        plan: TwoLayer,
        start: Mapping[str, Tensor] | None,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
    ):
        self.plan = plan
        for inputs, targets in (train, test):
            _check_data(plan, inputs, targets)
        self.train, self.test = train, test
        self.inputs, self.targets = (np.ascontiguousarray(part.numpy(), np.float32) for part in train)
        self.step = 0
        self.loss = math.nan
        self.objectives = [math.nan] * len(plan.seeds)
        parameters = initial_parameters(plan) if start is None else start
        self.theta, self.output_bias = _packed(parameters)
        self.moments = np.zeros((len(plan.seeds), 2, *self.theta.shape[1:]), np.float32)
        self.bias_moments = np.zeros((len(plan.seeds), 2, plan.widths[2]), np.float32)
        self.stops = sorted({*plan.recorded, *plan.history, plan.steps - plan.trajectory_steps, plan.steps})
        self.pace = 1.0  # steps that take SECONDS, as far as is known
        self.recording = Recording(plan, sum(parameters[name][0].numel() for name in plan.block))

    def advance(self) -> None:
        """Steps of every seed until something is to be recorded, or for about ``SECONDS``."""
        plan = self.plan
        stop = next(stop for stop in self.stops if stop > self.step)
        if self.step >= plan.steps - plan.trajectory_steps:
            stop = self.step + 1
        stop = min(stop, self.step + max(1, int(self.pace)))
        began = time.perf_counter()
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            results = list(threads.map(lambda index: self._descend(index, stop), range(len(plan.seeds))))
        taken = time.perf_counter() - began
        self.pace = min(10 * self.pace, (stop - self.step) * SECONDS / max(taken, 1e-9))
        for seed, (step, objective) in zip(plan.seeds, results, strict=True):
            self._refuse_divergence(seed, objective, step - 1)
        self.objectives = [objective for _, objective in results]
        self.loss = sum(self.objectives) / len(self.objectives)
        self.step = stop

    def _descend(self, index: int, stop: int) -> tuple[int, float]:
        plan, seed = self.plan, self.plan.seeds[index]
        options = Options(
            is_tanh=plan.activation == "tanh",
            keep_prob=float(plan.keep_prob),
            masked=plan.objective == "dropout",
            shared=plan.mask_mode == "shared",
            with_r1=plan.objective == "risk_plus_r1",
            adam=plan.optimizer == "adam",
            learning_rate=float(plan.learning_rate),
            with_output_bias=plan.output_bias,
            mask_seed=np.uint64(derived_seed(seed, "training", "masks")),
            batch_seed=np.uint64(derived_seed(seed, "training", "batches")),
        )
        network = Network(self.theta[index], self.moments[index], self.output_bias[index], self.bias_moments[index])
        batch_size = min(plan.batch_size or len(self.inputs), len(self.inputs))
        return descend(network, options, self.inputs, self.targets, batch_size, self.step, stop)

    def _refuse_divergence(self, seed: int, value: float, step: int) -> None:
        refuse_divergence(seed, value, step, self.plan.learning_rate, self.plan.keep_prob)

    def record(self) -> None:
        """Keep what is wanted of the present step."""
        self.recording.record(self.step, self.parameters, self._block, self._measure)

    def parameters(self) -> dict[str, Tensor]:
        """``{name: (S, ...)}`` at the present step."""
        return _unpacked(self.theta, self.output_bias, self.plan.widths)

    def _block(self) -> Tensor:
        parameters = self.parameters()
        return torch.cat([parameters[name].flatten(1) for name in self.plan.block], dim=1)

    def _measure(self) -> list[tuple[float, ...]]:
        rows, parameters = [], self.parameters()
        for index, objective in enumerate(self.objectives):
            own = {name: value[index].double() for name, value in parameters.items()}
            (risk, r1, train_accuracy), (test_risk, _, test_accuracy) = (
                measured(own, self.plan, *part) for part in (self.train, self.test)
            )
            rows.append((risk, objective, r1, train_accuracy, test_risk, test_accuracy))
        return rows

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the rest of the training depends on."""
        tensors, rows = self.recording.state(self.step)
        tensors |= {name: torch.from_numpy(value.copy()) for name, value in self._arrays().items()}
        return tensors, {"step": self.step, "rows": rows}

    def restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Go on from a ``state``."""
        for name, value in self._arrays().items():
            value[...] = tensors[name].numpy()
        self.recording.restore(tensors, state["rows"])
        self.step = state["step"]

    def _arrays(self) -> dict[str, np.ndarray]:
        names = ("theta", "output_bias", "moments", "bias_moments")
        return {f"parameters/{name}": getattr(self, name) for name in names}

    def result(self) -> Trained:
        """What was trained; also the last update, which no further step saw, must have left float32's range finite."""
        for seed, row in zip(self.plan.seeds, self._measure(), strict=True):
            self._refuse_divergence(seed, float(torch.tensor(row[0], dtype=torch.float32)), self.step)
        return self.recording.result(self.parameters())


def measured(
    parameters: Mapping[str, Tensor], plan: TwoLayer, inputs: Tensor, targets: Tensor
) -> tuple[float, float, float]:
    """R_S, R_1 (paper B, eq. 4) and the accuracy of one network, in the parameters' dtype.

    The accuracy is NaN where the targets are no classes, and everything is without examples.
    """
    first, bias, last, output_bias = (parameters[name] for name in NAMES)
    z = inputs.to(first.dtype) @ first.T + bias
    hidden = torch.tanh(z) if plan.activation == "tanh" else torch.relu(z)
    outputs = hidden @ last.T + output_bias
    risk = squared_error_per_example(outputs, targets.to(outputs.dtype)).mean()
    r1 = r1_of_hidden(hidden, last, plan.keep_prob).mean()
    accuracy = math.nan
    if len(targets) and encodes_classes(targets):
        right, count = correct_predictions(outputs, targets)
        accuracy = float(right) / float(count)
    return float(risk), float(r1), accuracy


def _check_data(plan: TwoLayer, inputs: Tensor, targets: Tensor) -> None:
    expected = ((len(inputs), plan.widths[0]), (len(inputs), plan.widths[2]))
    if (tuple(inputs.shape), tuple(targets.shape)) != expected:
        raise ConfigurationError(
            f"inputs of shape {tuple(inputs.shape)} and targets of shape {tuple(targets.shape)} do not fit "
            f"model.widths {list(plan.widths)}; they have to be (n, {plan.widths[0]}) and (n, {plan.widths[2]})."
        )


def _packed(parameters: Mapping[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """The kernel's arrays (S, blocks, d + 1 + k, LANES) and (S, k); neurons that fill the last block up are zero."""
    first, bias, last, output_bias = (parameters[name].detach().numpy() for name in NAMES)
    rows = np.concatenate([first.transpose(0, 2, 1), bias[:, None], last], axis=1)
    seeds, count, width = rows.shape
    blocks = -(-width // LANES)
    theta = np.zeros((seeds, count, blocks * LANES), np.float32)
    theta[:, :, :width] = rows
    theta = theta.reshape(seeds, count, blocks, LANES).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(theta), np.array(output_bias, np.float32)


def _unpacked(theta: np.ndarray, output_bias: np.ndarray, widths: tuple[int, int, int]) -> dict[str, Tensor]:
    """The parameters, copied from the kernel's arrays."""
    d, width, k = widths
    rows = theta.transpose(0, 2, 1, 3).reshape(len(theta), d + 1 + k, -1)[:, :, :width]
    values = (rows[:, :d].transpose(0, 2, 1), rows[:, d], rows[:, d + 1 :], output_bias)
    return {name: torch.from_numpy(np.array(value, order="C")) for name, value in zip(NAMES, values, strict=True)}
