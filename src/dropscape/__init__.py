"""Exact Hessians, dropout noise and flatness of any PyTorch model, and four papers on dropout reproduced with them.

The public names are imported from here: ``from dropscape import block_hessian``. Each is loaded when it is first asked
for, so that ``import dropscape`` loads neither torch nor numba, and jobs depend only on the modules that they use.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dropscape.curvature.hessian import block_hessian, hessian_products
    from dropscape.curvature.spectrum import spectrum
    from dropscape.dropout.convert import with_masked_dropout
    from dropscape.flatness.interval import interval_flatness
    from dropscape.flatness.slices import loss_slice
    from dropscape.noise.alignment import alignment
    from dropscape.noise.pca import covariance_spectrum
    from dropscape.sampling.gradients import dropout_gradients

__all__ = [
    "alignment",
    "block_hessian",
    "covariance_spectrum",
    "dropout_gradients",
    "hessian_products",
    "interval_flatness",
    "loss_slice",
    "spectrum",
    "with_masked_dropout",
]

# The same for the interpreter as the imports above for type checkers; a test holds the two together.
MODULES = {
    "alignment": "noise.alignment",
    "block_hessian": "curvature.hessian",
    "covariance_spectrum": "noise.pca",
    "dropout_gradients": "sampling.gradients",
    "hessian_products": "curvature.hessian",
    "interval_flatness": "flatness.interval",
    "loss_slice": "flatness.slices",
    "spectrum": "curvature.spectrum",
    "with_masked_dropout": "dropout.convert",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("dropscape")
    if name not in MODULES:
        raise AttributeError(f"module 'dropscape' has no attribute '{name}': it has {', '.join(__all__)}")
    return getattr(import_module(f"dropscape.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
