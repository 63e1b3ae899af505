"""Scores of many sub-networks at once against one masked forward pass for each."""

import pytest
import torch

from dropscape.subnetworks import evaluation
from dropscape.subnetworks.evaluation import accuracies, subnetwork_scores
from tests.subnetworks.networks import SMALL, drawn, reference

KEEP_PROB = 0.3


@pytest.fixture(params=[(1024, 2000, 250), (7, 11, 4)], ids=["whole", "chunks"])
def chunks(request, monkeypatch):
    monkeypatch.setitem(evaluation.TILES, "cpu", evaluation.Tiles(*request.param))


@pytest.fixture
def subnetworks():
    """The full network, one without any unit, and random ones."""
    masks = torch.rand(9, SMALL.width, generator=torch.Generator().manual_seed(2)) < KEEP_PROB
    masks[0], masks[1] = True, False
    scales = torch.full((9,), 1 / KEEP_PROB, dtype=torch.float64)
    scales[0] = 1
    return masks, scales


def test_scores_are_those_of_masked_passes(chunks, subnetworks):
    parameters, images, _ = drawn(n=37)
    module = reference(SMALL, parameters)
    scores = subnetwork_scores(parameters, images, *subnetworks)
    assert scores.shape == (9, SMALL.classes, 37) and not scores.requires_grad
    for ours, mask, scale in zip(scores, *subnetworks, strict=True):
        torch.testing.assert_close(ours.T, module(images, mask, scale))
    torch.testing.assert_close(scores[0].T, module(images))
    torch.testing.assert_close(scores[1].T, parameters["output_bias"].expand(37, -1))


def test_accuracies_are_shares_of_right_answers(chunks, subnetworks):
    parameters, images, labels = drawn(n=37)
    module = reference(SMALL, parameters)
    measured = accuracies(parameters, images, labels, *subnetworks)
    answers = [module(images, *subnetwork).argmax(1) for subnetwork in zip(*subnetworks, strict=True)]
    assert measured.dtype == torch.float64
    assert measured.tolist() == pytest.approx([float((answer == labels).double().mean()) for answer in answers])
    assert len(set(measured.tolist())) > 3


def test_float32_scores_are_near_those_of_float64(subnetworks):
    masks, scales = subnetworks
    parameters, images, _ = drawn()
    single = {name: value.float() for name, value in parameters.items()}
    scores = subnetwork_scores(single, images.float(), masks, scales.float())
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.double(), subnetwork_scores(parameters, images, *subnetworks), atol=1e-5, rtol=0)
