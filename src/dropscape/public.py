"""What ``dropscape`` offers by name: the module of each public function, loaded when it is asked for."""

from importlib import import_module

# The interpreter's side of ``__init__.pyi``, which type checkers read; a test holds the two together.
NAMES = {
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


def attribute(name: str) -> object:
    """Find an attribute of the package: a public function, ``__all__`` or ``__version__``.

    Raises:
        AttributeError: there is none of that name.
    """
    if name == "__version__":
        from importlib.metadata import version  # slow to load, and seldom asked for

        return version("dropscape")
    if name == "__all__":
        return sorted(NAMES)
    if name not in NAMES:
        raise AttributeError(f"module 'dropscape' has no attribute '{name}': it has {', '.join(sorted(NAMES))}")
    return getattr(import_module(f"dropscape.{NAMES[name]}"), name)
