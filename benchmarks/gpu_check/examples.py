"""Data and trainings that several checks use: real digits that ship with a dependency, and random images and words."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_check.machine import DEVICE, Machine
from dropscape.training.general import GeneralTraining
from dropscape.training.optimizers import LearningRate
from dropscape.training.recording import TrainingConfig, TrainingResult
from dropscape.training.stacked import StackedTraining
from dropscape.training.train import train

VOCABULARY, LENGTH = 1300, 31  # of the first 2,048 pairs of Multi30k
Examples = tuple[Tensor, Tensor]


@cache
def digits(n: int) -> Examples:
    """``n`` real digits, (n, 784) and (n,); repeated with noise beyond 5,000. Not to be changed."""
    from benchmarks.setup import digits as real

    return real(n)


def images(n: int, classes: int = 10) -> Examples:
    """Random colour images (n, 3, 32, 32) and classes (n,)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 3, 32, 32, generator=generator), torch.randint(classes, (n,), generator=generator)


def sentences(n: int, vocabulary: int = VOCABULARY, length: int = LENGTH) -> Examples:
    """Random pairs of padded sentences: source and decoder's input (n, 2 length), and the decoder's targets."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(max(2, length // 5), max(3, 2 * length // 3), (n, 1), generator=generator)
    words = torch.randint(4, vocabulary, (n, 3 * length), generator=generator)
    words.masked_fill_(torch.arange(length).repeat(3) >= lengths, 0)
    return words[:, : 2 * length], words[:, 2 * length :]


def course(steps: int, seeds: tuple[int, ...] = (0,), trajectory_steps: int = 0) -> dict[str, Any]:
    """The part of a training's configuration that every backend has."""
    return {
        "steps": steps,
        "trajectory_steps": trajectory_steps,
        "recorded": (),
        "history": (0, steps),
        "seeds": seeds,
        "mask_mode": "per_example",
    }


def stacked(machine: Machine, steps: int) -> tuple[StackedTraining, Examples]:
    """The small network of paper A on digits."""
    config = StackedTraining(
        **course(steps),
        widths=machine.size((784, 50, 50, 10), (784, 8, 6, 10)),
        activation="relu",
        block=("layers.1.weight",),
        keep_prob=0.8,
        dropout_after=1,
        learning_rate=0.1,
    )
    return config, digits(machine.size(10_000, 64))


@dataclass(frozen=True)
class Architecture:
    """A network of the papers: its training, and its examples, made when asked for."""

    config: GeneralTraining
    examples: Callable[[], Examples]


def _general(model: dict[str, Any], block: str, **options: Any) -> GeneralTraining:
    plain = {
        "keep_prob": 0.8,
        "loss": "cross_entropy",
        "label_smoothing": 0.0,
        "objective": "dropout",
        "gradient_penalty_weight": None,
        "optimizer": "gd",
        "learning_rate": LearningRate(0.05),
        "momentum": 0.9,
        "batch_size": None,
        "micro_batch": 128,
        "ghost_batch_size": None,
        "precision": "float32",
    }
    return GeneralTraining(**course(5), model=model, block=(block,), **plain | options)


def architectures(machine: Machine) -> dict[str, Architecture]:
    """The networks of the papers, at most 128 examples each but for the one without convolutions."""
    n = machine.size(128, 4)
    groups = {"micro_batch": n, "ghost_batch_size": n}
    pairs = machine.size((VOCABULARY, LENGTH), (20, 5))
    words = {"source_vocabulary": pairs[0], "target_vocabulary": pairs[0], "source_length": pairs[1]}
    small = machine.size({}, {"d_model": 12, "d_k": 4, "d_ff": 16, "heads": 2, "layers": 1})
    widths = machine.size([784, 1024, 1024, 10], [784, 16, 12, 10])
    return {
        "wide FNN": Architecture(
            _general({"name": "fnn", "widths": widths, "activation": "relu"}, "layers.1.weight", keep_prob=(0.8, 0.8)),
            lambda: digits(machine.size(2_000, 32)),
        ),
        "VGG-9": Architecture(
            _general(
                {"name": "vgg9", "classes": 10, "width": machine.size(1.0, 1 / 32)}, "block1.conv1.weight", **groups
            ),
            lambda: images(n),
        ),
        "ResNet-20": Architecture(
            _general(
                {"name": "resnet20", "classes": 100, "width": machine.size(16, 2), "blocks": machine.size(3, 1)},
                "stage1.0.conv1.weight",
                **groups,
            ),
            lambda: images(n, 100),
        ),
        "ResNet-18": Architecture(
            _general(
                {"name": "resnet18", "classes": 10, "width": machine.size(64, 1)}, "stage2.0.conv1.weight", **groups
            ),
            lambda: images(n),
        ),
        "transformer": Architecture(
            _general(
                {"name": "transformer"} | words | small,
                "decoder.0.self_attention.queries.weight",
                keep_prob=0.9,
                label_smoothing=0.1,
                micro_batch=n,
            ),
            lambda: sentences(n, *pairs),
        ),
    }


def trained(config: TrainingConfig, examples: Examples, device: str = DEVICE, **options: Any) -> TrainingResult:
    """Train on the examples and test on the first few of them."""
    return train(config, *examples, *(values[:8] for values in examples), device=device, **options)


def with_steps(config: TrainingConfig, steps: int, **options: Any) -> TrainingConfig:
    """The same training with another number of steps."""
    return replace(config, steps=steps, history=(0, steps), **options)


def results(result: TrainingResult) -> list[Any]:
    """Everything of a training's result that holds numbers of its parameters."""
    named = {field.name: getattr(result, field.name) for field in fields(result)}
    return [named["parameters"], named["snapshots"], named["trajectory"]]
