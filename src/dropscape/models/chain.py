"""Networks that are one module after another, and can be cut before any of them."""

from collections.abc import Iterator, Sequence

from torch import nn

from dropscape.models.block import block_parameters


class Chain(nn.Sequential):
    """Named modules applied one after the other; plain sequences among them count step by step."""

    def split(self, block: Sequence[str]) -> tuple[nn.Sequential, nn.Sequential]:
        """Cut into ``(prefix, suffix)``, the steps before the block's first and the rest; refuse unknown names.

        Both read the parameters that the model has when they are called.
        """
        block_parameters(self, block)
        steps, own = list(_steps(self)), {id(self.get_parameter(name)) for name in block}
        first = next(index for index, step in enumerate(steps) if not own.isdisjoint(map(id, step.parameters())))
        return nn.Sequential(*steps[:first]), nn.Sequential(*steps[first:])


def _steps(sequence: nn.Sequential) -> Iterator[nn.Module]:
    for module in sequence:
        yield from _steps(module) if type(module) is nn.Sequential else [module]
