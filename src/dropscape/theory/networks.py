"""Small random networks with binary data, away from and near a minimum of the expected dropout loss (float64)."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dropscape.dropout.masks import mask_variance
from dropscape.errors import DivergenceError
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.seeds import torch_generator
from dropscape.theory import closed_forms

OUTPUT_RANGE = (0.1, 0.9)  # of a random network on its data, so that delta = 0.1
GD_STEPS = 3000
MOMENTUM = 0.9


@dataclass(frozen=True)
class Problem:
    """A network and its data, float64: inputs (n, d) and targets (n,) with values 0 and 1."""

    model: FullyConnected
    inputs: Tensor
    targets: Tensor


def random_problem(seed: int, index: int, inputs: int, hidden: Sequence[int], examples: int) -> Problem:
    """A random ReLU network whose outputs on its data span ``OUTPUT_RANGE``, and noisy binary labels.

    Weights are N(0, 2/fan_in), hidden biases N(0, 1/4), inputs N(0, I); a label is 1 with probability sigmoid(u . x)
    for a random u ~ N(0, I). The last layer is then scaled and shifted onto the range, as Proposition 1 asks. Drawn
    again are outputs that are all equal, which cannot be scaled, and labels that are all equal, which the output's bias
    alone can fit. Each ``index`` has independent draws; ``hidden`` are the widths of the hidden layers, on the last of
    which dropout acts.
    """
    generator = torch_generator(seed, "theory", f"network {index}")

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    model = FullyConnected((inputs, *hidden, 1)).double()
    low, high = OUTPUT_RANGE
    spread, classes = 0.0, 1
    with torch.no_grad():
        while spread < 1e-6 or classes < 2:
            x = normal(examples, inputs)
            probability = torch.sigmoid(x @ normal(inputs))
            y = (torch.rand(examples, generator=generator, dtype=torch.float64) < probability).double()
            for layer in model.layers:
                layer.weight.copy_(normal(*layer.weight.shape) * (2 / layer.in_features) ** 0.5)
                layer.bias.copy_(normal(*layer.bias.shape) / 2)
            outputs = model(x)
            spread, classes = float(outputs.max() - outputs.min()), len(y.unique())
        scale, last = (high - low) / spread, model.layers[-1]
        last.weight.mul_(scale)
        last.bias.mul_(scale).add_(low - scale * outputs.min())
    return Problem(model, x, y)


def minimised(problems: Sequence[Problem], keep_probs: Sequence[float]) -> list[list[Problem]]:
    """Every problem trained to near a minimum of E_eta R_S^drop for every keep_prob: ``result[problem][keep]``.

    Gradient descent with momentum on the exact expected loss ``(1/2n) sum_i [eps_i^2 + s sum_j g_ij^2]``, all networks
    in one batch, which needs equal widths and numbers of examples. The learning rate of each is 1/(2 lambda_max) of
    Theorem 1's Hessian at the start, constant for the first half and then falling linearly to 0. The gradient does not
    become arbitrarily small: the expected loss of a ReLU network often has its minimum at a kink, where an example's
    pre-activation is 0 and the gradient jumps. A training that ends with a loss above the one it started from is a
    DivergenceError.
    """
    first = problems[0].model
    names = [name for name, _ in first.named_parameters()]
    pairs = [(problem, keep_prob) for problem in problems for keep_prob in keep_probs]
    parameters = {
        name: torch.stack([problem.model.get_parameter(name).detach() for problem, _ in pairs]).requires_grad_()
        for name in names
    }
    inputs = torch.stack([problem.inputs for problem, _ in pairs])
    targets = torch.stack([problem.targets for problem, _ in pairs])
    variances = torch.tensor([[mask_variance(keep_prob)] for _, keep_prob in pairs], dtype=torch.float64)

    def risks() -> Tensor:
        per_unit, bias = closed_forms.unit_outputs(first, parameters, inputs)
        return ((per_unit.sum(-1) + bias - targets) ** 2 + variances * (per_unit**2).sum(-1)).mean(-1) / 2

    rates = _learning_rates(problems, keep_probs, names)
    velocities = [torch.zeros_like(value) for value in parameters.values()]
    for step in range(GD_STEPS):
        losses = risks()
        if step == 0:
            initial = losses.detach()
        gradients = torch.autograd.grad(losses.sum(), list(parameters.values()))
        rate = rates * min(1.0, 2.0 * (1.0 - step / GD_STEPS))
        with torch.no_grad():
            for value, velocity, gradient in zip(parameters.values(), velocities, gradients, strict=True):
                velocity.mul_(MOMENTUM).add_(gradient)
                value.addcmul_(velocity, rate.reshape(-1, *[1] * (value.ndim - 1)), value=-1.0)
    # Written so that a NaN counts as divergence too.
    diverged = ~(risks().detach() <= initial)
    if bool(diverged.any()):
        raise DivergenceError(
            f"theory: {int(diverged.sum())} of {len(pairs)} small trainings ended above their initial loss; "
            "write larger values for theory.closed_forms.keep_probs (a small keep probability makes the loss stiff)."
        )
    trained = []
    for position, (problem, _) in enumerate(pairs):
        model = copy.deepcopy(problem.model)
        model.load_state_dict({name: value[position].detach() for name, value in parameters.items()})
        trained.append(replace(problem, model=model))
    return [trained[start : start + len(keep_probs)] for start in range(0, len(pairs), len(keep_probs))]


def _learning_rates(problems: Sequence[Problem], keep_probs: Sequence[float], names: Sequence[str]) -> Tensor:
    """1/(2 lambda_max(H)) of Theorem 1's H for each (problem, keep_prob), shape (problems * keep_probs,)."""
    expansions = [closed_forms.expand(one.model, one.inputs, one.targets, names) for one in problems]
    hessians = [closed_forms.hessian(one, keep_prob) for one in expansions for keep_prob in keep_probs]
    return torch.stack([0.5 / torch.linalg.matrix_norm(one, 2) for one in hessians])
