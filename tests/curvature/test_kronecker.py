"""The Kronecker sum against dense double-precision autograd, which knows nothing of its structure."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call, hessian
from torch.nn.functional import cross_entropy, one_hot

from dropscape.curvature import kronecker, linearised
from dropscape.curvature.kronecker import KroneckerProducts, kronecker_hessian
from dropscape.curvature.linearised import linearised_network
from dropscape.errors import ConfigurationError
from dropscape.models.block import block_vector, split_vector
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.devices import Budget


def example(widths, n=40, seed=0, activation="relu", gain=1.0):
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = FullyConnected(widths, activation)
    with torch.no_grad():
        model.layers[-1].weight.mul_(gain)
    inputs = torch.randn(n, widths[0], generator=generator)
    targets = torch.randint(widths[-1], (n,), generator=generator)
    return model, inputs, targets


def autograd_hessian(model, block, inputs, targets, loss):
    """The mean loss differentiated twice with respect to the flat block, in float64."""
    exact = FullyConnected(model.widths, model.activation).double()
    exact.load_state_dict(model.state_dict())

    def mean_loss(vector):
        outputs = functional_call(exact, split_vector(exact, block, vector), (inputs.double(),))
        if loss == "cross_entropy":
            return cross_entropy(outputs, targets)
        return (outputs - one_hot(targets, outputs.shape[1])).square().sum() / (2 * len(outputs))

    return hessian(mean_loss)(block_vector(exact, block)).detach()


def relative_error(value, reference):
    return float((value.double() - reference).norm() / reference.norm())


def block_of(layer, with_bias):
    weight = f"layers.{layer - 1}.weight"
    return (weight, f"layers.{layer - 1}.bias") if with_bias else (weight,)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("layer", [1, 2, 3, 4])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_equals_autograd_at_every_depth(layer, with_bias, loss, activation):
    model, inputs, targets = example((5, 6, 4, 7, 3), activation=activation)
    reference = autograd_hessian(model, block_of(layer, with_bias), inputs, targets, loss)
    assert relative_error(kronecker_hessian(model, layer, with_bias, inputs, loss, torch.float64), reference) < 1e-13
    matrix = kronecker_hessian(model, layer, with_bias, inputs, loss)
    assert matrix.dtype == torch.float32
    assert relative_error(matrix, reference) < 2e-6
    assert torch.equal(matrix, matrix.T)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_nearly_one_hot_outputs_keep_their_digits(layer):
    """Probabilities within 1e-8 to 1e-4 of one-hot: diag(p) - p p^T formed in float32 would have no digit left."""
    model, inputs, _ = example((8, 10, 9, 5), n=60, gain=120.0)
    with torch.no_grad():
        probabilities = model(inputs).softmax(dim=1)
        targets = probabilities.argmax(dim=1)
    keep = probabilities.max(dim=1).values > 1 - 1e-4
    assert keep.sum() > 10
    inputs, targets = inputs[keep], targets[keep]
    reference = autograd_hessian(model, block_of(layer, True), inputs, targets, "cross_entropy")
    assert relative_error(kronecker_hessian(model, layer, True, inputs, "cross_entropy"), reference) < 2e-6


def test_chunks_change_nothing_but_rounding(monkeypatch):
    model, inputs, _ = example((5, 6, 4, 3), n=50)
    for layer in (1, 2):
        whole = kronecker_hessian(model, layer, True, inputs, "cross_entropy", torch.float64)
        with monkeypatch.context() as patch:
            patch.setattr(kronecker, "EXAMPLES_AT_ONCE", Budget(7, 0))
            patch.setattr(linearised, "EXAMPLES_OF_A_PASS", Budget(9, 0))
            chunked = kronecker_hessian(model, layer, True, inputs, "cross_entropy", torch.float64)
        assert relative_error(chunked, whole) < 1e-14


def test_mean_over_unequal_chunks_is_exact():
    model, inputs, _ = example((5, 6, 4, 3), n=50)
    first, second = inputs[:13], inputs[13:]
    chunked = [kronecker_hessian(model, 2, False, x, "cross_entropy", torch.float64) for x in (first, second)]
    whole = kronecker_hessian(model, 2, False, inputs, "cross_entropy", torch.float64)
    assert relative_error((13 * chunked[0] + 37 * chunked[1]) / 50, whole) < 1e-14


def test_is_positive_semidefinite_and_blind_to_dead_units():
    model, inputs, _ = example((5, 6, 4, 3))
    with torch.no_grad():
        model.layers[1].bias[2] = -1e3
    matrix = kronecker_hessian(model, 2, False, inputs, "cross_entropy", torch.float64)
    assert torch.linalg.eigvalsh(matrix)[0] > -1e-15
    assert bool((matrix[2 * 6 : 3 * 6] == 0).all())


@settings(max_examples=20, deadline=None)
@given(
    widths=st.lists(st.integers(1, 6), min_size=3, max_size=5),
    with_bias=st.booleans(),
    loss=st.sampled_from(["cross_entropy", "mse"]),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_products_equal_the_matrix(widths, with_bias, loss, seed, data):
    layer = data.draw(st.integers(1, len(widths) - 1))
    model, inputs, _ = example(widths, n=12, seed=seed)
    matrix = kronecker_hessian(model, layer, with_bias, inputs, loss, torch.float64)
    vector = torch.randn(len(matrix), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    network = linearised_network(model, layer, with_bias, inputs, loss, torch.float64)
    (found,) = KroneckerProducts(network, with_bias)(vector[None])
    torch.testing.assert_close(found, matrix @ vector, rtol=1e-10, atol=1e-13 * (1 + float(matrix.abs().max())))


def test_refuses_what_it_cannot_treat_exactly():
    model, inputs, _ = example((5, 6, 4, 3), activation="tanh")
    with pytest.raises(ConfigurationError, match="products"):
        kronecker_hessian(model, 2, False, inputs, "cross_entropy")
    model, inputs, _ = example((5, 6, 4, 3))
    with pytest.raises(ConfigurationError, match="'cross_entropy' and 'mse'"):
        kronecker_hessian(model, 2, False, inputs, "hinge")
