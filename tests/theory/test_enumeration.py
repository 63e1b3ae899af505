"""The enumeration against one masked network at a time, written the way dropout is usually written."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.theory import enumeration


@given(st.integers(1, 8), st.floats(0.05, 1.0))
def test_masks_have_the_moments_of_the_papers_mask_variable(units, keep_prob):
    masks, probabilities = enumeration.all_masks(units, keep_prob)
    assert masks.shape == (2**units, units)
    assert len(masks.unique(dim=0)) == 2**units
    eta = masks - 1
    covariance = eta.T @ (probabilities[:, None] * eta)
    variance = (1 - keep_prob) / keep_prob
    torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(probabilities @ eta, torch.zeros(units, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(covariance, variance * torch.eye(units, dtype=torch.float64), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_moments_and_hessian_are_those_of_one_masked_network_at_a_time(activation):
    keep_prob, n = 0.35, 3
    generator = torch.Generator().manual_seed(0)
    model = FullyConnected((2, 3, 2, 1), activation).double()
    x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    y = torch.randn(n, generator=generator, dtype=torch.float64)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    parameters = list(model.parameters())

    mean = second_moment = hessian = 0
    losses = torch.zeros(n, dtype=torch.float64)
    for kept in ([0, 0], [0, 1], [1, 0], [1, 1]):
        probability = keep_prob ** sum(kept) * (1 - keep_prob) ** (2 - sum(kept))
        mask = torch.tensor(kept, dtype=torch.float64) / keep_prob
        for i in range(n):
            output = model.layers[2](mask * model.hidden(x[i : i + 1], 2))[0, 0]
            loss = (output - y[i]) ** 2 / 2
            losses[i] += probability * loss.detach()
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            vector = torch.cat([gradient.reshape(-1) for gradient in gradients])
            mean = mean + probability * vector.detach() / n
            second_moment = second_moment + probability * torch.outer(vector, vector).detach() / n
            rows = [
                torch.cat(
                    [
                        value.reshape(-1)
                        for value in torch.autograd.grad(
                            entry, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
                        )
                    ]
                )
                for entry in vector
            ]
            hessian = hessian + probability * torch.stack(rows) / n

    names = [name for name, _ in model.named_parameters()]
    torch.testing.assert_close(enumeration.expected_losses(model, x, y, keep_prob), losses)
    torch.testing.assert_close(enumeration.hessian(model, x, y, keep_prob, names), hessian)
    actual_mean, actual_moment = enumeration.gradient_moments(model, x, y, keep_prob, names)
    torch.testing.assert_close(actual_mean, mean)
    torch.testing.assert_close(actual_moment, second_moment)

    block = ["layers.1.weight", "layers.2.bias"]
    positions = torch.tensor([*range(9, 15), 19])
    torch.testing.assert_close(enumeration.hessian(model, x, y, keep_prob, block), hessian[positions][:, positions])


def test_too_many_units_are_refused_before_anything_is_allocated():
    with pytest.raises(ConfigurationError, match="last hidden width"):
        enumeration.all_masks(50, 0.5)
