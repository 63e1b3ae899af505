"""Hessians by all four exact methods, and their eigenvalues."""

import torch
from torch import Tensor

from benchmarks.gpu_check.examples import architectures, images
from benchmarks.gpu_check.gradients import small_network
from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, Machine, Work, counted, relative, to_device
from dropscape.curvature.eigenpairs import eigenpairs, residual_norms
from dropscape.curvature.hessian import block_hessian
from dropscape.models.fnn import FullyConnected
from dropscape.models.registry import initialised

BLOCK = ["layers.1.weight"]
METHODS = ("kronecker", "jacobian", "preactivations", "products")


def kronecker(machine: Machine) -> list[Line]:
    """Compare the Kronecker sum in float32 with float64, and with the processor's."""
    given = to_device(small_network(machine))
    exact = block_hessian(*_of(given), dtype=torch.float64).matrix
    found = block_hessian(*_of(given)).matrix
    seconds = machine.seconds(lambda: block_hessian(*_of(given)), 3)
    counts = counted(lambda: block_hessian(*_of(given)))
    machine.works.append(Work("Kronecker sum", seconds, *counts))
    name = f"Hessian, Kronecker, n = {len(given[1]):,}"
    on_processor = block_hessian(*_of(small_network(machine))).matrix
    speed = machine.speed("float32", counts[0], seconds)
    return [
        Line(name, relative(found, exact), 2e-6, seconds=seconds, **speed, note="to float64 on the GPU"),
        Line(f"{name}, to the processor", relative(found, on_processor), 2e-6),
    ]


def _of(given: tuple[FullyConnected, Tensor, Tensor]) -> tuple:
    return given[0], BLOCK, given[1:]


def four_methods(machine: Machine) -> list[Line]:
    """Compute one Hessian in float64 by every method; all are exact."""
    torch.manual_seed(0)
    model = FullyConnected(machine.size((784, 30, 30, 10), (784, 6, 5, 10))).eval().to(DEVICE)
    few = machine.size(2_000, 40)
    given = model, BLOCK, tuple(values[:few] for values in to_device(small_network(machine))[1:])
    lines, matrices = [], {}
    for method in METHODS:

        def work(method: str = method) -> None:
            matrices[method] = block_hessian(*given, dtype=torch.float64, method=method).matrix

        seconds = machine.once(work)
        difference = relative(matrices[method], matrices[METHODS[0]])
        lines.append(
            Line(f"Hessian by {method}, float64", difference, 1e-9, seconds=seconds, note="to the Kronecker sum")
        )
    return lines


def jacobian(machine: Machine) -> list[Line]:
    """Compute the Hessian of a convolution of ResNet-20; a part of the examples also on the processor."""
    config = architectures(machine)["ResNet-20"].config
    model, n, few = initialised(config.model, 0).eval(), machine.size(2_000, 6), machine.size(20, 4)
    inputs, targets = images(n, 100)
    expected = block_hessian(model, config.block, (inputs[:few], targets[:few])).matrix
    given = to_device((model, inputs, targets))
    found = block_hessian(given[0], config.block, [values[:few] for values in given[1:]]).matrix
    seconds = machine.once(lambda: block_hessian(given[0], config.block, given[1:]))
    counts = counted(lambda: block_hessian(given[0], config.block, given[1:]))
    machine.works.append(Work("Jacobians of ResNet-20", seconds, *counts))
    speed = machine.speed("float32", counts[0], seconds)
    return [
        Line(f"Hessian, Jacobians, ResNet-20, n = {few}", relative(found, expected), 3e-3, note="to the processor"),
        Line(f"Hessian, Jacobians, ResNet-20, n = {n:,}", seconds=seconds, **speed),
    ]


def eigen(machine: Machine) -> Line:
    """Compute all eigenpairs of a matrix that is as large as the block of paper A."""
    size = machine.size(2_500, 40)
    root = torch.randn(size, size // 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = root @ root.T / size
    on_device = matrix.to(DEVICE)
    values, vectors = eigenpairs(on_device)
    residual = float(residual_norms(on_device, values, vectors).max() / values.abs().max())
    difference = max(relative(values, torch.linalg.eigvalsh(matrix).flip(0)), residual)
    seconds = machine.once(lambda: eigenpairs(on_device))
    machine.limits["eigen"] = seconds / size**3
    return Line(f"eigenpairs, P = {size:,}", difference, 1e-10, seconds=seconds, note="eigenvalues and residuals")


CHECKS = {
    "Hessian, Kronecker": kronecker,
    "Hessian, four methods": four_methods,
    "Hessian, Jacobians": jacobian,
    "eigenpairs": eigen,
}
