"""Networks cut in two: prefix and suffix make the whole, and the prefix holds nothing of the block."""

import pytest
import torch

from dropscape.curvature.layer import Reading, how_it_reads
from dropscape.errors import ConfigurationError
from dropscape.models.prefix_suffix import split
from dropscape.models.registry import initialised
from tests.training.networks import SENTENCES

VGG9 = {"name": "vgg9", "classes": 4, "width": 1 / 32}
VGG16 = {"name": "vgg16", "classes": 4, "width": 1 / 64}
RESNET = {"name": "resnet20", "classes": 4, "width": 2}
RESNET18 = {"name": "resnet18", "classes": 4, "width": 2}
FNN = {"name": "fnn", "widths": [6, 5, 4, 3], "activation": "tanh"}
TRANSFORMER = SENTENCES | {"d_k": 5, "d_ff": 7, "heads": 2, "layers": 2}
CASES = [
    (VGG9, ["block1.conv1.weight"]),
    (VGG9, ["block2.norm1.weight", "block3.conv1.bias"]),
    (VGG9, ["output.weight"]),
    (VGG16, ["dense.linear.weight"]),
    (RESNET, ["stage1.0.conv1.weight"]),
    (RESNET, ["stage2.1.conv2.weight"]),
    (RESNET, ["output.bias", "conv1.weight"]),
    (RESNET18, ["stage2.0.projection.conv.weight"]),
    (FNN, ["layers.1.weight", "layers.1.bias"]),
    (FNN, ["layers.2.weight", "layers.1.bias"]),
    (TRANSFORMER, ["decoder.0.self_attention.queries.weight"]),
    (TRANSFORMER, ["decoder.1.cross_attention.output.weight"]),
    (TRANSFORMER, ["encoder.1.feed_forward.0.bias"]),
    (TRANSFORMER, ["embedding.target.weight"]),
]


def inputs(settings, n=5):
    generator = torch.Generator().manual_seed(0)
    if settings["name"] == "transformer":
        tokens = torch.randint(1, 8, (n, 9), generator=generator)
        tokens[0, 2:4] = tokens[0, 7:] = 0
        return tokens
    shape = (n, 6) if settings["name"] == "fnn" else (n, 3, 32, 32)
    return torch.rand(shape, generator=generator)


def parameters_read(model, values):
    """Names of the parameters that the values depend on."""
    parameters = dict(model.named_parameters())
    if values.grad_fn is None:
        return set()
    gradients = torch.autograd.grad(values.sum(), list(parameters.values()), allow_unused=True)
    return {name for name, gradient in zip(parameters, gradients, strict=True) if gradient is not None}


@pytest.mark.parametrize(("settings", "block"), CASES, ids=lambda case: str(case)[:40])
def test_prefix_then_suffix_is_the_network_and_only_the_suffix_reads_the_block(settings, block):
    model, x = initialised(settings, 0).eval(), inputs(settings)
    prefix, suffix = model.split(block)
    middle = prefix(x)
    assert len(middle) == len(x)
    assert torch.equal(suffix(middle), model(x))
    order = list(dict(model.named_parameters()))
    assert parameters_read(model, middle) <= set(order[: min(order.index(name) for name in block)])
    with torch.no_grad():
        for name in block:
            model.get_parameter(name).mul_(2).add_(0.1)
    assert torch.equal(prefix(x), middle)
    assert torch.equal(suffix(middle), model(x)), "the suffix reads the parameters as they are now"


def test_as_much_as_can_be_stands_before_the_block():
    """Else the cut would be right and useless."""
    expected = {
        "output.weight": (VGG9, lambda name: not name.startswith("output")),
        "layers.1.weight": (FNN, lambda name: name.startswith("layers.0")),
        "stage2.0.conv1.weight": (RESNET, lambda name: name.startswith(("conv1", "norm1", "stage1"))),
        "decoder.0.self_attention.queries.weight": (TRANSFORMER, lambda name: name.startswith(("embed", "encoder"))),
    }
    for block, (settings, stands_before) in expected.items():
        model = initialised(settings, 0).eval()
        read = parameters_read(model, model.split([block])[0](inputs(settings)))
        assert read == {name for name, _ in model.named_parameters() if stands_before(name)}, block


@pytest.mark.parametrize("settings", [FNN, RESNET, VGG9, TRANSFORMER], ids=lambda settings: settings["name"])
def test_a_block_that_is_not_there_is_named(settings):
    with pytest.raises(ConfigurationError, match=r"no\.such\.weight"):
        initialised(settings, 0).split(["no.such.weight"])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [(FNN, False), (FNN | {"activation": "relu"}, True), (RESNET, True), (VGG9, True), (TRANSFORMER, False)],
)
def test_piecewise_linear_networks_are_found(settings, expected):
    """The second derivative of the outputs in one layer's weight is then exactly zero."""
    model, x = initialised(settings, 1).eval(), inputs(settings)
    name = next(name for name, value in model.named_parameters() if name.endswith("weight") and value.ndim > 1)
    name = "decoder.0.self_attention.queries.weight" if settings is TRANSFORMER else name
    assert how_it_reads(model, [name], x) is (Reading.PIECEWISE_LINEAR if expected else Reading.CURVED)
    weight = model.get_parameter(name)
    gradient = torch.autograd.grad(model(x)[0].sum(), weight, create_graph=True)[0]
    assert gradient.abs().max() > 0
    second = torch.autograd.grad(gradient.square().sum(), weight, allow_unused=True)[0]
    assert (second is None or not second.any()) is expected


def test_a_module_without_a_cut_is_all_suffix():
    model, x = torch.nn.Linear(3, 2), torch.rand(4, 3)
    prefix, suffix = split(model, ["weight"], x)
    assert prefix(x) is x and torch.equal(suffix(x), model(x))
