"""Small trainings of every backend, objective and kind of network, and their examples."""

from dataclasses import replace

import torch

from dropscape.training.objectives import OBJECTIVES
from dropscape.training.optimizers import LearningRate
from dropscape.training.recording import TrainingConfig
from dropscape.training.stacked import StackedTraining
from dropscape.training.train import train
from tests.training.networks import RESNET, TRANSFORMER, VGG
from tests.training.test_training_objectives import BASE as SQUARED_ERROR

COURSE = {
    "steps": 7,
    "trajectory_steps": 2,
    "recorded": (0, 3, 7),
    "history": (0, 3, 7),
    "seeds": (0, 7),
    "mask_mode": "per_example",
}
STACKED = StackedTraining(
    **COURSE,
    widths=(9, 6, 5, 3),
    activation="relu",
    block=("layers.1.weight", "layers.1.bias"),
    keep_prob=0.7,
    dropout_after=1,
    learning_rate=0.2,
)
FNN = replace(
    SQUARED_ERROR, **COURSE, model={"name": "fnn", "widths": [9, 7, 6, 3], "activation": "tanh"}, micro_batch=32
)
CLASSES = replace(FNN, loss="cross_entropy", keep_prob=(0.8, 0.5), optimizer="nesterov")
CNN = replace(
    FNN,
    model=RESNET,
    block=("stage1.0.conv1.weight",),
    keep_prob=0.8,
    loss="cross_entropy",
    optimizer="nesterov",
    learning_rate=LearningRate(0.05),
    micro_batch=8,
    ghost_batch_size=4,
)
SENTENCES = replace(
    FNN,
    model=TRANSFORMER,
    block=("decoder.0.self_attention.queries.weight",),
    keep_prob=0.9,
    loss="cross_entropy",
    optimizer="adam",
    learning_rate=LearningRate(1.0, warmup_steps=3, d_model=6),
    label_smoothing=0.1,
    micro_batch=8,
)
TRAININGS: dict[str, TrainingConfig] = {
    "stacked": STACKED,
    "stacked, shared masks": replace(STACKED, activation="tanh", mask_mode="shared", keep_prob=0.5),
    "stacked, no dropout": replace(STACKED, keep_prob=1.0, dropout_after=2),
    "stacked, dropout noise": replace(STACKED, noise="dropout"),
    "stacked, isotropic noise": replace(STACKED, noise="isotropic"),
    "stacked, rotated noise": replace(STACKED, noise="rotated"),
    "stacked, hessian noise": replace(STACKED, noise="hessian"),
    **{f"objective {name}": replace(FNN, objective=name) for name in OBJECTIVES},
    "micro-batches": replace(FNN, objective="dropout_plus_r2", micro_batch=8),
    "classes": CLASSES,
    "classes in batches": replace(CLASSES, batch_size=8, mask_mode="shared"),
    "smoothed classes": replace(CLASSES, label_smoothing=0.1, optimizer="adam", learning_rate=LearningRate(0.01)),
    "resnet": CNN,
    # Of other seeds a unit is so near its kink that rounding decides whether it is on.
    "vgg": replace(
        CNN,
        model=VGG,
        block=("block1.conv1.weight",),
        optimizer="gd",
        batch_size=12,
        seeds=(1, 4),
        learning_rate=LearningRate(0.005),
    ),
    "sentences": SENTENCES,
}


def examples(config: TrainingConfig, n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets that fit a training."""
    generator = torch.Generator().manual_seed(seed)
    model = getattr(config, "model", {"name": "fnn"})["name"]
    if model == "transformer":
        tokens = torch.randint(1, 8, (n, 10), generator=generator)
        targets = torch.randint(1, 8, (n, 6), generator=generator)
        tokens[::3, 3] = tokens[::2, 8:] = targets[::2, 4:] = 0
        return tokens, targets
    inputs = torch.rand(n, *((9,) if model == "fnn" else (3, 32, 32)), generator=generator)
    if model == "fnn":
        inputs[:, [0, 8]] = 0  # as the border of a digit is
    classes = torch.randint(3, (n,), generator=generator)
    return inputs, torch.nn.functional.one_hot(classes, 3).float() if getattr(config, "loss", "") == "mse" else classes


def trained(config: TrainingConfig, device: str = "cpu", n: int = 16, **options):
    """The result of a training on n small examples."""
    return train(config, *examples(config, n), *examples(config, 8, seed=1), device=device, **options)
