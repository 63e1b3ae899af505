"""A network cut before a block gives the network's outputs, whatever the cut and the batching."""

import pytest
import torch
from torch import nn

from dropscape.errors import ConfigurationError
from dropscape.models import prefix_suffix as module
from dropscape.models.fnn import FullyConnected
from dropscape.models.prefix_suffix import batches, count, split_network
from dropscape.numerics.devices import Budget
from tests.toy_models import Convolutional, attentive, convolutional


def fully_connected():
    return FullyConnected((4, 5, 6, 3), "tanh"), torch.randn(9, 4), None


def sequential():
    return (
        nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Sequential(nn.Linear(5, 5), nn.ReLU()), nn.Linear(5, 2)),
        (torch.randn(9, 4)),
        None,
    )


CASES = [
    (convolutional, ("second.weight", "short.bias")),
    (convolutional, ("stem.0.weight",)),
    (attentive, ("query.weight",)),
    (fully_connected, ("layers.2.weight", "layers.1.bias")),
    (sequential, ("2.0.weight",)),
]


@pytest.mark.parametrize("cache", [0, 2**30])
@pytest.mark.parametrize(("build", "block"), CASES)
def test_outputs_are_the_models(build, block, cache, monkeypatch):
    monkeypatch.setattr(module, "CACHE_BYTES", Budget(cache, 0))
    model, inputs, _ = build()
    cut = split_network(model, block, inputs, torch.float64)
    assert [value.requires_grad for value in cut.network.parameters()].count(True) == len(block)
    doubled = module.cast(inputs, torch.float64)
    prepared, run = cut.prepared(doubled, batch=2)
    outputs = torch.cat([run(few) for few in batches(prepared, 4)])
    torch.testing.assert_close(outputs, model.double()(doubled), rtol=1e-12, atol=1e-12)
    assert outputs.requires_grad and count(prepared) == count(inputs)


@pytest.mark.parametrize(("build", "block", "computed"), [(sequential, ("3.bias",), 5), (sequential, ("0.bias",), 4)])
def test_sequential_is_cut_before_the_first_child_that_reads_the_block(build, block, computed):
    model, inputs, _ = build()
    prepared, _ = split_network(model, block, inputs, torch.float32).prepared(inputs)
    assert prepared.shape == (9, computed)
    assert torch.equal(prepared, model[: int(block[0][0])](inputs))


def test_cut_follows_the_copy_not_the_caller():
    model, inputs, _ = convolutional()
    cut = split_network(model, ("first.weight",), inputs, torch.float32)
    with torch.no_grad():
        cut.block["first.weight"].zero_()
    assert not torch.equal(cut.suffix(cut.prefix(inputs)), model(inputs))


def test_wrong_split_is_refused():
    class Wrong(Convolutional):
        def split(self, block):
            return self.stem, lambda x: self.body(x) + 1

    with pytest.raises(ConfigurationError, match=r"Wrong\.split\(\['first\.weight'\]\)"):
        split_network(Wrong().eval(), ("first.weight",), torch.randn(3, 2, 6, 6), torch.float32)


def test_prefix_that_reads_the_block_is_refused():
    class Late(Convolutional):
        def split(self, block):
            return self.stem, self.body

    with pytest.raises(ConfigurationError, match="a prefix that reads the block"):
        split_network(Late().eval(), ("stem.1.bias",), torch.randn(3, 2, 6, 6), torch.float32)


def test_unknown_parameter_is_named():
    model, inputs, _ = convolutional()
    with pytest.raises(ConfigurationError, match=r"third\.weight"):
        split_network(model, ("third.weight",), inputs, torch.float32)
