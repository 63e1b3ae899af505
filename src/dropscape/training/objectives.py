"""What a training descends: the loss with dropout or without, plus or minus R_1 or R_2 (paper B, eq. 4, 5 and 7).

Gradients are exact for the mean over all examples that are given, accumulated over micro-batches, in the model's dtype;
values are summed in float64, and stay on the device.
"""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropscape.dropout.layers import ModuleMasks, dropout_layers, masks_in_force
from dropscape.dropout.masks import Draw, mask_variance
from dropscape.errors import ConfigurationError
from dropscape.models.losses import PerExampleLoss, squared_error_per_example
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.training.micro_batches import Batches


@dataclass(frozen=True)
class Objective:
    """A loss and the multiples of R_1 and of R_2 that are added to it.

    R_1 is (1-p)/(2np) sum_i sum_j |W_j^[L] f_j^[L-1](x_i)|^2 (paper B, eq. 4). For R_2 a step adds
    (gradient_penalty_weight/4) |grad R_S^drop|^2 with its masks; where the weight is the learning rate its mean is R_2
    (eq. 5). That depends on the mask mode: it holds the trace of the gradient's covariance, which masks that examples
    share make larger.
    """

    dropout: bool  # whether the loss is R_S^drop, under the step's masks, or R_S, without
    r1: int = 0
    r2: int = 0


OBJECTIVES = {
    "dropout": Objective(dropout=True),
    "risk": Objective(dropout=False),
    "risk_plus_r1": Objective(dropout=False, r1=1),  # L_1
    "risk_plus_r2": Objective(dropout=False, r2=1),  # L_2
    "dropout_minus_r2": Objective(dropout=True, r2=-1),  # L_3
    "dropout_minus_r1": Objective(dropout=True, r1=-1),  # L_4
    "dropout_plus_r2": Objective(dropout=True, r2=1),  # R_S^regu of section V-B
}


def find_objective(name: str) -> Objective:
    """Return the objective of that name; raise a ``ConfigurationError`` where there is none."""
    if name not in OBJECTIVES:
        raise ConfigurationError(f"objective is '{name}'; write one of {', '.join(OBJECTIVES)}.")
    return OBJECTIVES[name]


def has_r1(model: nn.Module, loss: PerExampleLoss) -> bool:
    """Say whether R_1 is what dropout adds to the loss on average (paper B, Lemma 1).

    It is so for the squared error of a fully-connected network with dropout after its last hidden layer alone, of any
    activation and any number of outputs.
    """
    if loss is not squared_error_per_example or not isinstance(model, MaskedFullyConnected):
        return False
    return all(layer.keep_prob == 1 for layer in model.dropouts[:-1])


def check_objective(objective: Objective, model: nn.Module, loss: PerExampleLoss) -> None:
    """Raise a ``ConfigurationError`` for R_1 where it is not defined."""
    if objective.r1 and not has_r1(model, loss):
        layers = [name for name, layer in dropout_layers(model).items() if layer.keep_prob < 1]
        raise ConfigurationError(
            "an objective with R_1 (paper B, eq. 4) needs loss mse and a fully-connected network with dropout after "
            f"its last hidden layer alone, but this is a {type(model).__name__} with dropout in "
            f"{', '.join(layers) or 'no layer'} and the loss {getattr(loss, '__name__', 'of sentences')}; write loss: "
            "mse and dropout_after: the last hidden layer, or another objective."
        )


def r1_per_example(model: MaskedFullyConnected, hidden: Tensor) -> Tensor:
    """Compute R_1 of each example, (n,), from its f^[L-1](x) before dropout, (n, m_{L-1}); their mean is R_1."""
    return r1_from_hidden(hidden, model.layers[-1].weight, model.dropouts[-1].keep_prob)


def r1_from_hidden(hidden: Tensor, weight: Tensor, keep_prob: float) -> Tensor:
    """Compute (1-p)/(2p) sum_j |W_j^[L]|^2 f_j^[L-1](x)^2 of each example, (n,) (paper B, eq. 4).

    ``hidden`` is f^[L-1](x) before dropout, (n, m_{L-1}), ``weight`` W^[L], (d', m_{L-1}), and ``keep_prob`` p.
    """
    return mask_variance(keep_prob) / 2 * (hidden.square() @ weight.square().sum(dim=0))


