"""Masks on the device: the processor's bits, a mean that fits the keep probability, and how fast they are drawn."""

import math
from contextlib import AbstractContextManager
from unittest import mock

import torch
from torch import Tensor

from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import DEVICE, Machine, different_bits
from dropscape.dropout import masks
from dropscape.dropout.layers import MaskedDropout, ModuleMasks, masks_in_force
from dropscape.dropout.masks import LayerMasks, MaskStream

KEEP_PROB = 0.8
STREAM = MaskStream(0, "benchmarks", "masks")
HAS_KERNEL = masks._has_triton
WAYS = {"in one kernel": True, "by torch": False}


def _drawn(way: str) -> AbstractContextManager:
    """Inside, masks are drawn in that way, if torch has it."""
    return mock.patch.object(masks, "_has_triton", lambda: WAYS[way] and HAS_KERNEL())


def kept(machine: Machine) -> Line:
    """Compare what is kept, and how much of it."""
    examples, units = machine.size((4_000, 501), (40, 51))
    different, number = 0.0, torch.zeros((), dtype=torch.int64, device=DEVICE)
    for draw, start in ((0, 0), (5, 3), (2**27, 1000)):
        expected = STREAM.kept(draw, KEEP_PROB, start, examples, units)
        for given in (draw, number.fill_(draw)):
            found = STREAM.kept(given, KEEP_PROB, start, examples, units, DEVICE)
            different += different_bits(found, expected)
    columns = [
        LayerMasks(KEEP_PROB, (2, units, examples), [0, 4], "benchmarks", "masks", device=where)
        for where in ("cpu", DEVICE)
    ]
    different += different_bits(columns[1].mask(3), columns[0].mask(3))
    return Line("masks: bits of the processor", different, 0, note="numbers that differ, of draws and of their columns")


def mean(machine: Machine) -> Line:
    """Compare the share that is kept with its probability, in standard errors."""
    examples, units = machine.size((20_000, 5_000), (200, 100))
    share = STREAM.kept(1, KEEP_PROB, 0, examples, units, DEVICE).double().mean().item()
    error = math.sqrt(KEEP_PROB * (1 - KEEP_PROB) / (examples * units))
    return Line("masks: share that is kept", abs(share - KEEP_PROB) / error, 4, note=f"{share:.6f}, in standard errors")


def applied(machine: Machine, way: str) -> Line:
    """Compare masked activations and their gradients, of dense layers and of images."""
    different = 0.0
    with _drawn(way):
        for shape in machine.size([(500, 301), (64, 32, 16, 16)], [(6, 5), (3, 4, 2, 2)]):
            for dtype in (torch.float32, torch.float64):
                generator = torch.Generator().manual_seed(0)
                values, above = torch.randn(2, *shape, dtype=dtype, generator=generator)
                results = [_through_a_layer(values.to(device), above.to(device)) for device in ("cpu", DEVICE)]
                different += different_bits(results[1], results[0])
    return Line(f"masks: applied and in a backward pass, {way}", different, 0, note=_note(way))


def _through_a_layer(values: Tensor, above: Tensor) -> list[Tensor]:
    if values.ndim == 4:
        values, above = (one.contiguous(memory_format=torch.channels_last) for one in (values, above))
    x, layer = values.requires_grad_(), MaskedDropout(KEEP_PROB)
    with masks_in_force(layer, ModuleMasks(1, "benchmarks", "masks"), 4, 2):
        written = layer(x)
    return [written, *torch.autograd.grad(written, x, above)]


def replayed(machine: Machine, way: str) -> Line:
    """Draw in a graph the masks whose number it reads."""
    number, x = torch.zeros((), dtype=torch.int64, device=DEVICE), torch.ones(machine.size((300, 77), (5, 7)))
    on_device, drawn, graph = x.to(DEVICE), [], torch.cuda.CUDAGraph()
    with _drawn(way):
        STREAM.masked(on_device, number, KEEP_PROB, 0)  # compiled before the capture
        with torch.cuda.graph(graph):
            drawn.append(STREAM.masked(on_device, number, KEEP_PROB, 0))
            number += 1
    different = 0.0
    for draw in range(3):
        graph.replay()
        different += different_bits(drawn[0], STREAM.masked(x, draw, KEEP_PROB, 0))
    return Line(f"masks: in replays of a graph, {way}", different, 0, note=_note(way))


def speed(machine: Machine, way: str) -> Line:
    """Mask a large activation: it is read and written once."""
    x = torch.rand(machine.size((20_000, 4_096), (20, 64)), device=DEVICE)
    with _drawn(way):
        seconds = machine.seconds(lambda: STREAM.masked(x, 3, KEEP_PROB, 0))
    moved = 2 * x.numel() * x.itemsize
    return Line(f"masks: speed, {way}", seconds=seconds, **machine.bandwidth(moved, seconds), note=_note(way))


def _note(way: str) -> str:
    return "torch has no Triton here: drawn by torch" if WAYS[way] and not HAS_KERNEL() else ""


CHECKS = {
    "masks: bits of the processor": kept,
    "masks: share that is kept": mean,
    **{
        f"masks: {name}, {way}": (lambda machine, check=check, way=way: check(machine, way))
        for way in WAYS
        for name, check in (
            ("applied and in a backward pass", applied),
            ("in replays of a graph", replayed),
            ("speed", speed),
        )
    },
}
