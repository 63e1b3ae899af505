import pytest
import torch

from dropscape.curvature.eigenpairs import eigenpairs, residual_norms
from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.spectrum import spectrum
from dropscape.errors import ConfigurationError, DivergenceError, RandomObjectiveError
from dropscape.models.fnn import FullyConnected
from tests import toy_models

BLOCK = ("layers.1.weight", "layers.1.bias")


def example(activation="relu"):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return FullyConnected((6, 8, 7, 4), activation), torch.randn(60, 6), torch.randint(4, (60,))


def test_eigenpairs_of_a_matrix_with_known_spectrum():
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(30, 30, dtype=torch.float64, generator=generator))
    known = torch.logspace(1, -8, 30, dtype=torch.float64)
    known[-3:] = torch.tensor([-1e-3, -0.5, -2.0], dtype=torch.float64)
    matrix = (basis * known) @ basis.T
    matrix = (matrix + matrix.T) / 2
    values, vectors = eigenpairs(matrix)
    torch.testing.assert_close(values, known.sort(descending=True).values, rtol=0, atol=1e-14)
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(30, dtype=torch.float64), rtol=0, atol=1e-13)
    assert residual_norms(matrix, values, vectors).max() < 1e-13


def test_eigenpairs_of_float32_are_float64():
    values, vectors = eigenpairs(torch.diag(torch.tensor([1.0, 3.0, 2.0])))
    assert values.dtype == vectors.dtype == torch.float64
    assert values.tolist() == [3.0, 2.0, 1.0]


def test_residual_bounds_the_error_of_a_wrong_eigenvalue():
    matrix = torch.diag(torch.tensor([2.0, 1.0], dtype=torch.float64))
    vector = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert float(residual_norms(matrix, torch.tensor([2.25], dtype=torch.float64), vector)[0]) == 0.25


def test_eigenpairs_refuses_numbers_that_have_no_spectrum():
    with pytest.raises(DivergenceError, match="not finite"):
        eigenpairs(torch.tensor([[1.0, torch.nan], [torch.nan, 1.0]]))
    with pytest.raises(ValueError, match="symmetric"):
        eigenpairs(torch.tensor([[1.0, 2.0], [0.0, 1.0]]))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_top_eigenvalues_equal_the_dense_ones(activation):
    model, inputs, targets = example(activation)
    dense = block_hessian(model, BLOCK, (inputs, targets), dtype=torch.float64)
    values, vectors = eigenpairs(dense.matrix)
    top = spectrum(model, BLOCK, (inputs, targets), top=5, dtype=torch.float64, tolerance=1e-12)
    assert top.converged and top.method == ("kronecker" if activation == "relu" else "products")
    assert top.products > 5
    torch.testing.assert_close(top.eigenvalues, values[:5], rtol=1e-10, atol=0)
    assert (top.residuals < 1e-10).all()
    overlap = (top.eigenvectors * vectors[:5]).sum(dim=1).abs()
    torch.testing.assert_close(overlap, torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-9)


def test_float32_products_give_eigenvalues_within_their_residuals():
    model, inputs, targets = example()
    exact = eigenpairs(block_hessian(model, BLOCK, (inputs, targets), dtype=torch.float64).matrix)[0][:5]
    top = spectrum(model, BLOCK, (inputs, targets), top=5)
    assert ((top.eigenvalues - exact).abs() <= top.residuals + 1e-6 * exact[0]).all()


def test_top_eigenvalues_repeat_bit_by_bit():
    model, inputs, targets = example()
    first, second = (spectrum(model, BLOCK, (inputs, targets), top=3) for _ in range(2))
    assert torch.equal(first.eigenvalues, second.eigenvalues)
    assert torch.equal(first.eigenvectors, second.eigenvectors)


