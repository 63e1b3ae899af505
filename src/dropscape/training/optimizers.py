"""Optimisers by name, with a state that a checkpoint can hold."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from dropscape.errors import ConfigurationError

OPTIMIZERS = ("gd", "nesterov", "adam")


# beta_1, beta_2 and epsilon of Kingma and Ba (2015), and those of Vaswani et al. (2017, section 5.3).
ADAM = ((0.9, 0.999), 1e-8)
ADAM_OF_TRANSFORMERS = ((0.9, 0.98), 1e-9)


def optimizer_of(
    name: str, parameters: Iterable[nn.Parameter], *, momentum: float = 0.9, with_warm_up: bool = False
) -> torch.optim.Optimizer:
    """Gradient descent, the same with Nesterov's momentum, or Adam.

    Adam's coefficients are the usual ones, or those of Vaswani et al. where the learning rate has their warm-up. The
    learning rate is set before each step.

    Raises:
        ConfigurationError: an unknown name.
    """
    if name == "gd":
        return torch.optim.SGD(parameters, lr=0.0)
    if name == "nesterov":
        return torch.optim.SGD(parameters, lr=0.0, momentum=momentum, nesterov=True)
    if name == "adam":
        betas, epsilon = ADAM_OF_TRANSFORMERS if with_warm_up else ADAM
        return torch.optim.Adam(parameters, lr=0.0, betas=betas, eps=epsilon)
    raise ConfigurationError(f"training.optimizer is '{name}'; write one of {', '.join(OPTIMIZERS)}.")


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser remembers, ``{"<parameter's number>/<what>": tensor}``; nothing before the first step."""
    return {
        f"{index}/{key}": value
        for index, kept in optimizer.state_dict()["state"].items()
        for key, value in kept.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Go on from ``optimizer_tensors`` of an optimiser of the same parameters."""
    whole = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        like = parameters[int(index)]
        # With the parameter's strides: another memory order would round sums in other places.
        kept = value if key == "step" else torch.empty_like(like).copy_(value)
        state.setdefault(int(index), {})[key] = kept
    optimizer.load_state_dict({**whole, "state": state})
