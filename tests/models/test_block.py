"""Blocks and their vectors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dropscape.errors import ConfigurationError
from dropscape.models.block import block_parameters, block_vector, dense_layer_of_block, split_vector
from dropscape.models.fnn import FullyConnected

NETWORK = FullyConnected((4, 6, 5, 3))
NAMES = [name for name, _ in NETWORK.named_parameters()]
BLOCKS = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)


def test_the_vector_is_the_weight_row_by_row_then_the_bias():
    vector = block_vector(NETWORK, ("layers.1.weight", "layers.1.bias"))
    weight, bias = NETWORK.layers[1].weight, NETWORK.layers[1].bias
    assert vector.shape == (5 * 6 + 5,) and vector.dtype == torch.float32 and not vector.requires_grad
    for row in range(5):
        assert torch.equal(vector[6 * row : 6 * row + 6], weight[row])
    assert torch.equal(vector[30:], bias)


@given(BLOCKS)
def test_splitting_undoes_the_vector_in_the_order_of_the_block(block):
    pieces = split_vector(NETWORK, block, block_vector(NETWORK, block))
    assert list(pieces) == block
    for name, value in block_parameters(NETWORK, block).items():
        assert torch.equal(pieces[name], value)


@given(BLOCKS, st.lists(st.integers(1, 3), max_size=2))
def test_leading_dimensions_are_kept_and_pieces_are_views(block, leading):
    size = block_vector(NETWORK, block).numel()
    vectors = torch.rand(*leading, size)
    pieces = split_vector(NETWORK, block, vectors)
    shapes = block_parameters(NETWORK, block)
    assert all(piece.shape == (*leading, *shapes[name].shape) for name, piece in pieces.items())
    assert torch.equal(torch.cat([piece.reshape(*leading, -1) for piece in pieces.values()], dim=-1), vectors)
    next(iter(pieces.values())).zero_()
    assert (vectors[..., : shapes[block[0]].numel()] == 0).all()


def test_an_unknown_parameter_is_named_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"'layers\.3\.weight', which the model does not have; write one of"):
        block_vector(NETWORK, ("layers.1.weight", "layers.3.weight"))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (["layers.1.weight"], (2, False)),
        (("layers.1.weight", "layers.1.bias"), (2, True)),
        (["layers.10.weight"], (11, False)),
        (["layers.1.bias"], None),
        (["layers.1.bias", "layers.1.weight"], None),
        (["layers.1.weight", "layers.2.bias"], None),
        (["layers.1.weight", "layers.2.weight"], None),
        (["layers.1.weight", "layers.1.bias", "layers.2.weight"], None),
        (["layers.one.weight"], None),
        (["conv1.weight"], None),
        ([], None),
    ],
)
def test_a_block_of_one_dense_layer_is_recognised(block, expected):
    assert dense_layer_of_block(block) == expected
