"""Losses and targets as people have them: the mean is over what counts, as torch has it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dropscape.curvature.hessian import block_hessian
from tests.models_of_people import X, assert_exact, by_autograd, mlp, seeded


def segmentation():
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))


PIXELS = torch.randn(5, 2, 4, 4, generator=torch.Generator().manual_seed(2)).double()
CLASSES = torch.arange(80).view(5, 4, 4) % 3
SOME = CLASSES.clone()
SOME[0, :3] = -100
WEIGHTS = torch.tensor([1.0, 2.0, 3.0]).double()


@pytest.mark.parametrize(
    ("classes", "loss", "options"),
    [
        (CLASSES, "cross_entropy", {}),
        (SOME, "cross_entropy", {}),
        (SOME, nn.CrossEntropyLoss(), {}),
        (SOME, nn.CrossEntropyLoss(reduction="none"), {}),
        (SOME.where(SOME >= 0, 7), nn.CrossEntropyLoss(ignore_index=7), {"ignore_index": 7}),
        (
            SOME,
            nn.CrossEntropyLoss(weight=WEIGHTS, label_smoothing=0.1),
            {"weight": WEIGHTS, "label_smoothing": 0.1},
        ),
    ],
)
def test_the_mean_is_over_the_places_that_count(classes, loss, options):
    model = seeded(segmentation)
    expected = by_autograd(model, ["0.weight"], lambda: F.cross_entropy(model(PIXELS), classes, **options))
    found = block_hessian(model, "0.weight", (PIXELS, classes), loss, dtype=torch.float64)
    torch.testing.assert_close(found.matrix, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.BCEWithLogitsLoss(reduction="none"), nn.SmoothL1Loss()])
def test_losses_of_torch_are_averaged_as_torch_does(loss):
    model, targets = seeded(mlp), torch.rand(12, 3, generator=torch.Generator().manual_seed(4)).double()
    mean = type(loss)()
    assert_exact(model, "0.weight", (X, targets), loss, lambda: mean(model(X), targets))
