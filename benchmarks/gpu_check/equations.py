"""Dropout of small networks, its equations and descent, from the same draws on both devices."""

import torch

from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, Machine, StepClock, relative, to_device
from dropscape.equations.inputs import initial_weights
from dropscape.equations.network import Sample, two_layers
from dropscape.equations.sampled import SampledSimulation, SampledTrials
from dropscape.equations.simulation import METHODS, Simulation, simulate

STEPS = 20


def simulation(machine: Machine, method: str) -> Line:
    """Compare where a simulation ends, and time its steps."""
    n, units, pixels = machine.size((1_000, 50, 49), (9, 6, 4))
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(n, pixels + 1, generator=generator)
    inputs[:, -1] = 1
    sample = Sample(inputs, torch.eye(10)[torch.randint(10, (n,), generator=generator)])
    hidden = [units, units // 2] if method == "sampled" else [units]
    start = initial_weights([pixels, *hidden, 10], None, list(range(6)), 6)

    def course(device: str, steps: int, progress=None) -> list[torch.Tensor]:
        common = {"activation": "tanh", "keep_prob": 0.8, "learning_rate": 0.1, "steps": steps}
        common |= {"history": (), "seeds": tuple(range(6)), "purpose": "check"}
        train, weights = (
            Sample(*(value.to(device) for value in (sample.inputs, sample.targets))),
            to_device(start, device),
        )
        if method == "sampled":
            config = SampledSimulation(**common, samples=machine.size(20, 4), batch_size=machine.size(100, 3))
            return list(SampledTrials(config, weights, train, None).finish(progress=progress).parameters)
        config = Simulation(**common, method=method)
        return list(simulate(config, two_layers(weights), train, progress=progress).parameters)

    compared = machine.size(STEPS, 6)
    expected, found = course("cpu", compared), course(DEVICE, compared)
    steps = machine.size(300, 8)
    course(DEVICE, steps, clock := StepClock(5, steps - 1))
    begin = start if method == "sampled" else list(two_layers(start))
    return Line(
        f"equation, {method}, 6 trials, {compared} steps",
        relative(found, expected, begin),
        1e-3,
        seconds=clock.seconds,
        note=f"{1 / clock.seconds:,.0f} steps a second",
    )


CHECKS = {
    f"equation, {method}": (lambda machine, method=method: simulation(machine, method))
    for method in (*METHODS, "sampled")
}
