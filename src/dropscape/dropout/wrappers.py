"""Models inside of what compiles or distributes them."""

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def unwrapped(module: nn.Module) -> tuple[nn.Module, str]:
    """Find the module that compiled and distributed ones wrap, and what they put before its parameters' names.

    The module itself and "" where nothing wraps it.
    """
    prefix = ""
    while True:
        if isinstance(module, DataParallel | DistributedDataParallel):
            module, prefix = module.module, prefix + "module."
        elif hasattr(module, "_orig_mod"):
            module, prefix = module._orig_mod, prefix + "_orig_mod."
        else:
            return module, prefix
