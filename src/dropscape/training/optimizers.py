"""Optimizers by name, with a state that a checkpoint can hold."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from dropscape.errors import ConfigurationError

# beta_1, beta_2 and epsilon of Kingma and Ba (2015), and those of Vaswani et al. (2017, section 5.3).
ADAM = ((0.9, 0.999), 1e-8)
TRANSFORMER_ADAM = ((0.9, 0.98), 1e-9)


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], *, momentum: float = 0.9, with_warm_up: bool = False
) -> torch.optim.Optimizer:
    """Make gradient descent, the same with Nesterov's momentum, or Adam; its learning rate is set before each step.

    Adam's coefficients are the usual ones, or those of Vaswani et al. where the learning rate has their warm-up.

    Raises:
        ConfigurationError: an unknown name.
    """
    if name == "gd":
        return torch.optim.SGD(parameters, lr=0.0)
    if name == "nesterov":
        return torch.optim.SGD(parameters, lr=0.0, momentum=momentum, nesterov=True)
    if name == "adam":
        betas, epsilon = TRANSFORMER_ADAM if with_warm_up else ADAM
        return torch.optim.Adam(parameters, lr=0.0, betas=betas, eps=epsilon)
    raise ConfigurationError(f"training.optimizer is '{name}'; write one of gd, nesterov, adam.")


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state, ``{"<parameter's number>/<key>": tensor}``; it is empty before the first step."""
    return {
        f"{index}/{key}": value
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Resume from ``optimizer_tensors`` of an optimizer of the same parameters."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        like = parameters[int(index)]
        # With the parameter's strides: in another memory order sums would be rounded differently.
        restored = value if key == "step" else torch.empty_like(like).copy_(value)
        state.setdefault(int(index), {})[key] = restored
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