def test_what_did_not_converge_is_said_and_its_residual_still_bounds_the_error():
    model, inputs, targets = example("tanh")
    exact, _ = eigenpairs(block_hessian(model, BLOCK, (inputs, targets), dtype=torch.float64).matrix)
    top = spectrum(model, BLOCK, (inputs, targets), top=5, dtype=torch.float64, max_products=7)
    assert not top.converged and top.products == 7
    distance = (top.eigenvalues[:, None] - exact[None]).abs().min(dim=1).values
    assert (distance <= top.residuals + 1e-12).all()


def test_whole_space_is_exact():
    """As many products as parameters: Lanczos then ends with the complete spectrum."""
    model, inputs, targets = example("tanh")
    exact, _ = eigenpairs(block_hessian(model, ("layers.2.bias",), (inputs, targets), dtype=torch.float64).matrix)
    top = spectrum(model, ("layers.2.bias",), (inputs, targets), top=3, dtype=torch.float64, tolerance=1e-13)
    torch.testing.assert_close(top.eigenvalues, exact[:3], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_low_rank_gives_zeros_beyond_the_rank(gain):
    """Squared error: the output layer's Hessian is I (x) (1/n) sum_i h_i h_i^T, of rank at most 4 n = 12, in fours."""
    model, inputs, _ = example()
    with torch.no_grad():
        model.layers[1].weight.mul_(gain)
        model.layers[1].bias.mul_(gain)
    inputs, targets, block = inputs[:3], torch.zeros(3, 4), ("layers.2.weight",)
    exact, _ = eigenpairs(block_hessian(model, block, (inputs, targets), "mse", dtype=torch.float64).matrix)
    top = spectrum(model, block, (inputs, targets), "mse", top=20, dtype=torch.float64, tolerance=1e-12)
    assert top.eigenvalues[12:].abs().max() < 1e-15
    torch.testing.assert_close(top.eigenvalues, exact[:20], rtol=1e-10, atol=1e-15)


def test_diverged_network_is_named():
    model, inputs, targets = example()
    with torch.no_grad():
        model.layers[2].weight.fill_(float("nan"))
    with pytest.raises(DivergenceError, match="lower the learning rate of the training"):
        spectrum(model, BLOCK, (inputs, targets), top=3)


def test_refuses_too_many_eigenvalues_and_random_objectives():
    model, inputs, targets = example()
    with pytest.raises(ConfigurationError, match=r"0 < top \+ bottom < 63"):
        spectrum(model, BLOCK, (inputs, targets), top=63)
    noisy = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Dropout(0.5))
    with pytest.raises(RandomObjectiveError):
        spectrum(noisy, ("0.weight",), (inputs, targets), top=2)


def test_both_ends_of_an_indefinite_spectrum():
    model, inputs, targets = toy_models.attentive()
    block, loss = ("query.weight", "query.bias"), toy_models.mean_token_loss
    exact, vectors = eigenpairs(toy_models.autograd_hessian(model, block, inputs, targets, loss))
    assert exact[-3:].max() < 0 < exact[3]
    found = spectrum(model, block, (inputs, targets), loss, top=4, bottom=3, dtype=torch.float64, tolerance=1e-10)
    assert found.converged and found.method == "products"
    wanted = [0, 1, 2, 3, -3, -2, -1]
    torch.testing.assert_close(found.eigenvalues, exact[wanted], rtol=1e-9, atol=1e-12)
    overlap = (found.eigenvectors * vectors[wanted]).sum(dim=1).abs()
    torch.testing.assert_close(overlap, torch.ones(7, dtype=torch.float64), rtol=0, atol=1e-7)
    only_bottom = spectrum(model, block, (inputs, targets), loss, top=0, bottom=2, dtype=torch.float64, tolerance=1e-10)
    torch.testing.assert_close(only_bottom.eigenvalues, exact[-2:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{"top": 2.5}, {"top": "all"}, {"top": -1}, {"top": 2, "dtype": "float64"}])
def test_arguments_that_do_not_fit_are_refused(options):
    model, inputs, targets = example()
    with pytest.raises(ConfigurationError, match=r"write smaller whole numbers|write torch.float32 or torch.float64"):
        spectrum(model, BLOCK, (inputs, targets), **options)
