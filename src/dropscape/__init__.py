"""Exact Hessians, dropout noise and flatness of any PyTorch model, and four papers on dropout reproduced with them.

The public names are imported from here: ``from dropscape import block_hessian``. Each is loaded when it is first asked
for, so that ``import dropscape`` loads neither torch nor numba.
"""
# Every job of the workflow depends on this file: the names stand in ``dropscape.public``, their types in __init__.pyi.


def __getattr__(name: str) -> object:
    from dropscape.public import attribute

    return attribute(name)


def __dir__() -> list[str]:
    from dropscape.public import NAMES

    return sorted([*globals(), *NAMES, "__all__", "__version__"])
