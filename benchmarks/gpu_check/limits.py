"""What the device reaches: products by precision, memory, and launches of kernels, alone and in a graph."""

import torch

from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, GIB, Machine, precisely, relative

DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
}


def products(machine: Machine, precision: str) -> Line:
    """Multiply two large matrices."""
    side = machine.size(8192, 64)
    left, right = (torch.rand(side, side, device=DEVICE).to(DTYPES[precision]) for _ in range(2))
    out = torch.empty_like(left)
    with precisely(precision):
        seconds = machine.seconds(lambda: torch.mm(left, right, out=out), 7)
    operations = 2 * side**3
    machine.limits[precision] = operations / seconds
    return Line(f"limit: products, {precision}", seconds=seconds, **machine.speed(precision, operations, seconds))


def memory(machine: Machine) -> Line:
    """Copy more than a cache holds."""
    source = torch.rand(machine.size(GIB // 2, 1024), device=DEVICE)
    target = torch.empty_like(source)
    seconds = machine.seconds(lambda: target.copy_(source), 7)
    moved = 2 * source.numel() * source.itemsize
    machine.limits["memory"] = moved / seconds
    return Line("limit: memory", seconds=seconds, **machine.bandwidth(moved, seconds))


def launches(machine: Machine) -> list[Line]:
    """Launch a chain of tiny kernels one by one, and as a graph."""
    count = machine.size(2_000, 20)
    value = torch.zeros(8, device=DEVICE)

    def chain() -> None:
        for _ in range(count):
            value.add_(1)

    alone = machine.seconds(chain) / count
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        chain()
    replayed = machine.seconds(graph.replay) / count
    machine.limits |= {"launch": alone, "replay": replayed}
    return [
        Line("limit: a kernel", seconds=alone, note="of a chain of tiny ones"),
        Line("limit: a kernel of a graph", seconds=replayed, note=f"{alone / replayed:.1f} times as fast as alone"),
    ]


def product_digits(machine: Machine, precision: str) -> Line:
    """Compare a product with its own in float64: 24 bits of each number are float32's, 11 TF32's."""
    side = machine.size(1024, 64)
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(side, side, generator=generator).to(DEVICE) for _ in range(2))
    with precisely(precision):
        found = left @ right
    difference = relative(found, left.double() @ right.double())
    return Line(f"digits of a product, {precision}", difference, _digits(precision), note=_note(precision))


def convolution_digits(machine: Machine, precision: str) -> Line:
    """Compare a convolution, its gradients too, with its own in float64."""
    channels = machine.size(128, 4)
    generator = torch.Generator().manual_seed(0)
    planes = torch.randn(machine.size(64, 2), channels, 16, 16, generator=generator)
    kernel = torch.randn(channels, channels, 3, 3, generator=generator)

    def results(dtype: torch.dtype) -> list[torch.Tensor]:
        given = [
            value.to(DEVICE, dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
            for value in (planes, kernel)
        ]
        out = torch.nn.functional.conv2d(*given, padding=1)
        gradients = torch.autograd.grad(out, given, out.detach().sin())
        return [out, *gradients]

    with precisely(precision):
        found = results(torch.float32)
    difference = max(relative(one, other) for one, other in zip(found, results(torch.float64), strict=True))
    limit = max(_digits(precision), 2e-5)  # some algorithms for convolutions add and subtract more
    return Line(f"digits of a convolution, {precision}", difference, limit, note=_note(precision))


def convolution(machine: Machine, precision: str, layout: str) -> Line:
    """Time a convolution of VGG-9 and its gradients, with the algorithms that a training takes."""
    n, channels, side = machine.size((128, 256, 16), (2, 4, 4))
    order = torch.channels_last if layout == "channels-last" else torch.contiguous_format
    planes, kernel = (
        torch.randn(shape, device=DEVICE).to(DTYPES[precision]).contiguous(memory_format=order).requires_grad_()
        for shape in ((n, channels, side, side), (channels, channels, 3, 3))
    )
    above = torch.randn_like(planes)

    def work() -> None:
        torch.autograd.grad(torch.nn.functional.conv2d(planes, kernel, padding=1), (planes, kernel), above)

    with precisely(precision):
        seconds = machine.seconds(work)
    operations = 3 * 2 * planes.numel() * kernel.numel() / channels
    return Line(
        f"a convolution, {layout}, {precision}", seconds=seconds, **machine.speed(precision, operations, seconds)
    )


def _digits(precision: str) -> float:
    return 3e-6 if precision == "float32" else 2e-3


def _note(precision: str) -> str:
    return "TF32 would be some 3e-4" if precision == "float32" else ""


CHECKS = {
    **{f"limit: products, {name}": (lambda machine, name=name: products(machine, name)) for name in DTYPES},
    **{
        f"a convolution, {layout}, {name}": (
            lambda machine, name=name, layout=layout: convolution(machine, name, layout)
        )
        for name in ("float32", "tf32", "bfloat16")
        for layout in ("channels-last", "contiguous")
    },
    "limit: memory": memory,
    "limit: launches": launches,
    **{
        f"digits of a {kind.__name__.partition('_')[0]}, {name}": (
            lambda machine, kind=kind, name=name: kind(machine, name)
        )
        for kind in (product_digits, convolution_digits)
        for name in ("float32", "tf32")
    },
}
