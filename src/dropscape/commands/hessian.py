"""``dropscape hessian``: it measures your own model, and needs no more than the measurements do."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import dropscape
from dropscape.commands.several import SeveralValues
from dropscape.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from torch import Tensor, nn


@click.command("hessian", cls=SeveralValues)
@click.argument("model", metavar="MODEL:FUNCTION")
@click.option("--block", required=True, multiple=True, metavar="NAME...", help="Parameters, such as fc.weight.")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="FILE.npz", help="Its arrays inputs and targets."
)
@click.option("--loss", default="cross_entropy", type=click.Choice(["cross_entropy", "mse"]), show_default=True)
@click.option("--top", default=10, metavar="K", show_default=True, help="How many eigenvalues.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write the table there too.")
def command(model: str, block: tuple[str, ...], data: Path, loss: str, top: int, out: Path | None) -> None:
    """Print the largest eigenvalues of the Hessian of the mean loss on a block, the model in evaluation mode.

    MODEL:FUNCTION is a module and its function that returns the model. Each eigenvalue has its residual
    |H v - lambda v| beside it.
    """
    network = built(model)
    found = dropscape.spectrum(network, list(block), arrays(data, network), loss, top=top)
    table = found.to_pandas()
    print(table.to_string(index=False))
    print(f"method '{found.method}'; certificate {found.certificate}")
    if out:
        table.to_csv(out, index=False)


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
