"""Steps of the papers' larger networks in each precision, beside the processor's in float32."""

from dataclasses import replace
from functools import cache
from unittest import mock

from benchmarks.gpu_check.examples import architectures, trained, with_steps
from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import Counted, Machine, StepClock, Work, different_bits, relative
from dropscape.numerics import replay
from dropscape.numerics.devices import PRECISIONS
from dropscape.training.optimizers import LearningRate

STEPS = 30  # that are timed, most of them replayed, and taken once more one by one
# Of the first step. Whether a unit is on is decided by rounding where it is next to its kink: in the networks with
# convolutions pixels that differ by 3e-7 change the step by 1e-3, by 5e-4, which is TF32's rounding, by 8e-2. On a
# processor bfloat16 changes it by 0.2 to 0.3.
LIMITS = {"float32": 1e-2, "tf32": 0.3, "bfloat16": 0.6}
SMOOTHER = {"float32": 1e-3, "tf32": 3e-2, "bfloat16": 6e-2}
NAMES = {"wide FNN": SMOOTHER, "VGG-9": LIMITS, "ResNet-20": LIMITS, "ResNet-18": LIMITS, "transformer": SMOOTHER}


@cache
def _on_the_processor(quick: bool, name: str) -> tuple[dict, dict]:
    """Parameters at the start and after a step."""
    one = architectures(Machine(quick))[name]
    examples = one.examples()
    still = with_steps(one.config, 1, learning_rate=LearningRate(0.0))
    return tuple(trained(config, examples, "cpu").parameters for config in (still, with_steps(one.config, 1)))


def steps(machine: Machine, name: str, precision: str) -> list[Line]:
    """Compare a step with the processor's, then steps that are replayed, which are timed, with others that are not."""
    one = architectures(machine)[name]
    examples, config = one.examples(), replace(one.config, precision=precision)
    start, expected = (_parameters(values) for values in _on_the_processor(machine.quick, name))
    found = _parameters(trained(with_steps(config, 1), examples).parameters)
    course = with_steps(config, machine.size(STEPS, 6))
    clock = StepClock(4, course.steps - 1)
    replayed = trained(course, examples, progress=clock).parameters
    with mock.patch.object(replay, "WARM_UP", course.steps), Counted() as counts:
        counted = StepClock(0, 0, counts)
        one_by_one = trained(course, examples, progress=counted).parameters
    machine.works.append(Work(f"{name}, {precision}", clock.seconds, *counted.counts, precision, replayed=True))
    title = f"{name}, n = {len(examples[0]):,}, {precision}"
    return [
        Line(
            f"a step of {title}",
            relative(found, expected, start),
            NAMES[name][precision],
            seconds=clock.seconds,
            **machine.speed(precision, counted.counts[0], clock.seconds),
            note=f"{len(examples[0]) / clock.seconds:,.0f} examples a second, {counted.counts[2]:.0f} kernels",
        ),
        Line(f"replayed: {title}", different_bits(replayed, one_by_one), 0, note="numbers that differ"),
    ]


def _parameters(values: dict) -> dict:
    """Without the statistics of batch norm, which are no parameters."""
    return {name: value for name, value in values.items() if "running" not in name and "num_batches" not in name}


CHECKS = {
    f"{name}, {precision}": (lambda machine, name=name, precision=precision: steps(machine, name, precision))
    for name in NAMES
    for precision in PRECISIONS
}
