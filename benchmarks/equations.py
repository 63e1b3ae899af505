"""A step of the order-1 equation against a step of dropout, and against one with the dense covariance and its root."""

import argparse

import torch
from torch import Tensor

from benchmarks.covariance import covariance, from_vectors
from benchmarks.harness import Row, Work, compare, print_table
from benchmarks.harness import threads as use_threads
from dropscape.equations.activations import activation_called
from dropscape.equations.modified_loss import modified_gradient
from dropscape.equations.network import Parameters, Sample, forward, with_ones
from dropscape.equations.simulation import Simulation, simulate
from dropscape.numerics.seeds import torch_generator

EXAMPLES, STEPS = 1_000, 5
ACTIVATION, KEEP_PROB, LEARNING_RATE = "tanh", 0.8, 0.01
JITTER = 1e-2  # of the mean variance: the covariance is singular, and in float32 Cholesky needs that much to succeed


def problem(units: int, pixels: int, outputs: int) -> tuple[Parameters, Sample]:
    """A random network of one trial, and images of noise with one-hot targets; float32."""
    generator = torch_generator(0, "benchmarks", "equations")

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    inputs = with_ones(normal(EXAMPLES, pixels) / pixels**0.5)
    targets = torch.eye(outputs)[torch.randint(outputs, (EXAMPLES,), generator=generator)]
    return Parameters(normal(1, units, outputs) / units**0.5, normal(1, units, pixels + 1)), Sample(inputs, targets)


def steps(method: str, start: Parameters, sample: Sample, count: int) -> Work:
    """Whole steps as a simulation takes them: random numbers, gradient, update, and the watch for divergence."""
    simulation = Simulation(ACTIVATION, LEARNING_RATE, count, (), (0,), keep_prob=KEEP_PROB, method=method)
    return lambda: simulate(simulation, start, sample)


def dense_step(root: str, start: Parameters, sample: Sample) -> Work:
    """One Euler-Maruyama step of the same equation with the matrix Sigma and its root."""
    generator = torch_generator(0, "benchmarks", "dense")
    units, outputs = start.a.shape[1:]

    def work() -> Tensor:
        passed = forward(start, sample, activation_called(ACTIVATION))
        sigma = covariance(passed, KEEP_PROB)[0]
        normals = torch.randn(len(sigma), generator=generator)
        if root == "eigh":
            values, vectors = torch.linalg.eigh(sigma)
            drawn = vectors @ (values.clamp(min=0).sqrt() * (vectors.T @ normals))
        else:
            sigma.diagonal().add_(JITTER * sigma.diagonal().mean())
            drawn = torch.linalg.cholesky(sigma) @ normals
        noise = from_vectors(drawn[None], units, outputs)
        drift = modified_gradient(passed, KEEP_PROB)
        return start.add_scaled(drift, -LEARNING_RATE).add_scaled(noise, -LEARNING_RATE).a

    return work


def against_dropout(units: int, pixels: int, outputs: int, limit: float | None, note: str = "") -> list[Row]:
    """The equation costs at most 1/limit dropout steps."""
    start, sample = problem(units, pixels, outputs)
    return compare(
        f"{STEPS} steps, m={units}, d={pixels + 1}, n={EXAMPLES}, k={outputs}",
        ("order-1 equation", steps("order_1", start, sample, STEPS)),
        {"dropout": steps("dropout", start, sample, STEPS)},
        limits={"dropout": limit} if limit else {},
        note=note,
    )


def against_dense(units: int, outputs: int, roots: dict[str, float | None], repeats: int, note: str = "") -> list[Row]:
    """7 x 7 images: a step with the factor-free noise, timed on many, against one with a matrix and its root."""
    start, sample = problem(units, 49, outputs)
    count = 100
    return compare(
        f"{count} steps, m={units}, d=50, n={EXAMPLES}, k={outputs}, D={units * (50 + outputs)}",
        ("order-1 equation", steps("order_1", start, sample, count)),
        {f"dense, {root}": dense_step(root, start, sample) for root in roots},
        repeats=repeats,
        limits={f"dense, {root}": limit for root, limit in roots.items() if limit},
        scales={f"dense, {root}": float(count) for root in roots},
        note=note,
    )


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """The promised ratios and their growth with m; n is not read, the paper's sizes are."""
    with use_threads(threads):
        table = [*against_dropout(1_000, 784, 1, 0.25), *against_dropout(1_000, 784, 10, 0.25)]
        for units, pixels, outputs in ((50, 49, 10), (500, 784, 10), (2_000, 784, 10)):
            table += against_dropout(units, pixels, outputs, None, "growth")
        table += against_dense(50, 10, {"cholesky": 20.0, "eigh": 20.0}, repeats=3)
        for units in (25, 100):
            table += against_dense(units, 10, {"cholesky": None}, repeats=3, note="growth")
        return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    print_table(rows(**vars(parser.parse_args())))
