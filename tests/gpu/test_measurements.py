"""Measurements of networks that are on the GPU: curvature, flatness and alignment as on the processor."""

import numpy as np
import pytest
import torch
from torch import nn

from dropscape.curvature.eigenpairs import eigenpairs, residual_norms
from dropscape.curvature.estimates import trace_and_norm
from dropscape.curvature.hessian import block_hessian, hessian_products
from dropscape.curvature.spectrum import spectrum
from dropscape.errors import ConfigurationError
from dropscape.flatness.interpolation import interpolated_losses
from dropscape.flatness.interval import interval_flatness
from dropscape.flatness.slices import loss_slice
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import training_loss
from dropscape.models.registry import initialised
from dropscape.noise.alignment import alignment
from dropscape.sampling.gradients import dropout_gradients
from dropscape.sampling.ratio import loss_gradient_ratio
from dropscape.training.translation import greedy_translations
from tests.dropout_models import dropout_model
from tests.gpu.compared import assert_close, moved
from tests.gpu.pretended import pretended
from tests.training.networks import RESNET, TRANSFORMER, VGG


def network(name):
    torch.manual_seed(0)
    made = {
        "relu": lambda: FullyConnected([6, 5, 4, 3]),
        "tanh": lambda: FullyConnected([6, 5, 4, 3], "tanh"),
        "sequence": lambda: nn.Sequential(nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 3)),
        "vgg": lambda: initialised(VGG, 0),
        "resnet": lambda: initialised(RESNET, 0),
        "transformer": lambda: initialised(TRANSFORMER, 0),
    }
    return made[name]().eval()


def examples(name, n=7, loss="cross_entropy"):
    generator = torch.Generator().manual_seed(1)
    if name == "transformer":
        tokens, targets = (torch.randint(1, 8, (n, width), generator=generator) for width in (10, 6))
        return tokens, targets, training_loss("cross_entropy", targets)
    shape = (3, 32, 32) if name in ("vgg", "resnet") else (6,)
    inputs = torch.randn(n, *shape, generator=generator)
    if loss == "mse":
        return inputs, torch.randn(n, 3, generator=generator), loss
    return inputs, torch.randint(3, (n,), generator=generator), loss


def on_both(measure, *arguments):
    """What a function gives on the processor and on the GPU, and the counts."""
    expected = measure(*arguments)
    with pretended() as counts:
        torch.backends.cudnn.allow_tf32 = False  # as in every job
        found = moved(measure(*moved(arguments)), "cpu")
    assert counts.of("calls") > 0
    assert counts.of("unrepeatable") == 0, counts.described("unrepeatable")
    assert_close(found, expected)
    return counts


