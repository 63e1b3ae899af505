"""The networks of the library: each file defines one, by its name."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from dropscape.discovery import subclasses, submodules
from dropscape.errors import ConfigurationError
from dropscape.models.registry import build, with_data_dimensions
from dropscape.models.settings import NETWORKS, NetworkSettings, network_kind

MODULES = submodules(NETWORKS)
IMAGES = {"classes": 3}
DATA = {"max_tokens": 5}
TEXT = {"source_vocabulary": ["a", "b"], "target_vocabulary": ["c", "d", "e"], "source_length": 6}
# The settings without which each cannot be built; a new network needs a line.
NEEDED = {
    "custom": {"function": "torch.nn:Linear", "arguments": {"in_features": 4, "out_features": 3}},
    "fnn": {"widths": [4, 5, 3]},
    "resnet18": IMAGES | {"width": 2},
    "resnet20": IMAGES | {"width": 2},
    "transformer": {"d_model": 4},
    "vgg16": IMAGES | {"width": 1 / 64},
    "vgg9": IMAGES | {"width": 1 / 32},
}


def test_every_file_defines_one_network_of_its_name():
    assert set(MODULES) == set(NEEDED)
    for name, module in MODULES.items():
        (kind,) = subclasses({name: module}, NetworkSettings)
        assert network_kind(name) is kind
        assert kind.model_fields["name"].annotation.__args__ == (name,)
        assert kind.label and kind(name=name, **NEEDED[name]).title


def test_an_unknown_network_lists_the_known():
    with pytest.raises(ConfigurationError, match=r"model.name is 'vgg'; write one of custom, fnn, .*, vgg9"):
        network_kind("vgg")


@pytest.mark.parametrize("with_dropout", [True, False])
@pytest.mark.parametrize("name", MODULES)
def test_every_network_is_built_from_its_settings_and_reads_one_example(name, with_dropout):
    settings = network_kind(name)(name=name, **NEEDED[name])
    model = build(with_data_dimensions(settings.model_dump(), TEXT), with_dropout)
    assert isinstance(model, nn.Module)
    if name == "custom":
        with pytest.raises(LookupError):
            settings.input_shape(DATA)
        return
    shape = (2, *settings.input_shape(DATA))
    example = torch.zeros(shape, dtype=torch.int64) if settings.translates else torch.zeros(shape)
    outputs = model.eval()(example)
    assert outputs.shape == ((2, 6, 3) if settings.translates else (2, 3))


def test_finding_them_does_not_load_torch():
    code = (
        f"import sys; from dropscape.discovery import submodules; print(len(submodules({NETWORKS!r})));"
        "print('torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == [str(len(MODULES)), "False"]
