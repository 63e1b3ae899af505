"""Counts of one pass against closed forms and against the networks themselves."""

import pytest
from torch import nn

from dropscape.cost_model.network import counted_network
from dropscape.models.registry import build
from dropscape.models.settings import network_kind


def settings(block=("layers.1.weight",), **model):
    data = {"train_examples": 2048, "max_tokens": None}
    return {"model": model, "block": list(block), "data": data, "keep_prob": 0.5}


def counted(settings):
    shape = network_kind(settings["model"]["name"])(**settings["model"]).input_shape(settings["data"])
    return counted_network(settings, shape)


def test_a_fully_connected_network_is_its_products():
    widths = [784, 50, 30, 10]
    network = counted(settings(name="fnn", widths=widths, activation="relu", output_bias=True))
    products = 784 * 50 + 50 * 30 + 30 * 10
    assert network.flops == 2 * products
    assert network.parameters == products + 50 + 30 + 10
    assert network.block == 50 * 30


def test_what_a_pass_keeps_for_its_gradient_is_what_its_layers_read_and_what_softmax_puts_out():
    described = settings(name="fnn", widths=[784, 50, 30, 10], activation="relu", output_bias=True)
    hidden = 50 + 30  # with masks, both as the activation puts it out and as the mask does
    assert counted(described).kept == pytest.approx(4 * (784 + 2 * hidden + 10))
    assert counted(described | {"keep_prob": 1.0}).kept == pytest.approx(4 * (784 + hidden + 10))


def test_vgg9_keeps_the_memory_that_was_measured():
    """2,048 images of full-batch descent took 5.4 GB on a processor, images and interpreter included."""
    kept = 2048 * counted(settings(["block1.conv1.weight"], name="vgg9", classes=10)).kept
    assert 4.5e9 < kept < 5.4e9


def test_passes_of_a_fully_connected_network_are_its_products_and_what_its_kernels_move():
    described = settings(name="fnn", widths=[784, 50, 30, 10], activation="relu", output_bias=True)
    forward, block, training = (counted(described).passes[kind] for kind in ("forward", "block", "training"))
    first, second, third = 784 * 50, 50 * 30, 30 * 10
    assert forward.flops == 2 * (first + second + third)
    assert block.flops == forward.flops + 2 * (third + second)  # back through the third layer, and the block's gradient
    assert training.flops == forward.flops + 2 * (2 * third + 2 * second + first)
    assert forward.kernels == 7  # three layers, two activations, the loss's two
    assert forward.kernels < block.kernels < training.kernels
    # Each layer reads what the one before it put out, an activation reads and writes, and so does log-softmax.
    numbers = 784 + 50 + 2 * 50 + 50 + 30 + 2 * 30 + 30 + 10 + 2 * 10 + 10
    parameters = first + second + third + 90
    assert forward.moved == pytest.approx(4 * (numbers + parameters / 4096), rel=0.02)
    plain = counted(described | {"keep_prob": 1}).passes
    assert plain["forward"] == forward and plain["block"] == plain["unmasked"] == counted(described).passes["unmasked"]
    # A mask is one kernel, and one more on the way back; here there are two.
    assert plain["training"].kernels + 4 == training.kernels and plain["training"].flops == training.flops


def test_gradients_of_convolutions_read_and_write_what_they_pass():
    described = settings(["block1.conv1.weight"], name="vgg9", classes=10, width=1.0)
    passes = counted(described | {"keep_prob": 1}).passes
    assert 1.9 < passes["block"].flops / passes["forward"].flops < 2.1
    assert 2.9 < passes["training"].flops / passes["forward"].flops < 3.1
    assert 2 < passes["block"].moved / passes["forward"].moved < 4


# The published numbers: parameters and multiplications in millions; VGG-16's without its three dense layers.
@pytest.mark.parametrize(
    ("model", "parameters", "products"),
    [
        ({"name": "resnet20", "classes": 10, "width": 16, "blocks": 3}, 0.27, 41),
        ({"name": "resnet18", "classes": 10, "width": 64}, 11.2, 556),
        ({"name": "vgg16", "classes": 10, "width": 1.0}, 15.0, 313),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_published_networks(model, parameters, products):
    block = next(name for name, _ in build(model).named_parameters())
    network = counted(settings([block], **model))
    assert network.parameters / 1e6 == pytest.approx(parameters, rel=0.02)
    assert network.flops / 2e6 == pytest.approx(products, rel=0.02)


def test_convolutions_of_half_the_width_take_a_quarter():
    whole, half = (
        counted(settings(["block1.conv1.weight"], name="vgg9", classes=10, width=width)) for width in (1.0, 0.5)
    )
    assert half.activations / whole.activations == pytest.approx(1 / 2, rel=0.01)
    assert half.flops / whole.flops == pytest.approx(1 / 4, rel=0.02)
    assert half.layers == whole.layers


def test_a_transformer_has_the_examples_words_and_lengths():
    model = {"name": "transformer", "d_model": 50, "d_k": 20, "d_ff": 256, "heads": 4, "layers": 3}
    block = ["decoder.0.self_attention.queries.weight"]
    network = counted(settings(block, **model))
    assert network.block == 50 * 4 * 20
    short = settings(block, **model) | {"data": {"train_examples": 128, "max_tokens": 10}}
    assert counted(short).flops < network.flops / 2
    assert counted(short).parameters < network.parameters


def test_nothing_is_computed(monkeypatch):
    """The largest network is counted without the memory that its parameters would take."""
    monkeypatch.setattr(nn.Linear, "reset_parameters", lambda self: None)
    network = counted(settings(name="fnn", widths=[10, 400_000, 400_000, 10], activation="relu", output_bias=False))
    assert network.parameters > 1.6e11


def test_a_custom_network_is_not_counted():
    with pytest.raises(LookupError, match="the input shape of a custom network is not known"):
        counted(settings(name="custom", function="mine:network", arguments={}))