HESSIANS = {
    "kronecker": ("relu", ["layers.1.weight", "layers.1.bias"], "cross_entropy"),
    "kronecker, first layer": ("relu", ["layers.0.weight"], "mse"),
    "jacobian": ("vgg", ["block3.conv3.weight", "block3.conv3.bias"], "cross_entropy"),
    "jacobian, residual": ("resnet", ["stage1.0.conv1.weight"], "mse"),
    "preactivations": ("tanh", ["layers.1.weight", "layers.1.bias"], "cross_entropy"),
    "preactivations, sentences": ("transformer", ["decoder.0.self_attention.queries.weight"], "cross_entropy"),
    "products": ("tanh", ["layers.1.weight", "layers.2.bias"], "mse"),
    "products, any network": ("sequence", ["0.weight", "2.weight"], "cross_entropy"),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_hessians(name):
    kind, block, loss = HESSIANS[name]
    inputs, targets, loss = examples(kind, loss=loss)

    def measure(model, inputs, targets):
        hessian = block_hessian(model, block, (inputs, targets), loss, dtype=torch.float64)
        assert hessian.method == name.partition(",")[0] and hessian.matrix.device == inputs.device
        return hessian.matrix

    on_both(measure, network(kind), inputs, targets)


@pytest.mark.parametrize("kind", ["relu", "vgg", "tanh"])
def test_products_eigenvalues_and_estimates_with_them(kind):
    block = ["block3.conv3.weight"] if kind == "vgg" else ["layers.1.weight"]
    inputs, targets, loss = examples(kind)

    def measure(model, inputs, targets):
        products = hessian_products(model, block, (inputs, targets), loss, dtype=torch.float64)
        size = model.get_parameter(block[0]).numel()
        vectors = torch.randn(3, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        extreme = spectrum(model, block, (inputs, targets), loss, top=3, dtype=torch.float64, max_products=12)
        samples = np.random.default_rng(0).normal(size=(5, size))
        measured = alignment(products.multiply, samples, products=9)
        return [
            products.multiply(vectors.to(inputs.device)),
            trace_and_norm(products.multiply, size, products=9),
            extreme.eigenvalues,
            [measured.trace_h_sigma, measured.cosine, measured.hessian_norm],
        ]

    on_both(measure, network(kind), inputs, targets)


def test_eigenpairs():
    root = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def measure(matrix):
        values, vectors = eigenpairs(matrix)
        assert float(residual_norms(matrix, values, vectors).max()) < 1e-12 and values.device == matrix.device
        return [values, vectors.abs()]

    on_both(measure, root @ root.T)


@pytest.mark.parametrize("kind", ["relu", "tanh", "vgg", "transformer"])
def test_flatness_along_directions(kind):
    block = {"vgg": ["output.weight"], "transformer": ["output.logits.weight"]}.get(kind, ["layers.1.weight"])
    inputs, targets, loss = examples(kind)
    model = network(kind).double()
    if inputs.is_floating_point():
        inputs = inputs.double()
    directions = torch.randn(2, model.get_parameter(block[0]).numel(), generator=torch.Generator().manual_seed(0))
    directions = directions.double() / directions.double().norm(dim=1, keepdim=True)

    def measure(model, inputs, targets, directions):
        measured = interval_flatness(
            model, block, (inputs, targets), directions=directions, factors=(1.1, 1.3), loss=loss
        )
        return [measured.left, measured.right, measured.loss0]

    on_both(measure, model, inputs, targets, directions)


@pytest.mark.parametrize("kind", ["relu", "resnet", "transformer"])
def test_slices(kind):
    inputs, targets, loss = examples(kind)
    on_both(
        lambda model, inputs, targets: (
            loss_slice(model, None, (inputs, targets), loss, alphas=[-0.5, 0.0, 0.5], directions=2, seed=3).table
        ),
        network(kind),
        inputs,
        targets,
    )


def test_losses_between_end_points():
    one, other = (initialised({"name": "fnn", "widths": [6, 5, 3]}, seed).eval() for seed in (0, 1))
    inputs, targets, loss = examples("relu")
    on_both(
        lambda one, other, inputs, targets: interpolated_losses(one, other, inputs, targets, [0, 0.4, 1], loss),
        one,
        other,
        inputs,
        targets,
    )


@pytest.mark.parametrize("kind", ["vgg", "transformer"])
def test_sampled_gradients_and_the_ratio(kind):
    block = {"vgg": ["block2.conv1.weight"], "transformer": ["decoder.0.feed_forward.0.weight"]}[kind]
    inputs, targets, loss = examples(kind)
    if loss == "cross_entropy":
        loss = training_loss(loss, targets)

    def measure(model, inputs, targets):
        options = {"keep_prob": 0.8, "samples": 2, "seed": 3, "micro_batch": 4, "device": inputs.device.type}
        gradients = dropout_gradients(model, block, (inputs, targets), loss, **options).samples
        return [gradients, loss_gradient_ratio(model, inputs, targets, loss, **options)]

    on_both(measure, network(kind), inputs, targets)


@pytest.mark.parametrize("name", ["attention", "encoder", "convolutional", "gpt"])
def test_sampled_gradients_of_models_with_torchs_dropout(name):
    model, block, inputs, targets, _ = dropout_model(name)

    def measure(model, inputs, targets):
        return [dropout_gradients(model, block, (inputs, targets), samples=2, micro_batch=2).samples]

    on_both(measure, model, inputs, targets)


def test_random_numbers_of_a_forward_pass_are_found_on_a_gpu_too():
    class Own(torch.nn.Linear):
        def forward(self, x):
            return torch.nn.functional.dropout(super().forward(x), 0.5, self.training)

    def measure(model, inputs, targets):
        with pytest.raises(ConfigurationError, match="draws random numbers in its own forward"):
            dropout_gradients(model, "weight", (inputs, targets), samples=1)
        return []

    on_both(measure, Own(3, 2), torch.rand(4, 3), torch.tensor([0, 1, 0, 1]))


def test_translations():
    sources = torch.randint(1, 8, (5, 4), generator=torch.Generator().manual_seed(0))
    on_both(lambda model, sources: greedy_translations(model, sources, 6, batch=3), network("transformer"), sources)
