"""Algorithm 1 of paper D: dropout training of two-layer ReLU networks f(x; W) = a . relu(W x) / sqrt(m) on one example
a step, with the logistic loss and rows projected onto a ball; only W is trained.

A step has one mask of Bernoulli(q) entries. The sub-network g(W; x, B) = a . B relu(W x) / sqrt(m) is not scaled in
training, W is multiplied by q at test time; the ReLU being homogeneous that changes no sign of f, and no error.

All networks of one width train side by side, each as ``two_layer_kernel`` does it. What a seed draws does not depend
on which networks are trained with it: a narrower network starts as the first neurons of a wider one, all see the same
examples, and masks are stretches of one SplitMix64 generator (kept with the probability q to 2^-33).
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropscape.dropout.masks import check_keep_prob
from dropscape.numerics.lanes import LANES
from dropscape.numerics.seeds import derived_seed, numpy_generator
from dropscape.numerics.split_mix import outputs
from dropscape.subnetworks.streams import Stream
from dropscape.subnetworks.two_layer_kernel import Network, Options, descend, lengths, misclassified
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.loop import trained_to_the_end

SECONDS = 0.5  # after which the compiled function returns

ERRORS = ["error_full", "error_visited", "mean_error_full", "mean_error_visited", "active_width"]
DISTANCES = ["largest", "mean", "largest_norm", "projected", "bound"]
WHOSE = ["width", "keep_prob", "seed", "step"]


@dataclass(frozen=True)
class TwoLayer:
    """What decides the trainings of one width (with their examples).

    Attributes:
        width: m.
        keep_probs: the q, each with the radius of its projection in ``max_norms``.
        seeds: each for every q.
        learning_rate: eta.
        steps: updates, T - 1 in the paper's count of iterates.
        recorded: the steps at which something is measured, 0 to ``steps``.
    """

    width: int
    keep_probs: tuple[float, ...]
    max_norms: tuple[float, ...]
    seeds: tuple[int, ...]
    learning_rate: float
    steps: int
    recorded: tuple[int, ...]

    def __post_init__(self):
        for keep_prob in self.keep_probs:
            check_keep_prob(keep_prob)


@dataclass(frozen=True)
class Trained:
    """Finished trainings.

    Attributes:
        weights: W at the end, float32 (keep probabilities, seeds, m, d).
        errors: ``WHOSE`` and ``ERRORS`` of each recorded iterate; the visited sub-network has the next step's mask.
        distances: ``WHOSE`` and ``DISTANCES``, in float64.
    """

    weights: NDArray[np.float32]
    errors: pd.DataFrame
    distances: pd.DataFrame


def initial_weights(width: int, dimension: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """w_r,1 ~ N(0, I), (m, d), and a_r uniform in {-1, 1}, (m,)."""
    weights = numpy_generator(seed, "subnetworks", "initialisation").standard_normal((width, dimension), np.float32)
    signs = 2 * numpy_generator(seed, "subnetworks", "signs").integers(0, 2, width) - 1
    return weights, signs.astype(np.float32)


def mask_of_step(width: int, keep_prob: float, seed: int, step: int) -> NDArray[np.bool_]:
    """The mask of a step (counted from 0), (m,), True where a neuron is kept."""
    words = -(-width // LANES) * LANES // 2
    draws = outputs(derived_seed(seed, "subnetworks", "masks"), step * words, words).astype("<u8").view("<u4")[:width]
    return draws < round(keep_prob * 2**32)


def train(
    plan: TwoLayer,
    stream: Stream,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> Trained:
    """Train every network of the plan by Algorithm 1.

    The result is bit-identical however often the training was interrupted and whatever the number of threads that torch
    may use, which the networks share.

    Args:
        plan: what to do.
        stream: the examples.
        checkpoint: where the state is saved.
        progress: called with (done, steps, loss=...), the mean loss of the last steps.
    """
    return trained_to_the_end(_Run(plan, stream), plan.steps, checkpoint, progress)


class _Run:
    """The moving parts: weights of every network, what was recorded so far and the step."""

    def __init__(self, plan: TwoLayer, stream: Stream):
        self.plan, self.stream = plan, stream
        self.step = 0
        self.loss = float("nan")
        initial = [initial_weights(plan.width, stream.dimension, seed) for seed in plan.seeds]
        self.signs = np.stack([_blocks(signs) for _, signs in initial])
        self.initial = np.stack([_blocks(weights.T).swapaxes(0, 1) for weights, _ in initial])
        self.theta = np.repeat(self.initial[None], len(plan.keep_probs), axis=0)
        self.projected = np.zeros((*self.theta.shape[:3], LANES), bool)
        self.networks = [(point, seed) for point in range(len(plan.keep_probs)) for seed in range(len(plan.seeds))]
        self.rows: list[list[float]] = []
        self.part = -1  # of the stream, whose ``examples`` are at hand
        self.pace = 1.0  # steps that take SECONDS, as far as is known

    def advance(self) -> None:
        """Steps of every network until something is to be recorded, a part of the examples ends, or for ``SECONDS``."""
        plan, size = self.plan, self.stream.size
        number, position = divmod(self.step, size)
        stop = min(stop for stop in (*plan.recorded, plan.steps) if stop > self.step)
        stop = min(stop, (number + 1) * size, self.step + max(1, int(self.pace)))
        if self.part != number:
            self.part, self.examples = number, [self.stream.part(seed, number) for seed in plan.seeds]
        began = time.perf_counter()

        def descended(network: tuple[int, int]) -> float:
            inputs, labels, order = self.examples[network[1]]
            order = order[position : position + stop - self.step]
            return descend(self._network(network), self._options(network), inputs, labels, order, self.step, stop)

        losses = self._of_all(descended)
        taken = time.perf_counter() - began
        self.pace = min(10 * self.pace, (stop - self.step) * SECONDS / max(taken, 1e-9))
        self.loss = sum(losses) / len(losses) / (stop - self.step)
        self.step = stop

    def record(self) -> None:
        """Measure every network where the plan wants it."""
        if self.step in self.plan.recorded:
            self.rows += self._of_all(self._measured)

    def _of_all(self, function: Callable[[tuple[int, int]], object]) -> list:
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            return list(threads.map(function, self.networks))

    def _network(self, network: tuple[int, int]) -> Network:
        return Network(self.theta[network], self.signs[network[1]], self.projected[network])

    def _options(self, network: tuple[int, int]) -> Options:
        plan, (point, seed) = self.plan, network
        mask_seed = np.uint64(derived_seed(plan.seeds[seed], "subnetworks", "masks"))
        keep_prob, c = float(plan.keep_probs[point]), float(plan.max_norms[point])
        return Options(plan.width, keep_prob, float(plan.learning_rate), c, mask_seed)

    def _measured(self, network: tuple[int, int]) -> list[float]:
        """point, seed, step, both errors, active width and ``DISTANCES`` but the bound."""
        plan, (point, seed) = self.plan, network
        mask = mask_of_step(plan.width, plan.keep_probs[point], plan.seeds[seed], self.step)
        inputs, labels = self.stream.test
        wrong = misclassified(self._network(network), mask, inputs, labels)
        sizes, moved = lengths(self.theta[network], self.initial[seed], plan.width)
        errors = [count / len(labels) for count in wrong]
        distances = [moved.max(), moved.mean(), sizes.max(), self.projected[network].sum()]
        return [point, seed, self.step, *errors, int(mask.sum()), *map(float, distances)]

    def _weights(self, network: tuple[int, int]) -> NDArray[np.float32]:
        """W, (m, d)."""
        return self.theta[network].transpose(0, 2, 1).reshape(-1, self.stream.dimension)[: self.plan.width]

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the rest of the training depends on."""
        tensors = {"theta": torch.from_numpy(self.theta.copy()), "projected": torch.from_numpy(self.projected.copy())}
        return tensors, {"step": self.step, "rows": self.rows}

    def restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Go on from a ``state``."""
        self.theta[...] = tensors["theta"].numpy()
        self.projected[...] = tensors["projected"].numpy()
        self.step, self.rows = state["step"], state["rows"]

    def result(self) -> Trained:
        """What was trained."""
        plan = self.plan
        measured = ["step", "error_full", "error_visited", "active_width", *DISTANCES[:-1]]
        table = pd.DataFrame(self.rows, columns=["point", "of_seed", *measured])
        table["width"] = plan.width
        table["keep_prob"] = np.array(plan.keep_probs)[table["point"]]
        table["bound"] = np.array(plan.max_norms)[table["point"]]
        table["seed"] = np.array(plan.seeds)[table["of_seed"]]
        table = table.sort_values(["point", "of_seed", "step"], ignore_index=True)
        groups = table.groupby(["point", "of_seed"], sort=False)
        for kind in ("full", "visited"):
            means = [running_mean(group["step"], group[f"error_{kind}"]) for _, group in groups]
            table[f"mean_error_{kind}"] = np.concatenate(means)
        table = table.astype({"active_width": int, "projected": int})
        shape = (len(plan.keep_probs), len(plan.seeds), plan.width, self.stream.dimension)
        weights = np.stack([self._weights(network) for network in self.networks]).reshape(shape)
        return Trained(weights, table[WHOSE + ERRORS], table[WHOSE + DISTANCES])


def running_mean(steps: Iterable[int], values: Iterable[float]) -> NDArray[np.float64]:
    """Means of the values at steps s_0 to s_k for each k, the values at the steps between being linear in the step.

    Args:
        steps: recorded ones, increasing.
        values: at these steps.
    """
    steps, values = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    gaps = np.diff(steps)
    # After a recorded step come gap values, the last of them the next recorded one.
    sums = gaps * (values[:-1] + values[1:]) / 2 + (values[1:] - values[:-1]) / 2
    totals = values[0] + np.concatenate([[0.0], np.cumsum(sums)])
    return totals / (steps - steps[0] + 1)


def _blocks(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Neurons along the last axis, filled up with zeros and cut: (..., m) to (..., blocks, LANES)."""
    fill = [(0, 0)] * (rows.ndim - 1) + [(0, -rows.shape[-1] % LANES)]
    padded = np.pad(rows, fill)
    return np.ascontiguousarray(padded.reshape(*rows.shape[:-1], -1, LANES))
