"""Two-layer networks on a handful of examples (paper B): against PyTorch's steps and against the arithmetic alone."""

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Row, Work, bound_row, compare, median_seconds
from benchmarks.harness import threads as use_threads
from dropscape.numerics.compiled_loops import aligned_zeros, vectorised
from dropscape.numerics.fast_tanh import tanh
from dropscape.numerics.split_mix import fill, padded
from dropscape.training.compiled import CompiledTraining
from dropscape.training.stacked import initialised
from dropscape.training.train import train

WIDTH = 1000
# Fig. 8: few samples of a teacher with two neurons, dropout rates, ten trials each, Adam at 1e-4.
SAMPLES, KEEP_PROBS, TRIALS, LEARNING_RATE = range(2, 11), (0.5, 0.7, 0.8, 0.9, 1.0), 10, 1e-4
STEPS, LOOP_SHARE, BATCHED_SHARE = 500, 25, 10
EXAMPLES = 8  # of a step alone, and of Fig. 9
EPOCHS, MINUTES = 900_000, 0.5  # of Fig. 9, and what they may take


def samples(n: int) -> tuple[Tensor, Tensor]:
    """``n`` examples of a two-neuron tanh network of one input."""
    x = torch.linspace(-1, 1, n)[:, None]
    return x, torch.tanh(3 * x - 1) - torch.tanh(2 * x + 1)


def training_config(
    keep_prob: float = 0.9, steps: int = STEPS, trials: int = TRIALS, optimizer: str = "adam"
) -> CompiledTraining:
    return CompiledTraining(
        widths=(1, WIDTH, 1),
        activation="tanh",
        block=(),
        keep_prob=keep_prob,
        mask_mode="per_example",
        learning_rate=LEARNING_RATE,
        steps=steps,
        trajectory_steps=0,
        recorded=(steps,),
        history=(steps,),
        seeds=tuple(range(trials)),
        optimizer=optimizer,
    )


def ours() -> None:
    """The grid, each of its points as the run of an experiment is trained."""
    for n in SAMPLES:
        data = samples(n)
        for keep_prob in KEEP_PROBS:
            train(training_config(keep_prob), *data, *data)


def one_after_another(steps: int) -> None:
    """The grid as everybody writes it: a module, autograd and torch's Adam for each training."""
    for n in SAMPLES:
        x, y = samples(n)
        for keep_prob in KEEP_PROBS:
            for _ in range(TRIALS):
                network = nn.Sequential(nn.Linear(1, WIDTH), nn.Tanh(), nn.Dropout(1 - keep_prob), nn.Linear(WIDTH, 1))
                optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
                for _ in range(steps):
                    optimizer.zero_grad()
                    ((network(x) - y).square().mean() / 2).backward()
                    optimizer.step()


def batched(steps: int) -> None:
    """The grid with all trainings on the same examples as one: batched products, autograd and torch's Adam."""
    config = training_config(trials=TRIALS * len(KEEP_PROBS))
    start = initialised(config.widths, config.activation, config.seeds, initial_scale=config.initial_scale)
    keep_probs = torch.tensor(KEEP_PROBS).repeat_interleave(TRIALS)[:, None, None]
    for n in SAMPLES:
        x, y = (values.expand(len(keep_probs), -1, -1) for values in samples(n))
        first, bias, last, output_bias = parameters = [value.clone().requires_grad_() for value in start.values()]
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)
        for _ in range(steps):
            optimizer.zero_grad()
            hidden = torch.baddbmm(bias[:, None], x, first.mT).tanh()
            hidden = hidden * (torch.rand_like(hidden) < keep_probs) / keep_probs
            outputs = torch.baddbmm(output_bias[:, None], hidden, last.mT)
            ((outputs - y).square().mean(dim=(1, 2)).sum() / 2).backward()
            optimizer.step()


@vectorised
def _arithmetic(steps, rows, adam, numbers, words):
    """The costly part of what steps compute, in the nearest cache and for no purpose.

    That is tanh and the draws of each example, and the update of each parameter. The products and sums of a step are
    left out: with them it would be longer.
    """
    half, tenth = np.float32(0.5), np.float32(0.1)
    for step in range(steps):
        for example in range(EXAMPLES):
            fill(words, np.uint64(step * EXAMPLES + example))
            for j in range(len(numbers)):
                numbers[j] = tanh(numbers[j])
        for _ in range(rows):
            for j in range(len(numbers)):
                value = numbers[j] * half + tenth
                if adam:  # two averages, and their quotient
                    value = (((value * half + tenth) * half + tenth) * half + tenth) * half + tenth
                    value = half / (np.sqrt(value * value) * half + tenth)
                numbers[j] = value


def arithmetic(steps: int, optimizer: str) -> Work:
    """Of so many steps on ``EXAMPLES`` examples."""
    numbers, words = aligned_zeros(padded(WIDTH)), np.zeros(padded(WIDTH) // 2, np.uint64)
    return lambda: _arithmetic(steps, 3, optimizer == "adam", numbers, words)


def seconds_a_step(optimizer: str, steps: int = 20_000, repeats: int = 5) -> float:
    """Of a training of one network, the median."""
    data, config = samples(EXAMPLES), training_config(steps=steps, trials=1, optimizer=optimizer)
    return median_seconds(lambda: train(config, *data, *data), repeats) / steps


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """Every row; the numbers of examples are the papers', so ``n`` is not used."""
    with use_threads(threads):
        grid = len(SAMPLES) * len(KEEP_PROBS) * TRIALS
        table = compare(
            f"{grid} trainings of width {WIDTH} on 2 to 10 samples, {STEPS} Adam steps (paper B, Fig. 8)",
            ("compiled steps", ours),
            {
                "plain PyTorch, one after another": lambda: one_after_another(STEPS // LOOP_SHARE),
                "batched products in PyTorch": lambda: batched(STEPS // BATCHED_SHARE),
            },
            repeats=3,
            limits={"plain PyTorch, one after another": 25.0, "batched products in PyTorch": 8.0},
            scales={"plain PyTorch, one after another": LOOP_SHARE, "batched products in PyTorch": BATCHED_SHARE},
            measure_memory=False,
        )
        steps, data = 20_000, samples(EXAMPLES)
        for optimizer in ("gd", "adam"):
            config = training_config(steps=steps, trials=1, optimizer=optimizer)
            table += compare(
                f"{steps} steps of width {WIDTH} on {EXAMPLES} examples with dropout, {optimizer}",
                ("compiled steps", lambda config=config: train(config, *data, *data)),
                {"their arithmetic alone": arithmetic(steps, optimizer)},
                repeats=9,
                limits={"their arithmetic alone": 1 / 5},
                note="ours may take five times as long",
                measure_memory=False,
            )
        minutes = EPOCHS * seconds_a_step("gd") / 60
        table.append(
            bound_row(
                f"{EPOCHS:,} steps of width {WIDTH} on {EXAMPLES} examples (paper B, Fig. 9)",
                "compiled steps, from 20,000",
                minutes,
                "stated bound",
                MINUTES,
                "minutes",
            )
        )
        return table
