"""Paper D's convolutional networks: all of a width side by side, their memory, and the processor's results."""

import torch

from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, GIB, Counted, Machine, StepClock, Work, relative
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import CnnRun, CnnTraining, available_bytes, side_by_side, training_bytes

KEEP_PROBS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
SEEDS = (0, 1)
WIDTHS = {100: 200, 10_000: 60, 250_000: 12}  # steps that are timed
BATCH = 64


def _examples(n: int, device: str = DEVICE) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, 1, 28, 28, generator=generator)
    return images.to(device), torch.randint(10, (n,), generator=generator).to(device)


def _training(width: int, steps: int, keep_probs: tuple[float, ...], seeds: tuple[int, ...]) -> CnnTraining:
    networks = [(keep_prob, seed) for keep_prob in keep_probs for seed in seeds]
    each = (tuple(values) for values in zip(*networks, strict=True))
    return CnnTraining(Shape(28, (6, 16), 120, width, 10), *each, 0.01, BATCH, steps, (steps,), 2)


def like_the_processor(machine: Machine) -> Line:
    """Take some steps of two networks side by side, and one after the other on the processor."""
    steps = machine.size(20, 3)
    config = _training(100, steps, (0.5,), (0, 1))
    run = CnnRun(config, _examples(640), _examples(8))
    begin = {name: value.cpu().clone() for name, value in run.parameters.items()}
    run.finish()
    alone = []
    for seed in config.seeds:
        one = CnnRun(_training(100, steps, (0.5,), (seed,)), _examples(640, "cpu"), _examples(8, "cpu"))
        one.finish()
        alone.append(one.networks[0])
    expected = {name: torch.stack([each[name] for each in alone]) for name in run.parameters}
    found = relative(run.parameters, expected, begin)
    return Line(f"paper D's network, width 100, {steps} steps", found, 1e-3, note="to the processor's")


def of_a_width(machine: Machine, width: int) -> list[Line]:
    """Time the steps of all networks of a width, and compare the memory that they take with what was foreseen."""
    n, test = machine.size((60_000, 10_000), (80, 20))
    seeds = machine.size(SEEDS, (0,))
    steps = machine.size(WIDTHS[width], 6)
    width = machine.size(width, min(width, 300))
    whole = _training(width, steps, KEEP_PROBS, seeds)
    config = side_by_side(whole, n, test, DEVICE, available_bytes(DEVICE))[0]
    count = len(config.seeds)
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run = CnnRun(config, _examples(n), _examples(test))
    with Counted() as counts:
        for _ in range(2):
            seen = counts.counts
            run._advance()
    counts = [b - a for a, b in zip(seen, counts.counts, strict=True)]
    run.finish(progress=(clock := StepClock(4, steps - 1)))
    held, foreseen = torch.cuda.max_memory_allocated() - before, training_bytes(config, n, test, DEVICE)
    machine.works.append(Work(f"{count} networks of width {width:,}", clock.seconds, *counts, replayed=True))
    name = f"paper D, {count} networks of width {width:,}"
    return [
        Line(
            f"{name}, a step",
            seconds=clock.seconds,
            **machine.speed("float32", counts[0], clock.seconds),
            note=f"{count / clock.seconds:,.0f} steps of a network a second, {counts[2]:.0f} kernels",
        ),
        Line(
            f"{name}, memory",
            held / foreseen,
            1.0,
            memory=held / GIB,
            note=f"of {foreseen / GIB:.2f} GiB, estimated from above",
        ),
    ]


CHECKS = {
    "paper D's network": like_the_processor,
    **{f"paper D, width {width:,}": (lambda machine, width=width: of_a_width(machine, width)) for width in WIDTHS},
}
