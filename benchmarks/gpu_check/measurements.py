"""Interval flatness, and the alignment of Hessian and gradient noise, beside the processor's."""

from copy import deepcopy

import numpy as np
import torch

from benchmarks.gpu_check.examples import images, trained, with_steps
from benchmarks.gpu_check.examples import stacked as small_training
from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, Machine, to_device
from dropscape.curvature.hessian import block_hessian
from dropscape.flatness.interval import interval_flatness
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import training_loss
from dropscape.models.registry import initialised
from dropscape.noise.alignment import alignment
from dropscape.sampling.gradients import dropout_gradients

BLOCK = ["layers.1.weight"]


def flatness(machine: Machine) -> Line:
    """Measure widths of the small network after a short training."""
    config, examples = small_training(machine, machine.size(300, 20))
    after = trained(with_steps(config, config.steps), examples, "cpu").parameters
    model = FullyConnected(config.widths).eval()
    model.load_state_dict({name: value[0] for name, value in after.items()})
    size, count = model.get_parameter(BLOCK[0]).numel(), machine.size(40, 2)
    directions = torch.randn(count, size, generator=torch.Generator().manual_seed(0))
    directions /= directions.norm(dim=1, keepdim=True)

    def measured(device: str) -> np.ndarray:
        given = to_device((deepcopy(model), *examples, directions), device)
        return interval_flatness(given[0], BLOCK, given[1:3], directions=given[3], factors=[2.0, 1.5]).width

    expected, found = measured("cpu"), measured(DEVICE)
    seconds = machine.once(lambda: measured(DEVICE))
    both = np.isfinite(expected)
    alike = both.any() and (np.isfinite(found) == both).all()
    difference = np.abs(found[both] / expected[both] - 1).max() if alike else np.inf
    return Line(
        f"interval flatness, {count} directions",
        float(difference),
        1e-5,
        seconds=seconds,
        note=f"{seconds / count * 1e3:.3g} ms a direction",
    )


def alignments(machine: Machine) -> list[Line]:
    """Measure the alignment of a VGG-16 of a quarter of the width; of a few examples also on the processor."""
    settings = {"name": "vgg16", "classes": 10, "width": machine.size(0.25, 1 / 64)}
    block = ["block1.conv1.weight"]
    model = initialised(settings, 0).eval()

    def measured(device: str, n: int, samples: int) -> np.ndarray:
        network, inputs, targets = to_device((initialised(settings, 0).eval(), *images(n)), device)
        loss = training_loss("cross_entropy", targets)
        options = {"keep_prob": 0.8, "samples": samples, "seed": 0, "micro_batch": 500, "device": device}
        gradients = dropout_gradients(network, block, (inputs, targets), loss, **options).samples
        found = alignment(block_hessian(network, block, (inputs, targets)).matrix.cpu(), gradients.cpu())
        return np.array([found.trace_h_sigma, found.cosine, found.trace_h, found.hessian_norm, found.sigma_norm])

    few = machine.size(64, 6)
    expected, found = (measured(device, few, 8) for device in ("cpu", DEVICE))
    difference = float(np.max(np.abs(found / expected - 1)))
    n, samples = machine.size(5_000, 8), machine.size(50, 4)
    seconds = machine.once(lambda: measured(DEVICE, n, samples))
    size = model.get_parameter(block[0]).numel()
    return [
        Line(f"alignment, VGG-16 of a quarter, n = {few}", difference, 1e-2, note="to the processor"),
        Line(f"alignment, P = {size}, n = {n:,}, {samples} samples", seconds=seconds),
    ]


CHECKS = {"interval flatness": flatness, "alignment": alignments}
