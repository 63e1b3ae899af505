"""Networks that are one module after another, and can be cut before any of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from torch import Tensor, nn

from dropscape.models.block import block_parameters

Function = Callable[[Tensor], Tensor]


class Chain(nn.Sequential):
    """Named modules applied one after the other; those that are themselves plain sequences count step by step.

    Attributes:
        piecewise_linear: whether the output in evaluation mode is piecewise linear in any one layer's weights.
    """

    piecewise_linear = True

    def split(self, block: Sequence[str]) -> tuple[Function, Function]:
        """``(prefix, suffix)``, the steps before the block's first and the rest: ``suffix(prefix(x))`` is ``model(x)``.

        Both read the parameters that the model has when they are called.

        Raises:
            ConfigurationError: a name is not a parameter of the model.
        """
        block_parameters(self, block)
        steps = dict(_steps(self))
        first = min(index for index, step in enumerate(steps) if any(name.startswith(f"{step}.") for name in block))
        modules = list(steps.values())
        return _composed(modules[:first]), _composed(modules[first:])


def _steps(sequence: nn.Sequential, above: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, module in sequence.named_children():
        if type(module) is nn.Sequential:
            yield from _steps(module, f"{above}{name}.")
        else:
            yield f"{above}{name}", module


def _composed(modules: Iterable[nn.Module]) -> Function:
    modules = tuple(modules)

    def apply(x: Tensor) -> Tensor:
        for module in modules:
            x = module(x)
        return x

    return apply
