"""Trainings on the device: the same bits twice and after an interruption, and the processor's results."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.gpu_check.examples import Examples, architectures, digits, results, stacked, trained, with_steps
from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import Counted, Machine, StepClock, Work, different_bits, relative
from dropscape.models.losses import one_hot
from dropscape.numerics import replay
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.objectives import OBJECTIVES
from dropscape.training.optimizers import LearningRate
from dropscape.training.recording import TrainingConfig

# Of the small network's parameters after its steps: pixels that differ by 3e-7 change them by 4e-5.
LIMIT = 3e-4
STEPS, STOPS = 8, (3, 6)  # of a training that is interrupted


class Stopped(Exception):
    """Stands for a job that is killed."""


def _kinds(machine: Machine) -> dict[str, Callable[[], tuple[TrainingConfig, Examples]]]:
    """One training for each backend and each kind of network, with the optimizers between them."""

    def general(name: str, optimizer: str, rate: float) -> tuple[TrainingConfig, Examples]:
        one = architectures(machine)[name]
        return replace(one.config, optimizer=optimizer, learning_rate=LearningRate(rate)), one.examples()

    return {
        "stacked": lambda: stacked(machine, STEPS),
        "FNN, Nesterov": lambda: general("wide FNN", "nesterov", 0.01),
        "VGG-9": lambda: general("VGG-9", "gd", 0.01),
        "ResNet-20, Nesterov": lambda: general("ResNet-20", "nesterov", 0.01),
        "transformer, Adam": lambda: general("transformer", "adam", 1e-3),
    }


def repeated(machine: Machine, name: str) -> Line:
    """Train twice; nothing may differ."""
    config, examples = _kinds(machine)[name]()
    one, other = (trained(with_steps(config, STEPS, trajectory_steps=2), examples) for _ in range(2))
    return Line(f"same bits twice: {name}", different_bits(results(one), results(other)), 0, note="numbers that differ")


def interrupted(machine: Machine, name: str) -> Line:
    """Train again with two interruptions, each after a state was saved."""
    config, examples = _kinds(machine)[name]()
    config = with_steps(config, STEPS, trajectory_steps=4)
    expected = trained(config, examples)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder, "state"), 0)
        for stop in STOPS:
            try:
                trained(config, examples, checkpoint=checkpoint, progress=_stopping(stop))
            except Stopped:
                continue
            raise AssertionError("the training was not interrupted")
        found = trained(config, examples, checkpoint=checkpoint)
    return Line(f"same bits interrupted: {name}", different_bits(results(found), results(expected)), 0)


def _stopping(stop: int) -> Callable[..., None]:
    def progress(done: int, *_: Any, **__: Any) -> None:
        if done >= stop:
            raise Stopped

    return progress


def small_network(machine: Machine) -> list[Line]:
    """Train the small network of paper A on all its examples, as a graph and without, and on the processor."""
    steps, timed = machine.size(200, 8), machine.size(2_000, 16)
    config, examples = stacked(machine, steps)
    expected = trained(config, examples, "cpu").parameters
    found = trained(config, examples).parameters
    clock = StepClock(machine.size(100, 5), timed - 1)
    trained(with_steps(config, timed), examples, progress=clock)
    with mock.patch.object(replay, "WARM_UP", 10**9), Counted() as counts:
        one_by_one = trained(config, examples, progress=(counted := StepClock(3, steps - 1, counts))).parameters
    with mock.patch.object(replay, "WARM_UP", 10**9):
        trained(config, examples, progress=(slow := StepClock(3, steps - 1)))
    machine.works.append(Work("784-50-50-10", clock.seconds, *counted.counts, replayed=True))
    name = f"784-50-50-10, n = {len(examples[0]):,}"
    speed = machine.speed("float32", counted.counts[0], clock.seconds)
    return [
        Line(f"{name}, {steps} steps", relative(found, expected), LIMIT, note="of the processor's parameters"),
        Line(f"{name}, replayed", different_bits(found, one_by_one), 0, note="numbers that differ without a graph"),
        Line(f"{name}, a step", seconds=clock.seconds, **speed, note=f"{1 / clock.seconds:,.0f} steps a second"),
        Line(
            f"{name}, a step without a graph",
            seconds=slow.seconds,
            note=f"{counted.counts[2]:.0f} kernels; the graph is {slow.seconds / clock.seconds:.1f} times as fast",
        ),
    ]


def objective(machine: Machine, name: str) -> Line:
    """Descend an objective of paper B, and on the processor; what is compared is how far parameters have moved."""
    config = architectures(machine)["wide FNN"].config
    hidden = machine.size(1_000, 8)
    config = replace(
        config,
        model={"name": "fnn", "widths": [784, hidden, 10], "activation": "tanh"},
        block=("layers.0.weight",),
        loss="mse",
        objective=name,
        keep_prob=(0.8,),
        gradient_penalty_weight=None,
        learning_rate=LearningRate(0.05),
        micro_batch=machine.size(1_000, 32),
    )
    inputs, labels = digits(machine.size(1_000, 32))
    examples, timed = (inputs, one_hot(labels, 10).float()), machine.size(100, 6)
    start = trained(with_steps(config, 1, learning_rate=LearningRate(0.0)), examples, "cpu").parameters
    config = with_steps(config, machine.size(10, 4))
    expected, found = (trained(config, examples, device).parameters for device in ("cpu", "cuda"))
    trained(with_steps(config, timed), examples, progress=(clock := StepClock(4, timed - 1)))
    return Line(f"objective {name}", relative(found, expected, start), 1e-3, seconds=clock.seconds)


CHECKS = {
    "784-50-50-10": small_network,
    **{
        f"same bits {how}: {name}": (lambda machine, check=check, name=name: check(machine, name))
        for how, check in (("twice", repeated), ("interrupted", interrupted))
        for name in _kinds(Machine())
    },
    **{f"objective {name}": (lambda machine, name=name: objective(machine, name)) for name in OBJECTIVES},
}
