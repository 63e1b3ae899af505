"""The convolutional networks of paper D, section 6, as tensors: features and the wide hidden layer.

Two convolutions with max-pooling and three dense layers, all with ReLU; the second dense layer, of width m, is the top
hidden layer and the only one with dropout. The paper gives no other number: kernels are those of LeNet-5, of size 5 and
the first one padded by 2, so that 28 x 28 images become 5 x 5. Initialised as torch does it.

Dropout is inverted, as in torch: what a mask keeps is divided by the keep probability, in training and in a sub-network
that is tested, and the full network has all units as they are. The wide layer is stored by units, so that a sub-network
is a choice of rows: ``incoming`` (m, hidden + 1), the bias last, and ``outgoing`` (m, classes).

On a processor a step is its arithmetic, so that ``step`` takes one network and computes with kept units only. On a GPU
it is its launches: ``stacked_step`` takes N networks, whose parameters are stacked, and computes with all units.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dropscape.errors import ConfigurationError
from dropscape.numerics.products import product
from dropscape.numerics.seeds import derived_seed
from dropscape.subnetworks.convolutions import convolutions, stacked_convolutions
from dropscape.subnetworks.convolutions_kernel import KERNEL

FEATURES = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "hidden.weight", "hidden.bias")

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Shape:
    """Sizes of a network; refuses images that are too small for two convolutions with pooling."""

    side: int  # of the square grey images, in pixels
    channels: tuple[int, int]  # of the two convolutions
    hidden: int  # units of the first dense layer
    width: int  # m, units of the second one
    classes: int

    def __post_init__(self):
        if self.pooled_side < 1:
            raise ConfigurationError(
                f"the images are {self.side} x {self.side}, too small for two convolutions with max-pooling; write a "
                "data.dataset of images of 12 x 12 or more."
            )

    @property
    def pooled_side(self) -> int:
        """The side after the second pooling."""
        return (self.side // 2 - KERNEL + 1) // 2

    @property
    def feature_inputs(self) -> int:
        """The number of inputs of the first dense layer."""
        return self.channels[1] * self.pooled_side**2


def initial_parameters(shape: Shape, seed: int) -> Parameters:
    """Draw the seed's parameters in float32: torch's default initialisation of convolutions and dense layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "subnetworks", "initialisation"))
        below = nn.ModuleDict(
            {
                "conv1": nn.Conv2d(1, shape.channels[0], KERNEL),
                "conv2": nn.Conv2d(*shape.channels, KERNEL),
                "hidden": nn.Linear(shape.feature_inputs, shape.hidden),
            }
        )
        wide = nn.Linear(shape.hidden, shape.width)
        output = nn.Linear(shape.width, shape.classes)
    return {
        **below.state_dict(),
        "incoming": torch.cat([wide.weight.detach(), wide.bias.detach()[:, None]], dim=1),
        "outgoing": output.weight.detach().T.contiguous(),
        "output_bias": output.bias.detach(),
    }


def features(parameters: Parameters, images: Tensor) -> Tensor:
    """Compute the activations of the first dense layer and a 1 for the bias, (n, hidden + 1), of (n, 1, side, side)."""
    *convolved, weight, bias = (parameters[name] for name in FEATURES)
    hidden = F.relu(F.linear(convolutions(images, *convolved), weight, bias))
    return torch.cat([hidden, hidden.new_ones(len(hidden), 1)], dim=1)


