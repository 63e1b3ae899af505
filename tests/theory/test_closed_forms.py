"""The closed forms against enumeration of all masks and against sums written out from their definitions."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dropscape.errors import ConfigurationError
from dropscape.models.fnn import FullyConnected
from dropscape.theory import closed_forms, enumeration

keep_probabilities = st.floats(0.1, 1.0)
networks = st.tuples(
    st.integers(0, 10_000),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.sampled_from(["relu", "identity"]),
)
few = settings(max_examples=12, deadline=None)


def problem(seed, hidden, activation="relu", examples=5):
    generator = torch.Generator().manual_seed(seed)
    model = FullyConnected((3, *hidden, 1), activation).double()
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    inputs = torch.randn(examples, 3, generator=generator, dtype=torch.float64)
    return model, inputs, torch.randn(examples, generator=generator, dtype=torch.float64)


def names(model):
    return [name for name, _ in model.named_parameters()]


def close(actual, expected, relative=1e-10):
    size = expected.abs().max().item() + 1e-30
    assert (actual - expected).abs().max().item() <= relative * size


def blocks_where_theorem_1_is_exact(depth):
    for layer in range(depth):
        later_biases = [f"layers.{later}.bias" for later in range(layer, depth)]
        yield [f"layers.{layer}.weight", *later_biases]
    yield [f"layers.{layer}.bias" for layer in range(depth)]


@settings(max_examples=6, deadline=None)
@given(networks, keep_probabilities)
def test_theorem_1_is_exact_within_one_layer_with_later_biases_and_for_all_biases(network, keep_prob):
    seed, hidden, activation = network
    model, x, y = problem(seed, hidden, activation)
    for block in blocks_where_theorem_1_is_exact(model.depth):
        exact = enumeration.hessian(model, x, y, keep_prob, block)
        close(closed_forms.hessian(closed_forms.expand(model, x, y, block), keep_prob), exact)


@pytest.mark.parametrize("pair", list(itertools.combinations(range(3), 2)))
def test_theorem_1_misses_the_products_of_two_layers_weights(pair):
    model, x, y = problem(3, (4, 3))
    block = [f"layers.{layer}.weight" for layer in pair]
    exact = enumeration.hessian(model, x, y, 0.6, block)
    approximate = closed_forms.hessian(closed_forms.expand(model, x, y, block), 0.6)
    assert (approximate - exact).norm() > 1e-2 * exact.norm()


@few
@given(networks, keep_probabilities)
def test_what_theorem_1_drops_between_the_last_two_layers_is_the_gradient_over_the_output_weight(network, keep_prob):
    seed, hidden, activation = network
    model, x, y = problem(seed, hidden, activation)
    last, units, fan_in = model.depth - 1, model.widths[-2], model.widths[-3]
    block = [f"layers.{last}.weight", f"layers.{last - 1}.weight", f"layers.{last - 1}.bias"]
    expansion = closed_forms.expand(model, x, y, block)
    dropped = enumeration.hessian(model, x, y, keep_prob, block) - closed_forms.hessian(expansion, keep_prob)
    gradient = closed_forms.mean_gradient(expansion, keep_prob)[units:]

    expected = torch.zeros_like(dropped)
    weights = model.layers[last].weight[0].detach()
    for unit in range(units):
        incoming = [units + unit * fan_in + k for k in range(fan_in)] + [units + units * fan_in + unit]
        for position in incoming:
            expected[unit, position] = expected[position, unit] = gradient[position - units] / weights[unit]
    scale = closed_forms.hessian(expansion, keep_prob).abs().max() + expected.abs().max()
    assert (dropped - expected).abs().max() <= 1e-10 * scale


@few
@given(networks, keep_probabilities, st.booleans())
def test_exact_moments_need_no_enumeration_and_no_piecewise_linearity(network, keep_prob, smooth):
    seed, hidden, activation = network
    model, x, y = problem(seed, hidden, "tanh" if smooth else activation)
    expansion = closed_forms.expand(model, x, y, names(model))
    mean, second_moment = enumeration.gradient_moments(model, x, y, keep_prob, names(model))
    close(closed_forms.expected_losses(expansion, keep_prob), enumeration.expected_losses(model, x, y, keep_prob))
    close(closed_forms.mean_gradient(expansion, keep_prob), mean)
    close(closed_forms.exact_second_moment(expansion, keep_prob), second_moment)
    difference = closed_forms.exact_covariance(expansion, keep_prob) - (second_moment - torch.outer(mean, mean))
    assert difference.abs().max() <= 1e-10 * second_moment.abs().max()


def test_expansion_is_the_networks_own_output_and_gradient():
    model, x, y = problem(1, (4, 3))
    expansion = closed_forms.expand(model, x, y, names(model))
    torch.testing.assert_close(expansion.residual, model(x)[:, 0] - y)
    hidden, weight = model.hidden(x, 2), model.layers[2].weight[0]
    torch.testing.assert_close(expansion.unit_outputs, hidden * weight)
    for example in range(len(x)):
        for unit in range(3):
            part = model.hidden(x[example : example + 1], 2)[0, unit] * model.layers[2].weight[0, unit]
            gradient = torch.autograd.grad(part, list(model.parameters()), allow_unused=True, materialize_grads=True)
            vector = torch.cat([value.reshape(-1) for value in gradient])
            torch.testing.assert_close(expansion.unit_output_gradients[example, unit], vector)
        gradient = torch.autograd.grad(model(x[example : example + 1])[0, 0], list(model.parameters()))
        vector = torch.cat([value.reshape(-1) for value in gradient])
        torch.testing.assert_close(expansion.output_gradient[example], vector)
    part = slice(2, 7)
    torch.testing.assert_close(
        closed_forms.hessian(expansion.restricted_to(part), 0.4), closed_forms.hessian(expansion, 0.4)[part, part]
    )


def test_theorems_as_printed_written_out_as_sums():
    keep_prob = 0.3
    ratio = (1 - keep_prob) / keep_prob
    model, x, y = problem(5, (3,), examples=4)
    expansion = closed_forms.expand(model, x, y, names(model))
    hessian = covariance = 0
    for i in range(4):
        f = model(x[i : i + 1])[0, 0].item()
        outer = torch.outer(expansion.output_gradient[i], expansion.output_gradient[i])
        unit_outputs = sum(torch.outer(g, g) for g in expansion.unit_output_gradients[i])
        a = 2 * enumeration.expected_losses(model, x[i : i + 1], y[i : i + 1], keep_prob).item()
        b = (f - y[i].item()) ** 2
        hessian = hessian + (outer + ratio * unit_outputs) / 4
        covariance = covariance + (a * outer + b * ratio * unit_outputs) / 4
    close(closed_forms.hessian(expansion, keep_prob), hessian)
    close(closed_forms.covariance(expansion, keep_prob), covariance)


def test_equation_3_is_the_second_moment_of_the_first_order_loss():
    keep_prob = 0.7
    model, x, y = problem(8, (2, 3), examples=3)
    masks, probabilities = enumeration.all_masks(3, keep_prob)
    expected = 0
    for example, (mask, probability) in itertools.product(range(3), zip(masks, probabilities, strict=True)):
        one = x[example : example + 1]
        error = model(one)[0, 0] - y[example]
        unit_outputs = model.hidden(one, 2)[0] * model.layers[2].weight[0]
        loss = error**2 / 2 + error * ((mask - 1) * unit_outputs).sum()
        gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(model.parameters()))])
        expected = expected + probability * torch.outer(gradient, gradient) / 3
    expansion = closed_forms.expand(model, x, y, names(model))
    close(closed_forms.first_order_second_moment(expansion, keep_prob), expected)


@few
@given(networks, keep_probabilities)
def test_theorem_2_is_equation_3_without_its_cross_term(network, keep_prob):
    seed, hidden, activation = network
    model, x, y = problem(seed, hidden, activation)
    expansion = closed_forms.expand(model, x, y, names(model))
    ratio = (1 - keep_prob) / keep_prob
    own = expansion.residual[:, None] * expansion.output_gradient
    sums = torch.einsum("nj,njp->np", expansion.unit_outputs, expansion.unit_output_gradients)
    cross = ratio * (own.T @ sums + sums.T @ own) / len(x)
    expected = closed_forms.first_order_second_moment(expansion, keep_prob) - cross
    difference = closed_forms.covariance(expansion, keep_prob) - expected
    assert difference.abs().max() <= 1e-10 * (expected.abs().max() + cross.abs().max())


def test_at_first_order_in_the_mask_variance_equation_3_misses_terms_of_its_own_size():
    model, x, y = problem(2, (4, 3))
    expansion = closed_forms.expand(model, x, y, names(model))
    g, gradients = expansion.unit_outputs, expansion.unit_output_gradients
    error = expansion.residual[:, None]
    cross = torch.einsum("nj,np,njq->pq", g * (error - g), expansion.output_gradient, gradients)
    own = torch.einsum("nj,njp,njq->pq", g * (g - 2 * error), gradients, gradients)
    limit = (cross + cross.T + own) / len(x)
    plain = closed_forms.exact_second_moment(expansion, 1.0)
    for variance in (1e-3, 1e-4):
        keep_prob = 1 / (1 + variance)
        exact = closed_forms.exact_second_moment(expansion, keep_prob)
        missing = exact - closed_forms.first_order_second_moment(expansion, keep_prob)
        # The remainder is of second order in the variance.
        assert (missing / variance - limit).norm() <= 30 * variance * limit.norm()
        assert missing.norm() > 0.1 * (exact - plain).norm()


def test_theorem_2_does_not_vanish_where_the_true_covariance_does():
    # One active unit and one example fitted exactly whenever the unit is kept: the gradient is 0 for both masks.
    keep_prob = 0.6
    model = FullyConnected((2, 1, 1)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    x = torch.ones(1, 2, dtype=torch.float64)
    hidden = model.hidden(x, 1)
    y = (model.layers[1].weight[0] * hidden[0] / keep_prob + model.layers[1].bias).detach()
    expansion = closed_forms.expand(model, x, y, ["layers.0.weight", "layers.0.bias"])
    assert closed_forms.mean_gradient(expansion, keep_prob).abs().max() < 1e-12
    assert closed_forms.exact_covariance(expansion, keep_prob).abs().max() < 1e-12
    assert closed_forms.covariance(expansion, keep_prob).norm() > 1e-2


def test_without_dropout_both_theorems_are_those_of_plain_least_squares():
    model, x, y = problem(4, (3, 2))
    expansion = closed_forms.expand(model, x, y, names(model))
    gradient = expansion.output_gradient
    close(closed_forms.hessian(expansion, 1.0), gradient.T @ gradient / len(x))
    for form in (
        closed_forms.covariance,
        closed_forms.first_order_second_moment,
        closed_forms.exact_second_moment,
    ):
        weighted = expansion.residual[:, None] * gradient
        close(form(expansion, 1.0), weighted.T @ weighted / len(x))


@pytest.mark.parametrize("keep_prob", [0.0, -0.1, 1.5])
def test_an_impossible_keep_probability_is_refused(keep_prob):
    with pytest.raises(ConfigurationError, match="keep_prob"):
        closed_forms.mask_variance(keep_prob)


def test_several_outputs_and_unknown_names_are_refused():
    with pytest.raises(ConfigurationError, match="one output"):
        closed_forms.expand(FullyConnected((3, 4, 2)), torch.zeros(1, 3), torch.zeros(1), ["layers.0.weight"])
    model, x, y = problem(0, (2,))
    with pytest.raises(ConfigurationError, match=r"layers\.7"):
        closed_forms.expand(model, x, y, ["layers.7.weight"])
