"""One full-batch gradient with dropout of every architecture, ours against the loop that everybody writes.

And against the machine: as many multiplications at the rate of a large product in the same dtype, of two matrices or a
convolution, whichever is faster (MKL takes half of an AMD processor's vector units in float32, oneDNN all). A network's
own are smaller, and between them its activations are read and written, so that no training reaches it.
"""

import argparse
import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Row, compare, median_seconds, print_table
from benchmarks.harness import threads as use_threads
from dropscape.dropout.layers import MaskedDropout, ModuleMasks, set_keep_prob
from dropscape.models.batch_norm import GroupedBatchNorm1d, GroupedBatchNorm2d, batch_norms
from dropscape.models.fnn import fast_products
from dropscape.models.losses import PADDING, training_loss
from dropscape.models.registry import initialised
from dropscape.numerics.devices import forward_pass
from dropscape.numerics.seeds import torch_generator
from dropscape.training.micro_batches import Batches
from dropscape.training.objectives import accumulate_gradients

KEEP_PROB, SMOOTHING = 0.8, 0.1
VOCABULARY, LENGTH = 1300, 31  # of the first 2,048 pairs of Multi30k
SIDE, CHANNELS = 2048, 256  # of the matrices and of the convolution whose rate is the limit


def images(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 3, 32, 32, generator=generator), torch.randint(10, (n,), generator=generator)


def digits(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 784, generator=generator), torch.randint(10, (n,), generator=generator)


def sentences(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pairs of 6 to 20 words, padded: source and decoder's input (n, 2 x LENGTH), and the decoder's targets."""
    lengths = torch.randint(6, 21, (n, 1), generator=generator)
    words = torch.randint(4, VOCABULARY, (n, 3 * LENGTH), generator=generator)
    words.masked_fill_(torch.arange(LENGTH).repeat(3) >= lengths, PADDING)
    return words[:, : 2 * LENGTH], words[:, 2 * LENGTH :]


@dataclass(frozen=True)
class Architecture:
    """A network of the papers, how its examples are made, on how many of n a gradient is measured, how many at once."""

    settings: dict[str, Any]
    examples: Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
    share_of_n: int
    micro_batch: int = 128


SENTENCES = {"source_vocabulary": VOCABULARY, "target_vocabulary": VOCABULARY, "source_length": LENGTH}
ARCHITECTURES = {
    "FNN 784-1024-1024-10": Architecture({"name": "fnn", "widths": [784, 1024, 1024, 10]}, digits, 1, 2000),
    "VGG-9": Architecture({"name": "vgg9", "classes": 10}, images, 40),
    "ResNet-20": Architecture({"name": "resnet20", "classes": 100}, images, 40),
    "transformer": Architecture({"name": "transformer"} | SENTENCES, sentences, 20),
}


def usual(model: nn.Module) -> nn.Module:
    """A copy with torch's own dropout and batch norm."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, MaskedDropout):
                setattr(parent, name, nn.Dropout(1 - KEEP_PROB))
            elif isinstance(child, GroupedBatchNorm1d | GroupedBatchNorm2d):
                kind = nn.BatchNorm1d if isinstance(child, GroupedBatchNorm1d) else nn.BatchNorm2d
                setattr(parent, name, kind(child.num_features))
    return model.train()


def plain_loop(model: nn.Module, batches: Batches, precision: str, smoothing: float) -> None:
    inputs, targets = batches.inputs, batches.targets
    for chunk, wanted in zip(inputs.split(batches.size), targets.split(batches.size), strict=True):
        with forward_pass(precision, "cpu"):
            outputs = model(chunk)
        ignored = PADDING if targets.ndim == 2 else -1
        outputs, wanted = outputs.float().flatten(0, -2), wanted.flatten()
        losses = cross_entropy(outputs, wanted, ignore_index=ignored, reduction="sum", label_smoothing=smoothing)
        (losses / len(inputs)).backward()


def products_per_second(dtype: torch.dtype) -> float:
    """Floating-point operations a second, of medians of five: the faster of a matrix product and a convolution."""
    left, right = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    kernel = torch.randn(CHANNELS, CHANNELS, 3, 3).to(dtype).to(memory_format=torch.channels_last)
    planes = torch.randn(64, CHANNELS, 16, 16).to(dtype).to(memory_format=torch.channels_last)
    works = {
        lambda: left @ right: 2 * SIDE**3,
        lambda: conv2d(planes, kernel, padding=1): 2 * planes.numel() * kernel.numel() / CHANNELS,
    }
    return max(operations / median_seconds(work) for work, operations in works.items())


def architecture_rows(name: str, architecture: Architecture, n: int, precision: str) -> list[Row]:
    n = max(8, n // architecture.share_of_n)
    inputs, targets = architecture.examples(n, torch_generator(0, "benchmarks", "training"))
    model = initialised(architecture.settings, 0)
    loop = usual(model)
    set_keep_prob(model, KEEP_PROB)
    for layer in batch_norms(model):
        layer.group = architecture.micro_batch
    model = model.to(memory_format=torch.channels_last if inputs.ndim == 4 else torch.preserve_format).train()
    smoothing = SMOOTHING if targets.ndim == 2 else 0.0
    batches = Batches(inputs, targets, architecture.micro_batch)
    loss = training_loss("cross_entropy", targets, smoothing)
    masks = ModuleMasks(0, "benchmarks", "masks")

    def ours() -> None:
        with forward_pass(precision, "cpu"), fast_products(model, architecture.micro_batch):
            accumulate_gradients(model, batches, loss, masks)

    peers = {"plain PyTorch loop": lambda: plain_loop(loop, batches, precision, smoothing)}
    title = f"full-batch gradient, {name}, n={n}, {precision}"
    (row,) = compare(title, ("accumulate_gradients", ours), peers, measure_memory=False)
    rate = products_per_second(torch.bfloat16 if precision == "bfloat16" else torch.float32)
    with FlopCounterMode(display=False) as counted:
        plain_loop(loop, batches, "float32", smoothing)
    limit_s = counted.get_total_flops() / rate
    row = replace(row, note=f"{row.note}; ours {n / row.ours_s:.0f} examples a second")
    share = f"{row.note}; the ratio is the share of {rate / 1e9:.0f} GFLOP/s that is reached"
    alone = "its products alone, at the rate of a large one"
    return [row, replace(row, peer=alone, peer_s=limit_s, ratio=limit_s / row.ours_s, note=share)]


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """Every row of this benchmark."""
    with use_threads(threads):
        return [
            row
            for name, architecture in ARCHITECTURES.items()
            for precision in ("float32", "bfloat16")
            for row in architecture_rows(name, architecture, n, precision)
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    print_table(rows(**vars(parser.parse_args())))