def step(
    parameters: Parameters, images: Tensor, labels: Tensor, mask: Tensor, keep_prob: float, learning_rate: float
) -> Tensor:
    """Take a step of gradient descent on a batch's mean cross-entropy, in place; return the loss before it, a scalar.

    Units that the mask drops neither act nor move, so that only the rows of the others are computed with. The wide
    layer's gradients are written out; those of the features are autograd's. The parameters are leaves without
    gradients; images (B, 1, side, side) with labels (B,) int64 share the mask (m,) bool, True where a unit is kept, or
    have one each, (B, m).
    """
    leaves = {name: parameters[name].detach().requires_grad_() for name in FEATURES}
    below = features(leaves, images)
    kept = mask.reshape(-1, mask.shape[-1]).any(dim=0).nonzero().flatten()
    incoming, outgoing = parameters["incoming"][kept], parameters["outgoing"][kept]
    with torch.no_grad():
        hidden = F.relu(product(incoming, below.T))  # units-major, (kept, B)
        if mask.ndim == 2:
            hidden.mul_(mask[:, kept].T)
        scores = torch.addmm(parameters["output_bias"][:, None], outgoing.T, hidden, alpha=1 / keep_prob)
        logs = scores.log_softmax(dim=0)
        loss = F.nll_loss(logs.T, labels)
        errors = logs.exp_()
        errors.scatter_add_(0, labels[None], errors.new_full((1, len(labels)), -1))
        errors /= len(labels)
        back = (outgoing @ errors).div_(keep_prob).mul_(hidden > 0)
        gradient = product(back.T, incoming)
        incoming.addmm_(back, below, alpha=-learning_rate)
        outgoing.addmm_(hidden, errors.T, alpha=-learning_rate / keep_prob)
        parameters["incoming"].index_copy_(0, kept, incoming)
        parameters["outgoing"].index_copy_(0, kept, outgoing)
        parameters["output_bias"].sub_(errors.sum(dim=1), alpha=learning_rate)
    for name, moved in zip(FEATURES, torch.autograd.grad(below, list(leaves.values()), gradient), strict=True):
        parameters[name].sub_(moved, alpha=learning_rate)
    return loss


def stacked_step(parameters: Parameters, images: Tensor, targets: Tensor, kept: Tensor, learning_rate: float) -> Tensor:
    """Take a ``step`` of N networks side by side, in place; return their losses before it, (N,).

    A function of tensors on the device alone: the host neither reads nor copies anything, and no shape depends on a
    mask, which multiplies the outgoing weights instead.

    Args:
        parameters: as for ``step``, stacked: (N, ...).
        images: (N, B, side + 2 PADDING, side + 2 PADDING), zero in the borders.
        targets: labels (N, B, classes), one-hot in the dtype of the parameters.
        kept: masks (N, m), 1 / keep_prob where a unit is kept and 0 elsewhere; or one for each example, (N, B, m).
    """
    leaves = {name: parameters[name].detach().requires_grad_() for name in FEATURES}
    *convolved, weight, bias = leaves.values()
    below = F.relu(torch.baddbmm(bias[:, None], stacked_convolutions(images, *convolved), weight.mT))
    below = F.pad(below, (0, 1), value=1.0)
    incoming, outgoing = parameters["incoming"], parameters["outgoing"]
    with torch.no_grad():
        hidden = torch.bmm(below, incoming.mT).relu_()
        if kept.ndim == 3:
            hidden.mul_(kept > 0)
            kept = kept.amax(dim=1)
        weights = outgoing * kept[:, :, None]
        logs = torch.baddbmm(parameters["output_bias"][:, None], hidden, weights).log_softmax(dim=2)
        losses = (logs * targets).sum(dim=(1, 2)) / -images.shape[1]
        errors = (logs.exp_() - targets) / images.shape[1]
        back = torch.bmm(errors, weights.mT).mul_(hidden > 0)
        gradient = torch.bmm(back, incoming)
        incoming.baddbmm_(back.mT, below, alpha=-learning_rate)
        outgoing.addcmul_(torch.bmm(hidden.mT, errors), kept[:, :, None], value=-learning_rate)
        parameters["output_bias"].sub_(errors.sum(dim=1), alpha=learning_rate)
    moved = torch.autograd.grad(below, list(leaves.values()), gradient)
    torch._foreach_add_([parameters[name] for name in FEATURES], moved, alpha=-learning_rate)
    return losses
