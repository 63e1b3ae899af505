"""Algorithm 1 of paper D: dropout training of two-layer ReLU networks f(x; W) = a . relu(W x) / sqrt(m) on one example
a step, with the logistic loss and rows projected onto a ball; only W is trained.

A step has one mask of Bernoulli(q) entries. The sub-network g(W; x, B) = a . B relu(W x) / sqrt(m) is not scaled in
training, W is multiplied by q at test time; the ReLU being homogeneous that changes no sign of f, and no error.

All networks of one width train side by side, each as ``two_layer_kernel`` does it. What a seed draws does not depend
on which networks are trained with it: a narrower network starts as the first neurons of a wider one, all see the same
examples, and masks are stretches of one SplitMix64 generator (kept with the probability q to 2^-33).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropscape.dropout.masks import check_keep_prob
from dropscape.numerics.seeds import derived_seed, numpy_generator
from dropscape.numerics.split_mix import kept_units, padded
from dropscape.subnetworks.streams import Stream
from dropscape.subnetworks.two_layer_kernel import (
    LARGEST,
    LINEARISED,
    LOSS,
    SMALLEST,
    Algorithm1Network,
    Algorithm1Options,
    descend,
    lengths,
    tested,
)
from dropscape.training.loop import TrainingRun
from dropscape.training.pace import Pace, in_threads

FLIPPED = 100  # test examples on which activations are compared with those of the start
MULTIPLES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # the lambda of the competitors W_1 + lambda V of Lemma 5.1
KEYS = ["width", "keep_prob", "seed", "step"]
TESTED = ["error_full", "error_visited", "loss_full", "loss_visited", "loss_small"]
LEMMAS = ["mean_loss", "loss_bound", "competitors_loss", "largest_linearised", "smallest_margin", "largest_margin"]
WIDTHS = ["active_width", "most_active"]
MOVED = ["largest", "mean", "largest_norm", "flipped", "projected"]
ERRORS = [*KEYS, *TESTED, "mean_error_full", "mean_error_visited", *LEMMAS, *WIDTHS]
DISTANCES = [*KEYS, *MOVED, "bound"]
MEASURED = [*TESTED, *LEMMAS, *WIDTHS, *MOVED]


@dataclass(frozen=True)
class Algorithm1Training:
    """The configuration of the trainings of one width."""

    width: int  # m
    keep_probs: tuple[float, ...]  # the q
    max_norms: tuple[float, ...]  # for each q the radius c of its projection
    seeds: tuple[int, ...]  # each for every q
    learning_rate: float  # eta
    steps: int  # updates, T - 1 in the paper's count of iterates
    recorded: tuple[int, ...]  # the steps at which something is measured, 0 to ``steps``

    def __post_init__(self):
        for keep_prob in self.keep_probs:
            check_keep_prob(keep_prob)


def initial_weights(width: int, dimension: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw w_r,1 ~ N(0, I), (m, d), and a_r uniform in {-1, 1}, (m,)."""
    weights = numpy_generator(seed, "subnetworks", "initialisation").standard_normal((width, dimension), np.float32)
    signs = 2 * numpy_generator(seed, "subnetworks", "signs").integers(0, 2, width) - 1
    return weights, signs.astype(np.float32)


def step_mask(width: int, keep_prob: float, seed: int, step: int) -> NDArray[np.bool_]:
    """Draw the mask of a step (counted from 0), (m,), True where a neuron is kept."""
    return kept_units(derived_seed(seed, "subnetworks", "masks"), step, width, 1, keep_prob)[0]


