"""The convolutional network of section 6 as anybody writes it in PyTorch: what tests compare with."""

import torch
from torch import nn

from dropscape.subnetworks.cnn import Shape, initial_parameters

SMALL = Shape(side=14, channels=(3, 4), hidden=7, width=20, classes=5)


class Reference(nn.Module):
    """With a mask of kept units instead of a dropout layer; ``scale`` multiplies what is kept."""

    def __init__(self, shape):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, shape.channels[0], 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(*shape.channels, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.dense = nn.Sequential(
            nn.Linear(shape.feature_inputs, shape.hidden), nn.ReLU(), nn.Linear(shape.hidden, shape.width), nn.ReLU()
        )
        self.output = nn.Linear(shape.width, shape.classes)

    def forward(self, images, mask=None, scale=1.0):
        hidden = self.dense(self.convolutions(images))
        return self.output(hidden if mask is None else hidden * mask * scale)


def reference(shape, parameters):
    """The module with these parameters, in their dtype."""
    module = Reference(shape)
    state = {
        "convolutions.0.weight": parameters["conv1.weight"],
        "convolutions.0.bias": parameters["conv1.bias"],
        "convolutions.3.weight": parameters["conv2.weight"],
        "convolutions.3.bias": parameters["conv2.bias"],
        "dense.0.weight": parameters["hidden.weight"],
        "dense.0.bias": parameters["hidden.bias"],
        "dense.2.weight": parameters["incoming"][:, :-1],
        "dense.2.bias": parameters["incoming"][:, -1],
        "output.weight": parameters["outgoing"].T,
        "output.bias": parameters["output_bias"],
    }
    module.to(parameters["incoming"].dtype).load_state_dict(state)
    return module


def drawn(shape=SMALL, n=40, seed=0, dtype=torch.float64):
    """Parameters, images and labels, large enough for the classes to differ; pooling meets ties."""
    parameters = {name: 2 * value.to(dtype) for name, value in initial_parameters(shape, seed).items()}
    generator = torch.Generator().manual_seed(seed)
    images = 2 * torch.randn(n, 1, shape.side, shape.side, generator=generator).to(dtype)
    images[:, :, :3] = 0
    return parameters, images, torch.randint(shape.classes, (n,), generator=generator)
