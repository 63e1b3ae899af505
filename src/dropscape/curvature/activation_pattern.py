"""Holds every unit on or off and every pooling's choice in a module's forward pass, as one pass found them.

With its activation pattern held, a piecewise linear network is affine, on all of space and not just between its kinks.
So a pass of it is the forward half of a product with the Jacobian, at the price of the network itself: forward-mode
differentiation would run the network beside its tangents, and double backward each convolution twice.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class ActivationPattern:
    """Records the pattern of one pass, then holds it in later ones of the same operations on as many examples.

    It sees what torch executes and not how it was written, and knows ReLUs, leaky ReLUs and poolings to the maximum.
    Any other operation with a kink runs as it is, so a caller has to test that the held network is the linearised one.
    What is recorded are the very tensors that autograd keeps for the backward pass; they take no more memory.
    """

    def __init__(self) -> None:
        self._found: list[Tensor] = []

    def recorded(self) -> AbstractContextManager:
        """Record one pass inside."""
        self._found.clear()
        return _Recorder(self._found)

    def held(self) -> AbstractContextManager:
        """Hold the recorded pattern in one pass inside."""
        return _Holder(iter(self._found))


class _Recorder(TorchDispatchMode):
    def __init__(self, found: list[Tensor]):
        super().__init__()
        self._found = found

    def __torch_dispatch__(self, call: Any, types: Any, arguments: tuple = (), options: dict | None = None) -> Any:
        result = call(*arguments, **(options or {}))
        if call in _HELD:
            # A ReLU is on where its result is positive; a leaky one, too; a pooling says where its maximum was.
            self._found.append(result[1] if call is aten.max_pool2d_with_indices.default else result)
        return result


class _Holder(TorchDispatchMode):
    def __init__(self, found: Iterator[Tensor]):
        super().__init__()
        self._found = found

    def __torch_dispatch__(self, call: Any, types: Any, arguments: tuple = (), options: dict | None = None) -> Any:
        if call in _HELD:
            return _HELD[call](next(self._found), *arguments, **(options or {}))
        return call(*arguments, **(options or {}))


def _relu(found: Tensor, values: Tensor) -> Tensor:
    return aten.threshold_backward(values, found, 0)


def _leaky_relu(found: Tensor, values: Tensor, slope: float = 0.01) -> Tensor:
    return aten.leaky_relu_backward(values, found, slope, True)


def _max_pool(indices: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
    return values.flatten(-2).gather(-1, indices.flatten(-2)).view_as(indices), indices


def _in_place(held: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda found, values, *rest: values.copy_(held(found, values, *rest))


_HELD: dict[Any, Callable[..., Any]] = {
    aten.relu.default: _relu,
    aten.relu_.default: _in_place(_relu),
    aten.leaky_relu.default: _leaky_relu,
    aten.leaky_relu_.default: _in_place(_leaky_relu),
    aten.max_pool2d_with_indices.default: _max_pool,
}