class Algorithm1Run(TrainingRun):
    """Trainings of one width in progress, which result in a table with ``ERRORS`` and ``DISTANCES``, in float64.

    They share the threads that torch may use, whose number changes nothing.
    """

    def __init__(self, config: Algorithm1Training, stream: Stream):
        super().__init__(config.steps)
        self.config, self.stream = config, stream
        initial = [initial_weights(config.width, stream.dimension, seed) for seed in config.seeds]
        self.signs = np.stack([_padded(signs) for _, signs in initial])
        self.initial = np.stack([_padded(weights.T) for weights, _ in initial])
        competitors = [stream.competitor(weights) * signs[:, None] / config.width**0.5 for weights, signs in initial]
        self.competitors = np.stack([_padded(rows.T.astype(np.float32)) for rows in competitors])
        # |w_r,1|^2, w_r,1 . v_r and |v_r|^2, (seeds, ``padded`` m), of which |w_r,1 + lambda v_r|^2 is made.
        pairs = [(self.initial, self.initial), (self.initial, self.competitors), (self.competitors, self.competitors)]
        self.squares = [np.einsum("sdr,sdr->sr", one, other, dtype=np.float64) for one, other in pairs]
        # The current weights, (keep probabilities, seeds, d, ``padded`` m).
        self.theta = np.repeat(self.initial[None], len(config.keep_probs), axis=0)
        self.projected = np.zeros((*self.theta.shape[:2], self.theta.shape[3]), bool)
        self.most_active = np.zeros((*self.theta.shape[:2], 1), np.int64)
        self.register = np.zeros((*self.theta.shape[:2], LINEARISED + 2 * len(MULTIPLES)))
        self.register[..., SMALLEST], self.register[..., LARGEST] = np.inf, -np.inf
        self.networks = list(np.ndindex(self.theta.shape[:2]))  # (keep probability's number, seed's number)
        self.chunk = -1  # of the stream, whose ``examples`` are at hand
        self.pace = Pace()

    def _advance(self) -> None:
        config, size = self.config, self.stream.size
        number, position = divmod(self.step, size)
        stop = min(stop for stop in (*config.recorded, config.steps) if stop > self.step)
        stop = self.pace.stop(self.step, min(stop, (number + 1) * size))
        count = stop - self.step
        if self.chunk != number:
            self.chunk, self.examples = number, [self.stream.chunk(seed, number) for seed in config.seeds]

        def descended(network: tuple[int, int]) -> float:
            inputs, labels, order = self.examples[network[1]]
            order = order[position : position + count]
            return descend(self._network(network), self._options(network), inputs, labels, order, self.step, stop)

        losses = self.pace.run(descended, self.networks, count)
        self.loss = sum(losses) / len(losses) / count
        self.step = stop

    def _record(self) -> None:
        if self.step in self.config.recorded:
            self.rows += in_threads(self._measured, self.networks)

    def _network(self, network: tuple[int, int]) -> Algorithm1Network:
        seed = network[1]
        of_network = (self.projected[network], self.most_active[network])
        fixed = (self.initial[seed], self.competitors[seed])
        return Algorithm1Network(self.theta[network], self.signs[seed], *of_network, *fixed, self.register[network])

    def _options(self, network: tuple[int, int]) -> Algorithm1Options:
        config, (point, seed) = self.config, network
        mask_seed = np.uint64(derived_seed(config.seeds[seed], "subnetworks", "masks"))
        keep_prob, c = float(config.keep_probs[point]), float(config.max_norms[point])
        multiples = np.array(MULTIPLES)
        return Algorithm1Options(config.width, keep_prob, float(config.learning_rate), c, mask_seed, multiples)

    def _measured(self, network: tuple[int, int]) -> list[float]:
        """Measure a network: the step and ``MEASURED``."""
        config, (point, seed) = self.config, network
        mask = step_mask(config.width, config.keep_probs[point], config.seeds[seed], self.step)
        found = tested(self._network(network), mask, config.keep_probs[point], *self.stream.test)
        sizes, moved = lengths(self.theta[network][:, : config.width], self.initial[seed][:, : config.width])
        flipped = (self._active(self.theta[network]) != self._active(self.initial[seed])).mean()
        distances = [moved.max(), moved.mean(), sizes.max(), flipped, self.projected[network].sum()]
        active = int(mask.sum())  # of the next update's mask, which the steps so far did not have
        most_active = max(active, int(self.most_active[network][0]))
        return [self.step, *found, *self._lemmas(network), active, most_active, *map(float, distances)]

    def _lemmas(self, network: tuple[int, int]) -> list[float]:
        """Compute ``LEMMAS`` of the steps so far, undefined before the first one."""
        config, (point, seed), steps = self.config, network, self.step
        if not steps:
            return [math.nan] * len(LEMMAS)
        register, multiples = self.register[network], np.array(MULTIPLES)
        start, across, moved = (values[seed] for values in self.squares)
        norms = np.array([(start + one * (2 * across + one * moved)).max() for one in MULTIPLES]) ** 0.5
        within = norms <= config.max_norms[point]
        bounds = [math.nan] * 3
        if within.any():
            sums, largest = register[LINEARISED:].reshape(-1, 2)[within].T
            distances = multiples[within] ** 2 * moved.sum() / (config.learning_rate * steps)
            bounds = [(distances + 2 * sums / steps).min(), 2 * sums.min() / steps, largest.max()]
        return [register[LOSS] / steps, *bounds, register[SMALLEST], register[LARGEST]]

    def _active(self, theta: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell which of the neurons are active on the first test examples, (``FLIPPED``, m)."""
        return self.stream.test[0][:FLIPPED] @ theta[:, : self.config.width] > 0

    def _live_tensors(self) -> dict[str, Tensor]:
        return {
            name: torch.from_numpy(getattr(self, name)) for name in ("theta", "projected", "most_active", "register")
        }

    def _result(self) -> pd.DataFrame:
        config, tables = self.config, []
        for number, (point, seed) in enumerate(self.networks):
            table = pd.DataFrame(self.rows[number :: len(self.networks)], columns=["step", *MEASURED])
            table = table.assign(width=config.width, keep_prob=config.keep_probs[point], seed=config.seeds[seed])
            table["bound"] = config.max_norms[point]
            for kind in ("full", "visited"):
                table[f"mean_error_{kind}"] = running_mean(table["step"], table[f"error_{kind}"])
            tables.append(table)
        return pd.concat(tables, ignore_index=True).astype(
            dict.fromkeys(["active_width", "most_active", "projected"], int)
        )


def running_mean(steps: Iterable[int], values: Iterable[float]) -> NDArray[np.float64]:
    """Average the values at steps s_0 to s_k for each k, the values at the steps between being linear in the step."""
    steps, values = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    gaps = np.diff(steps)
    # After a recorded step come gap values, the last of them the next recorded one.
    sums = gaps * (values[:-1] + values[1:]) / 2 + (values[1:] - values[:-1]) / 2
    totals = values[0] + np.concatenate([[0.0], np.cumsum(sums)])
    return totals / (steps - steps[0] + 1)


def _padded(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill the last axis, the neurons, up with zeros to what the kernel takes."""
    width = rows.shape[-1]
    return np.ascontiguousarray(np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, padded(width) - width)]))
