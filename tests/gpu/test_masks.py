"""Masks have the same bits on every device, whatever is drawn at once, and in replays of a graph."""

import pytest
import torch

from dropscape.dropout.kinds import MaskedAlphaDropout, MaskedChannelDropout
from dropscape.dropout.layers import MaskedDropout, ModuleMasks, masks_in_force
from dropscape.dropout.masks import LayerMasks, MaskStream

STREAM = MaskStream(3, "training", "masks/layer")


@pytest.mark.parametrize("units", [1, 31, 64, 70])
@pytest.mark.parametrize("keep_prob", [0.1, 0.8, 1.0])
def test_the_bits_are_those_of_the_processor(counts, units, keep_prob):
    for draw, start in ((0, 0), (5, 3), (2**31, 1000)):
        expected = STREAM.kept(draw, keep_prob, start, 4, units)
        found = STREAM.kept(draw, keep_prob, start, 4, units, "cuda")
        assert found.is_cuda and torch.equal(found.cpu(), expected)
        number = torch.tensor(draw, device="cuda")
        assert torch.equal(STREAM.kept(number, keep_prob, start, 4, units, "cuda").cpu(), expected)
        x = torch.randn(4, units)
        assert torch.equal(
            STREAM.masked(x.to("cuda"), draw, keep_prob, start).cpu(), STREAM.masked(x, draw, keep_prob, start)
        )


def test_no_example_has_no_mask(counts):
    assert STREAM.kept(0, 0.5, 0, 0, 70, "cuda").shape == STREAM.kept(0, 0.5, 0, 0, 70).shape == (0, 70)


@pytest.mark.parametrize("mode", ["per_example", "shared"])
def test_masks_of_columns_too(counts, mode):
    one, other = (LayerMasks(0.7, (2, 5, 9), [0, 4], "training", "masks", mode, device) for device in ("cpu", "cuda"))
    for draw in (0, 7):
        assert torch.equal(other.mask(draw).cpu(), one.mask(draw))


LAYERS = [
    *((MaskedDropout(0.6), shape) for shape in [(6, 5), (6, 3, 4), (6, 3, 4, 4)]),
    (MaskedChannelDropout(0.6, (1, 2)), (6, 3, 4, 4)),
    (MaskedAlphaDropout(0.6), (6, 3, 4)),
    (MaskedAlphaDropout(0.6, channels=True), (6, 3, 4)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=str)
@pytest.mark.parametrize("mode", ["per_example", "shared"])
def test_a_layer_masks_as_on_the_processor_and_waits_for_nothing(counts, layer, shape, mode):
    values = torch.randn(shape)
    results = []
    for device in ("cpu", "cuda"):
        x = values.to(device, copy=True).requires_grad_()
        counts.reset()
        with masks_in_force(layer, ModuleMasks(1, "training", "masks", mode), 4, 2):
            written = layer(x)
        written.square().sum().backward()
        assert counts.of("waits") == counts.of("to_device") == counts.of("to_processor") == 0
        results.append((written.detach().cpu(), x.grad.cpu()))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_a_graph_draws_the_mask_whose_number_it_reads(counts):
    number, drawn = torch.zeros((), dtype=torch.int64, device="cuda"), []
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        drawn.append(STREAM.kept(number, 0.6, 0, 5, 40, "cuda"))
        number += 1
    for draw in range(3):
        graph.replay()
        assert torch.equal(drawn[0].cpu(), STREAM.kept(draw, 0.6, 0, 5, 40))
