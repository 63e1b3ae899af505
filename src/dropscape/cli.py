"""The command ``dropscape``: it measures your own model from a shell.

What the Makefile runs, the workflow, is ``dropscape.command``.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dropscape
from dropscape.errors import ConfigurationError, DataError, DropscapeError

if TYPE_CHECKING:
    from torch import Tensor, nn


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; what cannot work is said in one sentence."""
    given = parser().parse_args(arguments)
    try:
        return given.run(given)
    except DropscapeError as error:
        print(f"dropscape: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    top = argparse.ArgumentParser(prog="dropscape", description="Hessians, dropout noise and flatness of a model.")
    top.add_argument("--version", action="version", version=f"dropscape {dropscape.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    hessian = commands.add_parser(
        "hessian",
        help="largest eigenvalues of a block's Hessian",
        description="Largest eigenvalues of the Hessian of the mean loss on a block, the model in evaluation mode.",
    )
    hessian.set_defaults(run=print_eigenvalues)
    hessian.add_argument("model", metavar="MODEL:FUNCTION", help="the module and its function that returns the model")
    hessian.add_argument("--block", required=True, nargs="+", metavar="NAME", help="parameters, such as fc.weight")
    hessian.add_argument("--data", required=True, type=Path, metavar="FILE.npz", help="its arrays inputs and targets")
    hessian.add_argument("--loss", default="cross_entropy", choices=["cross_entropy", "mse"])
    hessian.add_argument("--top", default=10, type=int, metavar="K", help="how many eigenvalues (10)")
    hessian.add_argument("--out", type=Path, metavar="FILE.csv", help="write the table there too")
    return top


def print_eigenvalues(given: argparse.Namespace) -> int:
    """Print the largest eigenvalues and their residuals |H v - lambda v| as a table, write it as csv if asked."""
    model = built(given.model)
    found = dropscape.spectrum(model, given.block, arrays(given.data, model), given.loss, top=given.top)
    table = found.to_pandas()
    print(table.to_string(index=False))
    print(f"method '{found.method}'; certificate {found.certificate}")
    if given.out:
        table.to_csv(given.out, index=False)
    return 0


def built(function: str) -> "nn.Module":
    """Call ``module:function`` of the Python path or the working directory; the model it returns, in evaluation mode.

    Raises:
        ConfigurationError: it cannot be imported or returns no model.
    """
    from torch import nn

    from dropscape.custom_code import imported

    sys.path.insert(0, str(Path.cwd()))
    model = imported(function, "MODEL:FUNCTION")()
    if not isinstance(model, nn.Module):
        raise ConfigurationError(
            f"'{function}' returned a {type(model).__name__}: write a function without arguments that returns the "
            "torch.nn.Module to measure."
        )
    return model.eval()


def arrays(path: Path, model: "nn.Module") -> "tuple[Tensor, Tensor]":
    """Read the inputs and targets of an npz file, real numbers in the precision of the model's parameters.

    Raises:
        DataError: the file cannot be read or lacks one of the two.
    """
    import numpy as np
    import torch

    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: torch.from_numpy(file[name]) for name in ("inputs", "targets")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read as data ({error}): write it with numpy.savez(file, inputs=..., targets=...)."
        ) from None
    parameter = next(model.parameters())
    inputs, targets = (
        one.to(parameter.device, parameter.dtype) if one.is_floating_point() else one.to(parameter.device).long()
        for one in found.values()
    )
    return inputs, targets


if __name__ == "__main__":
    sys.exit(main())
