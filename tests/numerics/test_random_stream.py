"""Random numbers by the number of their draw: their distribution, and what they depend on."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from dropscape.errors import ConfigurationError
from dropscape.numerics import random_stream
from dropscape.numerics.devices import Budget
from dropscape.numerics.random_stream import RandomStream
from dropscape.numerics.seeds import derived_seed
from dropscape.numerics.split_mix import STRIDE, outputs

STREAM = RandomStream(0, "test", "numbers")


@pytest.mark.parametrize("draw, first, count", [(0, 0, 5), (3, 0, 1000), (2**28 - 1, 10**9, 17)])
def test_outputs_are_a_stretch_of_the_generators(draw, first, count):
    expected = outputs(derived_seed(0, "test", "numbers"), draw * STRIDE + first, count)
    for found in (
        STREAM.outputs(draw, first, count),
        STREAM.outputs_by_torch(draw, first, count, "cpu"),
        STREAM.outputs_by_torch(torch.tensor(draw), first, count, "cpu"),
    ):
        assert np.array_equal(found.numpy().view(np.uint64), expected)


def test_more_numbers_than_a_draw_has_are_refused():
    with pytest.raises(ConfigurationError, match="one draw has"):
        STREAM.outputs(0, STRIDE - 3, 4)


def test_uniform_numbers():
    numbers = STREAM.uniforms(2, (300, 700))
    assert numbers.dtype == torch.float64 and numbers.min() >= 0 and numbers.max() < 1
    assert stats.kstest(numbers.flatten().numpy(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", [(300, 700), (3, 111, 333), (20_001,)])
def test_normals_are_standard(shape, dtype):
    normals = STREAM.normals(5, shape, dtype)
    assert normals.shape == shape and normals.dtype == dtype
    assert stats.kstest(normals.flatten().double().numpy(), "norm").pvalue > 1e-4
    assert float(normals.abs().max()) < 7


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_tails_are_those_of_a_normal(dtype):
    """Beyond 2, 3 and 4, of four million numbers."""
    normals = torch.cat([STREAM.normals(draw, (10**6,), dtype) for draw in range(4)]).abs()
    for bound in (2, 3, 4):
        found, share = int((normals > bound).sum()), 2 * stats.norm.sf(bound)
        assert stats.binomtest(found, len(normals), share).pvalue > 1e-4


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_two_normals_of_a_pair_are_independent(dtype):
    first, second = STREAM.normals(0, (2, 200_000), dtype).double()
    for one, other in itertools.product((first, first.square() - 1), (second, second.square() - 1)):
        assert abs(float((one * other).mean())) < 5 * float((one * other).std()) / 200_000**0.5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_normals_do_not_depend_on_how_many_are_computed_at_once(dtype, monkeypatch):
    expected = STREAM.normals(1, (9, 11), dtype)
    monkeypatch.setattr(random_stream, "_PAIRS", Budget(7, 7))
    torch.testing.assert_close(STREAM.normals(1, (9, 11), dtype), expected, rtol=1e-6, atol=1e-6)


def test_draws_seeds_stages_and_purposes_are_independent():
    drawn = [
        STREAM.normals(0, (20_000,)),
        STREAM.normals(1, (20_000,)),
        RandomStream(1, "test", "numbers").normals(0, (20_000,)),
        RandomStream(0, "other", "numbers").normals(0, (20_000,)),
        RandomStream(0, "test", "others").normals(0, (20_000,)),
    ]
    for one, other in itertools.combinations(drawn, 2):
        assert abs(float((one * other).mean())) < 5 / 20_000**0.5
