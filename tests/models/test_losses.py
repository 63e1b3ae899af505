"""Losses against torch's in float64 and against exact arithmetic where they are tiny."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dropscape.errors import ConfigurationError
from dropscape.models.losses import (
    LOSSES,
    PADDING,
    correct_predictions,
    cross_entropy_per_example,
    encodes_classes,
    output_loss,
    smoothed_entropy,
    squared_error_per_example,
    training_loss,
)

OUTPUTS = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.floats(-50, 50, allow_subnormal=False)
)


@given(OUTPUTS, st.randoms(use_true_random=False))
def test_cross_entropy_equals_torch(outputs, random):
    z = torch.tensor(outputs)
    targets = torch.tensor([random.randrange(z.shape[1]) for _ in range(len(z))])
    ours = cross_entropy_per_example(z, targets)
    torch.testing.assert_close(ours, F.cross_entropy(z, targets, reduction="none"), rtol=1e-12, atol=1e-13)
    assert (ours >= 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", [1.0, 10.0, 30.0, 80.0])
def test_a_tiny_loss_keeps_its_digits(dtype, gap):
    """log(1 + 2 e^-gap); logsumexp(z) - z_y would be 0 from a gap of 17 on in float32."""
    z = torch.tensor([[gap + 8, 8.0, 8.0]], dtype=dtype)
    ours = cross_entropy_per_example(z, torch.tensor([0]))
    assert ours.dtype == dtype
    assert ours.item() == pytest.approx(math.log1p(2 * math.exp(-gap)), rel=20 * gap * torch.finfo(dtype).eps)


@pytest.mark.parametrize("gap", [-95.0, -20.0, 0.0, 20.0, 80.0, 95.0])
def test_the_hessian_of_a_confident_prediction_keeps_its_digits(gap):
    """diag(p) - p p^T in float32, to the accuracy of its largest entry; logaddexp gave NaN above a gap of 88."""
    z = torch.tensor([gap, 0.0, 0.0], requires_grad=True)
    (slope,) = torch.autograd.grad(cross_entropy_per_example(z[None], torch.tensor([0])).sum(), z, create_graph=True)
    hessian = torch.stack([torch.autograd.grad(one, z, retain_graph=True)[0] for one in slope])
    p = [1 / (1 + 2 * math.exp(-gap)), 1 / (2 + math.exp(gap)), 1 / (2 + math.exp(gap))]
    rest = [2 * p[1], p[0] + p[1], p[0] + p[1]]  # 1 - p without its rounding
    expected = torch.tensor([[p[i] * rest[i] if i == j else -p[i] * p[j] for j in range(3)] for i in range(3)])
    torch.testing.assert_close(hessian, expected, rtol=0, atol=1e-5 * float(expected.max()))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    torch.manual_seed(0)
    z = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 2, 1, 1]) if loss == "cross_entropy" else torch.randn(4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda outputs: output_loss(loss)(outputs, targets), z)
    assert torch.autograd.gradgradcheck(lambda outputs: output_loss(loss)(outputs, targets), z)


def test_squared_error_has_the_papers_half_and_sums_over_outputs():
    outputs, targets = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 4.0], [3.0, 0.0]])
    assert squared_error_per_example(outputs, targets).tolist() == [2.5, 4.5]
    expected = 0.5 * F.mse_loss(outputs, targets, reduction="none").sum(dim=1).mean()
    assert squared_error_per_example(outputs, targets).mean() == expected


@pytest.mark.parametrize("targets", [torch.zeros(3), torch.zeros(3, 4), torch.zeros(3, 4, dtype=torch.int64)])
def test_cross_entropy_refuses_targets_that_are_no_class_numbers(targets):
    with pytest.raises(ConfigurationError, match=r"needs targets of shape .* write loss 'mse'"):
        cross_entropy_per_example(torch.zeros(3, 4), targets)


@pytest.mark.parametrize("targets", [torch.zeros(3, dtype=torch.int64), torch.zeros(4, 3), torch.zeros(3, 1)])
def test_squared_error_refuses_targets_of_another_shape(targets):
    with pytest.raises(ConfigurationError, match=r"needs targets of the outputs' shape .* write loss 'cross_entropy'"):
        squared_error_per_example(torch.zeros(3, 4), targets)


def test_an_unknown_loss_is_named_with_the_known_ones():
    with pytest.raises(ConfigurationError, match="loss is 'hinge'; write one of cross_entropy, mse"):
        output_loss("hinge")


def sentences(n=5, length=6, vocabulary=7):
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(n, length, vocabulary, generator=generator, dtype=torch.float64)
    tokens = torch.randint(1, vocabulary, (n, length), generator=generator)
    for row, end in enumerate((6, 2, 4, 1, 5)):
        tokens[row, end:] = PADDING
    return outputs, tokens


def smoothed(outputs, classes, epsilon):
    """Cross-entropy with targets that are smoothed here, one value a prediction."""
    targets = torch.nn.functional.one_hot(classes, outputs.shape[-1]) * (1 - epsilon) + epsilon / outputs.shape[-1]
    return -(targets * outputs.log_softmax(-1)).sum(-1)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_loss_of_sentences_is_the_mean_over_tokens_whatever_the_batching(epsilon):
    outputs, tokens = sentences()
    expected = smoothed(outputs, tokens, epsilon)[tokens != PADDING].mean()
    loss = training_loss("cross_entropy", tokens, epsilon)
    torch.testing.assert_close(loss(outputs, tokens).mean(), expected)
    chunks = [loss(outputs[chunk], tokens[chunk]) for chunk in (slice(0, 2), slice(2, 5))]
    torch.testing.assert_close(torch.cat(chunks).mean(), expected)


def test_smoothed_classes_are_torchs_and_never_below_their_entropy():
    outputs, tokens = sentences()
    loss = training_loss("cross_entropy", tokens[:, 0], 0.1)
    expected = torch.nn.functional.cross_entropy(outputs[:, 0], tokens[:, 0], label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(loss(outputs[:, 0], tokens[:, 0]), expected)
    count = outputs.shape[-1]
    best = torch.full((count, count), 0.1 / count, dtype=torch.float64).fill_diagonal_(0.9 + 0.1 / count).log()
    floor = smoothed_entropy(count, 0.1)
    assert (expected > floor).all()
    torch.testing.assert_close(loss(best, torch.arange(count)), torch.full((count,), floor, dtype=torch.float64))


def test_without_smoothing_the_loss_of_classes_and_values_is_the_plain_one():
    assert training_loss("cross_entropy", torch.zeros(3, dtype=torch.int64)) is cross_entropy_per_example
    assert training_loss("mse", torch.zeros(3, 2)) is LOSSES["mse"]
    with pytest.raises(ConfigurationError, match=r"label_smoothing is 0\.1 with loss 'mse'"):
        training_loss("mse", torch.zeros(3, 2), 0.1)


def test_predictions_are_counted_without_padding():
    outputs, tokens = sentences()
    outputs = torch.nn.functional.one_hot(tokens, 7).double()
    outputs[0, 0] = torch.arange(7)  # predicts 6
    assert [int(count) for count in correct_predictions(outputs, tokens)] == [17 + (tokens[0, 0] == 6), 18]
    of_classes = [4 + (tokens[0, 0] == 6), 5]
    assert [int(count) for count in correct_predictions(outputs[:, 0], tokens[:, 0])] == of_classes
    encoded = torch.nn.functional.one_hot(tokens[:, 0], 7).double()
    assert [int(count) for count in correct_predictions(outputs[:, 0], encoded)] == of_classes


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (torch.tensor([2, 0]), True),
        (torch.tensor([[3, 1], [2, 0]]), True),
        (torch.eye(3), True),
        (torch.tensor([[1.0], [1.0]]), False),
        (torch.tensor([[1.0, 1.0], [0.0, 1.0]]), False),
        (torch.tensor([[0.5, 0.5], [0.0, 1.0]]), False),
        (torch.tensor([[2.0, -1.0], [0.0, 1.0]]), False),
    ],
)
def test_values_are_classes_where_each_row_is_one_and_zeros(targets, expected):
    assert encodes_classes(targets) is expected
