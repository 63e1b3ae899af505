"""Imports torchvision, the oracle of some tests, also where its compiled operators do not load.

The compiled library of torchvision 0.28.0 as pip installs it is linked to CUDA. With a CPU build of torch it
does not load, and ``import torchvision`` ends with "operator torchvision::nms does not exist", because two
Python functions are attached to operators that only the compiled library declares. Declaring the two is enough
for its datasets, transforms and models; calling one of them then says that it has no implementation.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# torch forgets the operators when the library that declared them is collected.
_declared: torch.library.Library | None = None


def import_torchvision() -> ModuleType:
    """Import torchvision, its two missing operators declared first where the compiled ones do not load.

    Raises:
        ModuleNotFoundError: torchvision is not installed.
    """
    global _declared
    # Decided before the import: one that fails leaves some of torchvision's modules behind in sys.modules.
    if (
        "torchvision" not in sys.modules
        and not _compiled_operators_load()
        and not hasattr(torch.ops.torchvision, "nms")
    ):
        _declared = torch.library.Library("torchvision", "DEF")
        for schema in SCHEMAS:
            _declared.define(schema)
    import torchvision

    return torchvision


def _compiled_operators_load() -> bool:
    """Load the compiled operators as torchvision's import does; loading them twice does no harm."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    loader = (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
    compiled = importlib.machinery.FileFinder(str(Path(package.origin).parent), loader).find_spec("_C")
    if compiled is None or compiled.origin is None:
        return False
    try:
        torch.ops.load_library(compiled.origin)
    except OSError:
        return False
    return True