@torch.no_grad()
def mean_r1(model: nn.Module, batches: Batches, loss: PerExampleLoss) -> float:
    """Compute R_1 over all examples; NaN where it is not defined (``has_r1``)."""
    if not has_r1(model, loss):
        return math.nan
    values = (r1_per_example(model, model.with_last_hidden(inputs)[1]) for _, inputs, _ in batches)
    return float(sum(value.sum(dtype=torch.float64) for value in values)) / len(batches)


def add_gradients(
    objective: Objective,
    model: nn.Module,
    batches: Batches,
    loss: PerExampleLoss,
    masks: ModuleMasks,
    draw: Draw,
    gradient_penalty_weight: float | Tensor,
) -> Tensor:
    """Add the objective's gradient to the parameters' ``grad``, which are zero before; return its value, float64.

    The gradient of (weight/4) |g|^2 with g = grad R_S^drop is (weight/2) H g with the Hessian H of R_S^drop under the
    same masks: first g of all examples, then the product, micro-batch by micro-batch. One micro-batch of all examples
    is differentiated twice instead, which takes a third or a quarter fewer passes.

    ``draw`` is that of the masks, the number of the step, and ``gradient_penalty_weight`` the lambda of R_2.
    """
    if not objective.r2:
        return accumulate_gradients(model, batches, loss, masks if objective.dropout else None, draw, objective.r1)
    factor = objective.r2 * gradient_penalty_weight / 2
    if len(batches) <= batches.size:
        ((losses, noisy),) = _differentiable(model, batches, loss, masks, draw)
        value = losses.detach().sum(dtype=torch.float64) / len(batches)
        # The derivatives by the gradients themselves; a sum of squares would be one more pass over each.
        seeds = [(gradient, factor * gradient.detach()) for gradient in noisy if gradient.requires_grad]
        if objective.dropout:
            seeds.append((losses, torch.full_like(losses, 1 / len(batches))))
        torch.autograd.backward(*zip(*seeds, strict=True))
        if not objective.dropout:
            value = accumulate_gradients(model, batches, loss)
    else:
        value = accumulate_gradients(model, batches, loss, masks, draw)
        # Nothing may depend on a parameter: its gradient is zero then.
        noisy = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
            for parameter in trainable_parameters(model)
        ]
        if not objective.dropout:
            model.zero_grad()
            value = accumulate_gradients(model, batches, loss)
        vectors = [factor * gradient for gradient in noisy]
        for _, gradients in _differentiable(model, batches, loss, masks, draw):
            sum((gradient * vector).sum() for gradient, vector in zip(gradients, vectors, strict=True)).backward()
    squared = sum(gradient.detach().square().sum(dtype=torch.float64) for gradient in noisy)
    return value + factor / 2 * squared


def accumulate_gradients(
    model: nn.Module,
    batches: Batches,
    loss: PerExampleLoss,
    masks: ModuleMasks | None = None,
    draw: Draw = 0,
    r1: int = 0,
) -> Tensor:
    """Add the gradient of the mean loss over all examples to the parameters' ``grad``; return that mean, float64.

    The ``draw`` of the masks is in force; None differentiates without dropout. ``r1`` is the multiple of R_1 that
    belongs to the loss, for a model that has it.
    """
    total: Tensor | float = 0.0
    for start, inputs, targets in batches:
        with masks_in_force(model, masks, draw, start) if masks is not None else nullcontext():
            if r1:
                outputs, hidden = model.with_last_hidden(inputs)
                losses = loss(outputs, targets) + r1 * r1_per_example(model, hidden)
            else:
                outputs = model(inputs)  # in bfloat16 maybe, of which no loss is taken
                losses = loss(outputs.float() if outputs.dtype == torch.bfloat16 else outputs, targets)
        (losses.sum() / len(batches)).backward()
        total = total + losses.detach().sum(dtype=torch.float64)
    return total / len(batches)


def _differentiable(
    model: nn.Module, batches: Batches, loss: PerExampleLoss, masks: ModuleMasks, draw: Draw
) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Yield each micro-batch's losses under the masks and its share of the mean gradient, both differentiable."""
    for start, inputs, targets in batches:
        with masks_in_force(model, masks, draw, start):
            losses = loss(model(inputs), targets)
        mean = losses.sum() / len(batches)
        yield losses, torch.autograd.grad(mean, trainable_parameters(model), create_graph=True, materialize_grads=True)


def trainable_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that a training changes."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
