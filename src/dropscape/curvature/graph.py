"""Reads from autograd's graph how outputs depend on what they were computed from, whatever the numbers in it are.

A number that is zero on some examples, as the second derivative of a Hardswish far out or the product of two gates that
are shut, need not be zero on others. The operations in the graph are the same for all examples.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

# Names that torch gives an operation's derivative, without "Backward" and its number.
# Linear in all that they read together: sums, means and whatever moves, joins or leaves out numbers ...
_LINEAR = """
    Add Sub Rsub Neg Sum Mean Cumsum Clone ToCopy Copy Alias View UnsafeView ReshapeAlias Permute Transpose T Unsqueeze
    Squeeze Expand Repeat Select Slice Narrow Split SplitWithSizes UnsafeSplit Unbind Diagonal Index IndexSelect Gather
    Cat Stack Roll Flip AsStrided Unfold Im2Col Col2Im Tril Triu MaskedFill MaskedSelect Where Scatter ConstantPadNd
    ReflectionPad1D ReflectionPad2D ReflectionPad3D ReplicationPad1D ReplicationPad2D ReplicationPad3D
    AvgPool2D AvgPool3D AdaptiveAvgPool2D AdaptiveAvgPool3D PixelShuffle PixelUnshuffle
    UpsampleNearest1D UpsampleNearest2D UpsampleNearest3D UpsampleLinear1D UpsampleBilinear2D UpsampleBicubic2D
    UpsampleTrilinear3D
"""
# ... or linear between their kinks;
_WITH_KINKS = """
    Relu LeakyRelu PreluKernel Hardtanh Hardsigmoid Hardshrink Softshrink Threshold Abs Clamp ClampMin ClampMax Maximum
    Minimum Max Min Amax Amin MaxPool2DWithIndices MaxPool3DWithIndices AdaptiveMaxPool2D AdaptiveMaxPool3D Sort Topk
"""
# linear in their first argument,
_QUOTIENTS = {"Div"}
# and in any one, where the others are fixed.
_PRODUCTS = {"Mul", "Mm", "Bmm", "Mv", "Dot", "Addmm", "Addmv", "Baddbmm", "Linear", "Convolution"}
_BATCH_NORMS = {"NativeBatchNorm", "CudnnBatchNorm"}
_SUMS = {*_LINEAR.split(), *_WITH_KINKS.split()}


def is_piecewise_linear(outputs: Tensor) -> bool:
    """Tell whether outputs are piecewise linear in the leaves of their graph; False for what is not known to be."""
    return all(_keeps_linear(node) for node in _nodes(outputs) if not hasattr(node, "variable"))


def leaves(outputs: Tensor) -> list[Tensor]:
    """Find the leaves that outputs are differentiable functions of."""
    return [node.variable for node in _nodes(outputs) if hasattr(node, "variable")]


def _nodes(outputs: Tensor) -> Iterator[torch.autograd.graph.Node]:
    found, left = set(), [outputs.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in found:
            continue
        found.add(node)
        yield node
        left += [before for before, _ in node.next_functions]


def _keeps_linear(node: torch.autograd.graph.Node) -> bool:
    name = node.name().partition("Backward")[0]
    if name in _SUMS:
        return True
    read = [number for number, (before, _) in enumerate(node.next_functions) if before is not None]
    if name in _QUOTIENTS:
        return read == [0]
    # A batch norm is a product unless it reads the batch's own statistics.
    fixed = name in _PRODUCTS or (name in _BATCH_NORMS and not getattr(node, "_saved_training", True))
    return fixed and len(read) == 1
