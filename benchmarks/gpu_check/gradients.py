"""Sampled gradients, by both samplers: beside the processor's, and how long 500 take."""

from collections.abc import Callable

import torch

from benchmarks.gpu_check.examples import architectures, digits
from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, Machine, Work, counted, relative
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import training_loss
from dropscape.models.registry import initialised
from dropscape.sampling.gradients import dropout_gradients

# Written out, and by autograd through kinks: pixels that differ by 3e-7 change a gradient of ResNet-20 by 3e-4.
LIMITS = {"784-50-50-10": 1e-4, "ResNet-20": 3e-3}


def small_network(machine: Machine) -> tuple[FullyConnected, torch.Tensor, torch.Tensor]:
    """The network of paper A, as it is initialised, with its examples."""
    torch.manual_seed(0)
    return FullyConnected(machine.size((784, 50, 50, 10), (784, 8, 6, 10))).eval(), *digits(machine.size(10_000, 64))


def written_out(machine: Machine) -> Line:
    """Sample gradients of the small network, whose derivatives are written out."""
    given = small_network(machine)

    def sampled(device: str, samples: int) -> torch.Tensor:
        options = {"keep_prob": 0.8, "dropout_after": 1, "seed": 0, "device": device, "samples": samples}
        return dropout_gradients(given[0], ["layers.1.weight"], given[1:], **options).samples

    return _line(machine, "784-50-50-10", len(given[1]), sampled, machine.size(500, 6), 10)


def of_any_network(machine: Machine) -> Line:
    """Sample gradients of a residual network, by autograd."""
    one = architectures(machine)["ResNet-20"]
    model, (inputs, targets) = initialised(one.config.model, 0), one.examples()
    loss = training_loss("cross_entropy", targets)

    def sampled(device: str, samples: int) -> torch.Tensor:
        options = {"keep_prob": 0.8, "seed": 0, "micro_batch": 128, "device": device, "samples": samples}
        return dropout_gradients(model, one.config.block, (inputs, targets), loss, **options).samples

    return _line(machine, "ResNet-20", len(inputs), sampled, machine.size(500, 3), 3)


def _line(
    machine: Machine, network: str, n: int, sampled: Callable[[str, int], torch.Tensor], samples: int, compared: int
) -> Line:
    what = f"of {network}, n = {n:,}"
    compared = min(samples, compared)
    expected, found = sampled("cpu", compared), sampled(DEVICE, compared)
    seconds = machine.once(lambda: sampled(DEVICE, samples))
    one, more = (counted(lambda count=count: sampled(DEVICE, count)) for count in (1, 2))
    counts = [b - a for a, b in zip(one, more, strict=True)]
    machine.works.append(Work(f"a gradient {what}", seconds / samples, *counts))
    return Line(
        f"{samples} gradients {what}",
        relative(found, expected),
        LIMITS[network],
        seconds=seconds,
        **machine.speed("float32", samples * counts[0], seconds),
        note=f"{seconds / samples * 1e3:.3g} ms and {counts[2]:.0f} kernels each",
    )


CHECKS = {"sampled gradients, written out": written_out, "sampled gradients, of any network": of_any_network}
