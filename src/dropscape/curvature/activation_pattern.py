"""Holds every unit on or off and every pooling's choice in a module's forward pass, as one pass found them.

With its activation pattern held, a piecewise linear network is affine, on all of space and not just between its kinks.
So a pass of it is the forward half of a product with the Jacobian, at the price of the network itself: forward-mode
differentiation would run the network beside its tangents, and double backward each convolution twice.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class RecordedPattern(TorchDispatchMode):
    """Records the activation pattern of the passes inside.

    It sees what torch executes and not how it was written, and knows ReLUs, leaky ReLUs and poolings to the maximum.
    Any other operation with a kink runs as it is, so a caller has to test that the held network is the linearised one.
    What is recorded are the very tensors that autograd keeps for the backward pass; they take no more memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_dispatch__(self, call: Any, types: Any, arguments: tuple = (), options: dict | None = None) -> Any:
        """Run the operation and note what is on."""
        result = call(*arguments, **(options or {}))
        if call in _HELD:
            # A ReLU is on where its result is positive; a leaky one, too; a pooling says where its maximum was.
            self.found.append(result[1] if call is aten.max_pool2d_with_indices.default else result)
        return result


class HeldPattern(TorchDispatchMode):
    """Holds a recorded pattern in one pass of the same operations on as many examples."""

    def __init__(self, recorded: RecordedPattern):
        super().__init__()
        self._found = iter(recorded.found)

    def __torch_dispatch__(self, call: Any, types: Any, arguments: tuple = (), options: dict | None = None) -> Any:
        """Run the operation as the pattern has it."""
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
