"""Networks by name, and what decides their first parameters."""

import sys

import pytest
import torch

from dropscape.dropout.layers import dropout_layers, set_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.initial import normal_initialised
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.models.registry import build, initialised, keep_probs, with_data_dimensions
from dropscape.training.stacked import initialised as stacked_initialised

FNN = {"name": "fnn", "widths": [5, 4, 3, 2], "activation": "relu"}
SMALL = [
    FNN,
    {"name": "vgg9", "classes": 3, "width": 1 / 32},
    {"name": "vgg16", "classes": 3, "width": 1 / 64},
    {"name": "resnet20", "classes": 3, "width": 2},
    {"name": "resnet18", "classes": 3, "width": 2},
    {"name": "transformer", "source_vocabulary": 5, "target_vocabulary": 6, "source_length": 3, "d_model": 4},
]


@pytest.fixture
def custom_module(tmp_path, monkeypatch):
    (tmp_path / "custom_networks.py").write_text(
        "from torch import nn\ndef small(width): return nn.Linear(width, 2)\ndef number(): return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("custom_networks", None)


@pytest.mark.parametrize("settings", SMALL, ids=lambda settings: settings["name"])
def test_a_seed_decides_the_parameters_and_dropout_does_not(settings):
    torch.manual_seed(5)
    one = initialised(settings, 3)
    set_keep_prob(one, 0.5)
    torch.rand(7)
    two = initialised(settings, 3)
    assert dropout_layers(one)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name
    assert any(not torch.equal(value, dict(initialised(settings, 4).named_parameters())[name])
               for name, value in one.named_parameters())  # fmt: skip


def test_initialising_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    initialised(FNN, 0)
    assert torch.equal(torch.rand(3), expected)


def test_a_fully_connected_network_starts_as_in_the_stacked_training():
    stacked = stacked_initialised(FNN["widths"], "relu", [3])
    for name, value in initialised(FNN, 3).named_parameters():
        assert torch.equal(value, stacked[name][0])


def test_first_parameters_have_the_scales_of_the_settings():
    settings = FNN | {"widths": [40, 50, 60, 2], "initial_scale": [0.1, 2.0, 0.5], "output_bias": False}
    drawn = normal_initialised(settings["widths"], "relu", [0.1, 2.0, 0.5], [3, 4])
    for index, seed in enumerate((3, 4)):
        model = initialised(settings, seed)
        assert all(torch.equal(value, drawn[name][index]) for name, value in model.named_parameters())
    for layer, scale in zip(model.layers, (0.1, 2.0, 0.5), strict=True):
        assert layer.weight.std().item() == pytest.approx(scale, rel=0.15)  # 120 numbers or more: a sigma of 7 %
    assert model.layers[0].bias.std().item() == pytest.approx(0.1, rel=0.4)  # 50 of them: a sigma of 10 %
    assert not model.layers[2].bias.any() and not model.layers[2].bias.requires_grad
    default = initialised(settings | {"initial_scale": None}, 3)
    assert torch.equal(default.layers[0].weight, initialised(FNN | {"widths": settings["widths"]}, 3).layers[0].weight)


def test_a_custom_network(custom_module):
    model = build({"name": "custom", "function": "custom_networks:small", "arguments": {"width": 7}})
    assert model.weight.shape == (2, 7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "lenet"}, "'lenet'; write one of custom, fnn, resnet18, resnet20, transformer, vgg16, vgg9"),
        ({"name": "resnet20", "classes": 3, "depth": 4}, "'resnet20' cannot be built from its settings: .*depth"),
        ({"name": "custom", "function": "nowhere:model", "arguments": {}}, "cannot be imported"),
        ({"name": "custom", "function": "custom_networks:large", "arguments": {}}, "cannot be imported"),
        ({"name": "custom", "function": "custom_networks:number", "arguments": {}}, "returned a int"),
    ],
)
def test_what_is_no_network_is_named(settings, message, custom_module):
    with pytest.raises(ConfigurationError, match=message):
        build(settings)


@pytest.mark.parametrize(
    ("model", "keep_prob", "after", "expected"),
    [
        (FNN, 0.8, 2, (1.0, 0.8)),
        (FNN, [0.8, 0.5], [1, 2], (0.8, 0.5)),
        (FNN, [0.8, 0.5], [2, 1], (0.5, 0.8)),
        (FNN, 0.8, [1, 2], (0.8, 0.8)),
        (FNN, [0.8], [2], (1.0, 0.8)),
        ({"name": "vgg9"}, 0.8, 1, 0.8),
        ({"name": "vgg9"}, [0.8, 1, 1], 1, (0.8, 1, 1)),
    ],
)
def test_keep_probabilities_of_a_run(model, keep_prob, after, expected):
    run = {"model": model, "keep_prob": keep_prob, "dropout_after": after}
    assert keep_probs(run) == expected
    if model is FNN:
        set_keep_prob(build(model), keep_probs(run))


def test_the_data_decides_a_transformers_vocabularies():
    description = {"source_vocabulary": ["a", "b"], "target_vocabulary": ["c"], "source_length": 7, "classes": 5}
    given = with_data_dimensions({"name": "transformer", "d_model": 6}, description)
    assert given == {
        "name": "transformer", "d_model": 6, "source_vocabulary": 2, "target_vocabulary": 1, "source_length": 7
    }  # fmt: skip
    assert build(given).output.logits.weight.shape == (1, 6)
    assert with_data_dimensions(FNN, description) == FNN


def test_a_fully_connected_network_has_a_dropout_layer_after_every_hidden_layer():
    model = build(FNN)
    assert isinstance(model, MaskedFullyConnected) and list(dropout_layers(model)) == ["dropouts.0", "dropouts.1"]
