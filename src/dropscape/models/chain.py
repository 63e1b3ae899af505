"""Networks that are one module after another, and can be cut before any of them."""

from collections.abc import Iterator, Sequence

from torch import nn

from dropscape.models.block import block_parameters


class Chain(nn.Sequential):
    """Named modules applied one after the other; plain sequences among them count step by step."""

    piecewise_linear = True  # the output in evaluation mode, in any one layer's weights

    def split(self, block: Sequence[str]) -> tuple[nn.Sequential, nn.Sequential]:
        """Cut into ``(prefix, suffix)``, the steps before the block's first and the rest; refuse unknown names.

        Both read the parameters that the model has when they are called.
        """
        block_parameters(self, block)
        steps = dict(_steps(self))
        first = min(index for index, step in enumerate(steps) if any(name.startswith(f"{step}.") for name in block))
        modules = list(steps.values())
        return nn.Sequential(*modules[:first]), nn.Sequential(*modules[first:])


def _steps(sequence: nn.Sequential, above: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, module in sequence.named_children():
        if type(module) is nn.Sequential:
            yield from _steps(module, f"{above}{name}.")
        else:
            yield f"{above}{name}", module
