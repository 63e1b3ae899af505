"""Optimizers by name, with a state that a checkpoint can hold, and learning rates along a training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dropscape.errors import ConfigurationError


@dataclass(frozen=True)
class LearningRate:
    """A learning rate that changes with the number of steps; as text it is that of the run, ``base``.

    Update t, counted from 1, has base d_model^-0.5 min(t^-0.5, t w^-1.5) with w ``warmup_steps`` (Vaswani et al., 2017,
    eq. 3); None leaves that factor out.
    """

    base: float
    milestones: tuple[int, ...] = ()  # steps from which on it is multiplied by ``decay``, once more at each
    decay: float = 0.1
    warmup_steps: int | None = None
    d_model: int = 1  # width of the transformer; 1 for any other network

    def __format__(self, spec: str) -> str:
        return format(self.base, spec)

    def after(self, step: int) -> float:
        """Return the learning rate of the update that follows ``step`` earlier ones."""
        rate = self.base * self.decay ** sum(step >= milestone for milestone in self.milestones)
        if self.warmup_steps is not None:
            t = step + 1
            rate *= self.d_model**-0.5 * min(t**-0.5, t * self.warmup_steps**-1.5)
        return rate


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], *, momentum: float = 0.9, with_warm_up: bool = False
) -> torch.optim.Optimizer:
    """Make gradient descent, the same with Nesterov's momentum, or Adam; its learning rate is set before each step.

    Adam's coefficients are the usual ones, or those of Vaswani et al. where the learning rate has their warm-up. On a
    GPU the rate is a tensor there, which a step that is replayed reads, and the step is one kernel. An unknown name is
    a ConfigurationError.
    """
    parameters = list(parameters)
    device = parameters[0].device
    options: dict[str, Any] = {"lr": 0.0}
    if device.type != "cpu":
        options = {"lr": torch.zeros((), device=device), "fused": True}
    if name == "gd":
        return torch.optim.SGD(parameters, **options)
    if name == "nesterov":
        return torch.optim.SGD(parameters, momentum=momentum, nesterov=True, **options)
    if name == "adam":
        # beta_1, beta_2 and epsilon of Vaswani et al. (2017, section 5.3), or of Kingma and Ba (2015).
        betas, epsilon = ((0.9, 0.98), 1e-9) if with_warm_up else ((0.9, 0.999), 1e-8)
        if device.type != "cpu":
            options["capturable"] = True
        return torch.optim.Adam(parameters, betas=betas, eps=epsilon, **options)
    raise ConfigurationError(f"training.optimizer is '{name}'; write one of gd, nesterov, adam.")


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


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
    for name, value in tensors.items():
        index, key = name.split("/")
        parameter = parameters[int(index)]
        # With the parameter's strides: in another memory order sums would be rounded differently.
        kept = value.to(parameter.device) if key == "step" else torch.empty_like(parameter).copy_(value)
        optimizer.state[parameter][key] = kept
