"""The seven objectives against their formulas in float64, Lemma 1 by enumeration of all masks, and what is refused."""

import itertools
import math
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F

from dropscape.dropout.layers import ModuleMasks, masks_in_force, set_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.batch_norm import batch_norms
from dropscape.models.losses import squared_error_per_example, training_loss
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.models.registry import initialised
from dropscape.training.micro_batches import Batches
from dropscape.training.objectives import (
    OBJECTIVES,
    Objective,
    add_gradients,
    check_objective,
    find_objective,
    mean_r1,
    r1_per_example,
)
from tests.training.networks import RESNET, TRANSFORMER, VGG

FNN = {"name": "fnn", "widths": [4, 6, 5, 3], "activation": "tanh"}
R2_OBJECTIVES = [name for name, objective in OBJECTIVES.items() if objective.r2]
PENALTY = 0.3


def network(settings, keep_prob=0.7):
    model = initialised(settings, 0).double()
    set_keep_prob(model, keep_prob)
    for layer in batch_norms(model):
        layer.group = 4
    return model.train()


def examples(settings, n=14):
    generator = torch.Generator().manual_seed(0)
    if settings["name"] == "transformer":
        tokens = torch.randint(1, 8, (n, 10), generator=generator)
        targets = torch.randint(1, 8, (n, 6), generator=generator)
        tokens[::3, 3] = tokens[::2, 8:] = targets[::2, 4:] = 0
        return tokens, targets
    shape = (n, settings["widths"][0]) if settings["name"] == "fnn" else (n, 3, 32, 32)
    inputs = torch.rand(shape, generator=generator, dtype=torch.float64)
    if settings["name"] == "fnn":
        return inputs, torch.randn(n, settings["widths"][-1], generator=generator, dtype=torch.float64)
    return inputs, torch.randint(3, (n,), generator=generator)


def added(objective, model, batches, loss, masks, draw=3):
    model.zero_grad()
    value = add_gradients(objective, model, batches, loss, masks, draw, PENALTY)
    return value, torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def written_out(name, model, inputs, loss_of, masks, r1=None):
    """Value and gradient of paper B's formula, all examples at once, by one graph of torch's autograd."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def risk(noisy):
        with masks_in_force(model, masks, 3, 0) if noisy else nullcontext():
            return loss_of(model(inputs))

    noisy = torch.autograd.grad(risk(True), parameters, create_graph=True)
    r2 = PENALTY / 4 * sum(gradient.square().sum() for gradient in noisy)
    value = {
        "dropout": lambda: risk(True),
        "risk": lambda: risk(False),
        "risk_plus_r1": lambda: risk(False) + r1(),
        "risk_plus_r2": lambda: risk(False) + r2,
        "dropout_minus_r2": lambda: risk(True) - r2,
        "dropout_minus_r1": lambda: risk(True) - r1(),
        "dropout_plus_r2": lambda: risk(True) + r2,
    }[name]()
    gradients = torch.autograd.grad(value, parameters)
    return value.item(), torch.cat([gradient.flatten() for gradient in gradients])


def written_out_r1(model, inputs, keep_prob):
    """Eq. 4 with its two sums, |W_j f_j|^2 for each example i and unit j, for the network 4-6-5-3 of tanh."""

    def value():
        first, second, last = model.layers
        f = torch.tanh(second(torch.tanh(first(inputs))))
        terms = [(last.weight[:, j] * f[i, j]).square().sum() for i in range(len(f)) for j in range(f.shape[1])]
        return (1 - keep_prob) / (2 * len(f) * keep_prob) * sum(terms)

    return value


@pytest.mark.parametrize("output_bias", [True, False])
@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_find_objective_the_squared_error_is_the_papers_formula(name, mask_mode, output_bias):
    model = network(FNN | {"output_bias": output_bias}, (1.0, 0.7))
    (inputs, targets), masks = examples(FNN), ModuleMasks(2, "test", "masks", mask_mode)
    r1 = written_out_r1(model, inputs, 0.7)
    expected, gradient = written_out(
        name, model, inputs, lambda outputs: F.mse_loss(outputs, targets) * 3 / 2, masks, r1
    )
    for size in (20, 5):
        value, ours = added(OBJECTIVES[name], model, Batches(inputs, targets, size), squared_error_per_example, masks)
        assert value == pytest.approx(expected, rel=1e-11)
        torch.testing.assert_close(ours, gradient, rtol=1e-10, atol=1e-14)
    assert len(ours) == 83 if output_bias else 80


@pytest.mark.parametrize("settings", [FNN, VGG, RESNET, TRANSFORMER], ids=lambda settings: settings["name"])
@pytest.mark.parametrize("name", ["risk", *R2_OBJECTIVES])
def test_the_cross_entropy_of_any_network_has_r2(name, settings):
    """The micro-batches hold whole groups of batch norm, or not: none of 20 does, for all examples are in it."""
    inputs, targets = examples(settings)
    if settings is FNN:
        targets = torch.arange(len(inputs)) % 3
    model, masks = network(settings), ModuleMasks(2, "test", "masks")
    loss = training_loss("cross_entropy", targets)

    def mean(outputs):
        if settings is TRANSFORMER:
            return F.cross_entropy(outputs.transpose(1, 2), targets, ignore_index=0)
        return F.cross_entropy(outputs, targets)

    expected, gradient = written_out(name, model, inputs, mean, masks)
    assert gradient.abs().max() > 1e-3
    for size in (20, 4, 8):
        value, ours = added(OBJECTIVES[name], model, Batches(inputs, targets, size), loss, masks)
        assert value == pytest.approx(expected, rel=1e-11)
        torch.testing.assert_close(ours, gradient, rtol=1e-8, atol=1e-10 * float(gradient.abs().max()))


def test_r2_changes_the_gradient_of_what_it_is_added_to():
    (inputs, targets), masks = examples(FNN), ModuleMasks(2, "test", "masks")
    model, batches = network(FNN), Batches(inputs, targets, 5)
    gradients = {
        name: added(objective, model, batches, squared_error_per_example, masks)[1]
        for name, objective in OBJECTIVES.items()
        if not objective.r1
    }
    plus, minus = (gradients[f"dropout_{sign}_r2"] - gradients["dropout"] for sign in ("plus", "minus"))
    torch.testing.assert_close(plus, -minus, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(gradients["risk_plus_r2"] - gradients["risk"], plus, rtol=1e-9, atol=1e-14)
    assert plus.norm() > 1e-2 * gradients["dropout"].norm()


class Enumerated:
    """Stands for ``ModuleMasks``: gives the kept units of the last hidden layer that it was made with."""

    shared = True

    def __init__(self, kept):
        self.kept = kept

    def mask(self, draw, layer, keep_prob, start, shape, device):
        return self.kept[start : start + shape[0]] if len(self.kept) > 1 else self.kept


@pytest.mark.parametrize("keep_prob", [0.3, 0.8])
@pytest.mark.parametrize(
    ("widths", "activation"), [((2, 3, 1), "tanh"), ((2, 4, 3, 2), "relu"), ((3, 3, 3), "identity")]
)
@pytest.mark.parametrize("mask_mode", ["shared", "per_example"])
def test_lemma_1_holds_exactly_in_both_mask_modes(mask_mode, widths, activation, keep_prob):
    """E R_S^drop over all masks is R_S + R_1, for several outputs too; R_S + R_1 is the objective's value."""
    torch.manual_seed(1)
    model = MaskedFullyConnected(widths, activation).double()
    set_keep_prob(model, [1.0] * (len(widths) - 3) + [keep_prob])
    n, units = 3, widths[-2]
    inputs, targets = torch.randn(n, widths[0]).double(), torch.randn(n, widths[-1]).double()
    rows = 1 if mask_mode == "shared" else n
    expectation = total = 0.0
    for kept in itertools.product([True, False], repeat=rows * units):
        probability = math.prod(keep_prob if one else 1 - keep_prob for one in kept)
        masks = Enumerated(torch.tensor(kept).view(rows, units))
        with masks_in_force(model, masks, 0, 0):
            expectation += probability * squared_error_per_example(model(inputs), targets).mean().item()
        total += probability
    assert total == pytest.approx(1, rel=1e-12)
    batches = Batches(inputs, targets, 2)
    value, _ = added(find_objective("risk_plus_r1"), model, batches, squared_error_per_example, None)
    assert value == pytest.approx(expectation, rel=1e-12)
    r1 = mean_r1(model, batches, squared_error_per_example)
    risk = squared_error_per_example(model(inputs), targets).mean().item()
    assert r1 == pytest.approx(expectation - risk, rel=1e-9) and r1 > 1e-4


