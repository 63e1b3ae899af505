"""Small compiled trainings that tests start from."""

from dataclasses import replace

import numpy as np
import torch

from dropscape.numerics.seeds import derived_seed
from dropscape.numerics.split_mix import kept_units, shuffle
from dropscape.training.compiled import CompiledTraining
from dropscape.training.train import train

BASE = CompiledTraining(
    widths=(1, 37, 1),  # not a multiple of a SIMD register
    activation="tanh",
    block=("layers.0.weight", "layers.1.weight"),
    keep_prob=0.7,
    mask_mode="per_example",
    learning_rate=0.05,
    steps=12,
    trajectory_steps=5,
    recorded=(0, 1, 6, 12),
    history=(0, 4, 8, 12),
    seeds=(0, 7),
    initial_scale=(0.7, 0.5),
)


def changed(**changes):
    return replace(BASE, **changes)


def short(steps, **changes):
    """A training that records its beginning and its end."""
    return changed(steps=steps, trajectory_steps=0, recorded=(0, steps), history=(0, steps), **changes)


def data(config, n=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    d, _, k = config.widths
    return torch.randn(n, d, generator=generator), torch.randn(n, k, generator=generator)


def trained(config, n=8, **options):
    return train(config, *data(config, n), *data(config, 5, seed=2), **options)


def select_seed(tensors, index):
    return {name: value[index] for name, value in tensors.items()}


def draw_masks(config, seed, step, examples):
    """The masks of a step (counted from 0): bool (m, examples), or (m, 1) where they are shared; True where kept.

    Column i belongs to the i-th of ``draw_examples``, whose number is ``examples``.
    """
    columns = 1 if config.mask_mode == "shared" else examples
    state = derived_seed(seed, "training", "masks")
    return torch.from_numpy(kept_units(state, step, config.widths[1], columns, config.keep_prob).T)


def draw_examples(config, seed, step, examples):
    """Which of the ``examples`` a step (counted from 0) takes, int64 (batch_size,), from a permutation an epoch."""
    if config.batch_size is None or config.batch_size >= examples:
        return torch.arange(examples)
    epoch, position = divmod(step, examples // config.batch_size)
    order = np.empty(examples, np.int64)
    shuffle(order, np.uint64(derived_seed(seed, "training", "batches")), epoch)
    return torch.from_numpy(order[position * config.batch_size :][: config.batch_size])


def objective(config, parameters, x, y, mask):
    """What a step descends, written out (paper B, eq. 2, 4 and 7)."""
    first, bias, last, output_bias = parameters
    z = x @ first.T + bias
    h = torch.tanh(z) if config.activation == "tanh" else torch.relu(z)
    f = (h * mask / config.keep_prob if config.objective == "dropout" else h) @ last.T + output_bias
    risk = (f - y).square().sum() / (2 * len(x))
    if config.objective != "risk_plus_r1":
        return risk
    p = config.keep_prob
    outgoing = last.T[:, None, :] * h.T[:, :, None]  # W_j f_j(x_i), (m, n, k)
    return risk + (1 - p) / (2 * len(x) * p) * outgoing.square().sum()
