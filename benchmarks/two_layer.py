"""Two-layer networks on a handful of examples (paper B): against PyTorch's steps and against the arithmetic alone."""

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from benchmarks.harness import Row, Work, bound_row, compare, median_seconds
from benchmarks.harness import threads as use_threads
from dropscape.numerics import lanes
from dropscape.numerics.lanes import LANES, STRIDE, address, below, fma, load, square_root, store, store_truths, total
from dropscape.training.two_layer import TwoLayer, initial_parameters, train

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


def plan_of(keep_prob: float = 0.9, steps: int = STEPS, trials: int = TRIALS, optimizer: str = "adam") -> TwoLayer:
    return TwoLayer(
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
            train(plan_of(keep_prob), *data, *data)


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
    start = initial_parameters(plan_of(trials=TRIALS * len(KEEP_PROBS)))
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


@njit
def _arithmetic(steps, blocks, examples, rows, adam, numbers, truths):
    """What a step computes, on 1024 numbers in the nearest cache and in registers, in any order and for no purpose."""
    a, b = load(address(numbers), 0), load(address(numbers), LANES)
    s0 = s1 = s2 = s3 = a
    state = np.uint64(1)
    for _ in range(steps):
        for index in range(blocks * examples):
            at = index % 32 * LANES
            store(address(numbers), at, lanes.tanh(load(address(numbers), at)))
            store_truths(address(truths), index % 32, below(state, np.uint32(2**31)))
            state += STRIDE
            # z and the sum over the neurons; of_a, error * a, 1 - h^2 and its product, of_bias, of_weight
            s0, s1, s2, s3 = fma(s0, b, a), fma(s1, b, a), fma(s2, b, a), fma(s3, b, a)
            s0, s1, s2, s3 = fma(s0, b, a), fma(s1, b, a), fma(s2, b, a), fma(s3, b, a)
        for _ in range(blocks * rows):
            s0 = fma(s0, b, a)
            if adam:  # two averages, and their quotient
                s1, s2, s3 = fma(s1, b, a), fma(s2, b, a), fma(s3, b, a)
                s1, s2, s3 = fma(s1, b, a), fma(s2, b, a), a / fma(square_root(s3 * s3), b, a)
    return total(s0 + s1 + s2 + s3)


def arithmetic(steps: int, optimizer: str) -> Work:
    """Of so many steps on ``EXAMPLES`` examples."""
    numbers, truths = np.linspace(0.1, 0.9, 32 * LANES, dtype=np.float32), np.zeros(32, lanes.Truths)
    blocks = -(-WIDTH // LANES)
    return lambda: _arithmetic(steps, blocks, EXAMPLES, 3, optimizer == "adam", numbers, truths)


def seconds_a_step(optimizer: str, steps: int = 20_000, repeats: int = 5) -> float:
    """Of a training of one network, the median."""
    data, plan = samples(EXAMPLES), plan_of(steps=steps, trials=1, optimizer=optimizer)
    return median_seconds(lambda: train(plan, *data, *data), repeats) / steps


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
            limits={"plain PyTorch, one after another": 8.0},
            scales={"plain PyTorch, one after another": LOOP_SHARE, "batched products in PyTorch": BATCHED_SHARE},
            measure_memory=False,
        )
        steps, data = 20_000, samples(EXAMPLES)
        for optimizer in ("gd", "adam"):
            plan = plan_of(steps=steps, trials=1, optimizer=optimizer)
            table += compare(
                f"{steps} steps of width {WIDTH} on {EXAMPLES} examples with dropout, {optimizer}",
                ("compiled steps", lambda plan=plan: train(plan, *data, *data)),
                {"their arithmetic alone": arithmetic(steps, optimizer)},
                repeats=9,
                limits={"their arithmetic alone": 1 / 3},
                note="ours may take three times as long",
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
