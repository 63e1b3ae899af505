import pytest
import torch

from dropscape.condensation.stage import training_points
from dropscape.data.examples import Examples
from dropscape.errors import ConfigurationError

X, Y = torch.tensor([[-1.0], [0.25]]), torch.tensor([[0.1], [3.0]])


def examples(inputs, targets):
    return Examples(inputs, targets, inputs, targets, {"label": "two points", "dataset": "curve"})


def test_points_are_the_training_examples_in_their_order():
    table = training_points(examples(X, Y))
    assert (table["x"].tolist(), table["y"].tolist()) == ([-1.0, 0.25], [float(Y[0]), 3.0])


@pytest.mark.parametrize(
    ("inputs", "targets"), [(torch.zeros(2, 3), Y), (X, torch.zeros(2, 2)), (X, torch.tensor([[1], [0]]))]
)
def test_examples_without_a_place_in_the_plane_are_refused(inputs, targets):
    with pytest.raises(ConfigurationError, match="functions of one number, but the examples of 'two points'"):
        training_points(examples(inputs, targets))
