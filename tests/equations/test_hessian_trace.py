import pytest
import torch
from torch.func import hessian

from dropscape.equations.activations import ACTIVATIONS, activation_called
from dropscape.equations.network import forward, hessian_trace
from tests.equations.networks import close, dropout_loss, problem


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("outputs", [1, 3])
def test_trace_is_that_of_the_dense_hessian(activation, outputs):
    units, sigma = 4, activation_called(activation)
    start, sample = problem(3, units, outputs, trials=3)
    kept = torch.ones(units, dtype=torch.float64)
    dense = torch.stack(
        [hessian(lambda theta: dropout_loss(theta, kept, sample, sigma))(theta).trace() for theta in start.vectors()]
    )
    close(hessian_trace(forward(start, sample, sigma)), dense)
