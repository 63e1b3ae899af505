"""What torch refuses in words of its own, and random numbers that are easily overlooked: one sentence each."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from dropscape.curvature.hessian import block_hessian, hessian_products
from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.sampling.gradients import dropout_gradients

X = torch.randn(100, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(100) % 3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.drop, self.head = nn.Linear(6, 5), nn.Dropout(0.5), nn.Linear(5, 3)

    def noise(self, h):
        return 0

    def forward(self, x):
        h = torch.tanh(self.first(x))
        return self.head(self.drop(h) + self.noise(h))


class OfTorch(Net):
    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def noise(self, h):
        return 0.1 * torch.randn(h.shape, generator=self.generator)


class OfNumpy(Net):
    def __init__(self):
        super().__init__()
        self.generator = np.random.default_rng(0)

    def noise(self, h):
        return 0.1 * torch.from_numpy(self.generator.standard_normal(h.shape)).float()


class InTraining(OfNumpy):
    """Draws where nobody evaluates it: gradients are sampled in evaluation mode."""

    def noise(self, h):
        return super().noise(h) if self.training else 0


class Autocast(Net):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(x).float()


class Checkpointed(Net):
    def forward(self, x):
        return self.head(checkpoint(torch.tanh, self.first(x), use_reentrant=True))


class CheckpointedBlock(Net):
    def forward(self, x):
        return self.head(checkpoint(self.first, x, use_reentrant=True))


@pytest.mark.parametrize("make", [OfTorch, OfNumpy])
@pytest.mark.parametrize("measure", [block_hessian, hessian_products])
def test_a_generator_of_the_models_own_is_found(make, measure):
    with pytest.raises(RandomObjectiveError, match="two evaluations of the loss on the same examples"):
        measure(make().eval(), "first.weight", (X, Y))


@pytest.mark.parametrize("make", [OfTorch, OfNumpy, InTraining])
def test_noise_beside_the_masks_is_not_left_out_of_sampled_gradients(make):
    assert len(dropout_gradients(Net(), "first.weight", (X, Y), samples=3).samples) == 3
    with pytest.raises(ConfigurationError, match="draws random numbers in its own forward"):
        dropout_gradients(make(), "first.weight", (X, Y), samples=3)


@pytest.mark.parametrize("loss", [nn.NLLLoss(), nn.MultiMarginLoss()])
def test_a_class_number_beyond_the_first_examples(loss):
    classes = Y.clone()
    classes[-1] = 3
    with pytest.raises(ConfigurationError, match=r"class number 3, but the model has 3 outputs, .* 0 to 2; correct it"):
        block_hessian(nn.Linear(6, 3), "weight", (X, classes), loss)


def test_autocast_inside_of_a_model_is_named():
    for measure in (block_hessian, hessian_products):
        with pytest.raises(ConfigurationError, match=r"as torch\.autocast inside of it does"):
            measure(Autocast().eval(), "head.weight", (X, Y))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("make", [Checkpointed, CheckpointedBlock])
def test_checkpoints_that_need_another_argument_are_named(make):
    with pytest.raises(ConfigurationError, match=r"write use_reentrant=False\.$"):
        block_hessian(make().eval(), "first.weight", (X, Y))