def test_r1_of_each_example_is_the_sum_over_the_units():
    model, (inputs, _) = network(FNN, (1.0, 0.8)), examples(FNN, 5)
    outputs, hidden = model.with_last_hidden(inputs)
    assert torch.equal(outputs, model(inputs)) and torch.equal(hidden, model.hidden(inputs, 2))
    expected = torch.zeros(5, dtype=torch.float64)
    for i, j in itertools.product(range(5), range(5)):
        expected[i] += 0.125 * (model.layers[2].weight[:, j] * hidden[i, j]).square().sum()
    torch.testing.assert_close(r1_per_example(model, hidden), expected, rtol=1e-12, atol=0)


def test_r1_is_not_a_number_where_it_is_not_defined():
    inputs, targets = examples(FNN)
    batches, classes = Batches(inputs, targets, 5), torch.arange(len(inputs)) % 3
    assert mean_r1(network(FNN, (1.0, 0.7)), batches, squared_error_per_example) > 0
    assert mean_r1(network(FNN, 1.0), batches, squared_error_per_example) == 0
    assert math.isnan(mean_r1(network(FNN, 0.7), batches, squared_error_per_example))
    assert math.isnan(mean_r1(network(FNN, (1.0, 0.7)), batches, training_loss("cross_entropy", classes)))


@pytest.mark.parametrize(
    ("settings", "keep_prob", "loss", "message"),
    [
        (FNN, (1.0, 0.7), "cross_entropy", "dropout in dropouts.1 and the loss cross_entropy_per_example; write loss"),
        (FNN, 0.7, "mse", "dropout in dropouts.0, dropouts.1 and the loss squared_error_per_example; write loss: mse"),
        (VGG, 1.0, "mse", "this is a Chain with dropout in no layer"),
    ],
)
def test_r1_is_refused_where_it_is_not_defined(settings, keep_prob, loss, message):
    targets = torch.zeros(3, 3) if loss == "mse" else torch.zeros(3, dtype=torch.int64)
    model, loss = network(settings, keep_prob), training_loss(loss, targets)
    for name in ("risk_plus_r1", "dropout_minus_r1"):
        with pytest.raises(ConfigurationError, match=message):
            check_objective(find_objective(name), model, loss)
    for name in ("dropout", "risk", *R2_OBJECTIVES):
        check_objective(find_objective(name), model, loss)


def test_an_unknown_objective_is_named_with_the_known_ones():
    assert find_objective("dropout") == Objective(dropout=True)
    with pytest.raises(ConfigurationError, match="objective is 'noise'; write one of dropout, risk, risk_plus_r1,"):
        find_objective("noise")
