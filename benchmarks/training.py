"""One full-batch gradient with dropout, ours against the loop that everybody writes."""

import argparse
import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.harness import Row, compare, print_table
from benchmarks.harness import threads as use_threads
from dropscape.dropout.layers import GroupMasks, MaskedDropout, set_keep_prob
from dropscape.models.batch_norm import GroupedBatchNorm1d, GroupedBatchNorm2d
from dropscape.models.losses import training_loss
from dropscape.models.registry import initialised
from dropscape.numerics.seeds import torch_generator
from dropscape.training.micro_batches import Batches
from dropscape.training.objectives import accumulate_gradients

KEEP_PROB, MICRO_BATCH = 0.8, 128
SHARE_OF_N = 40  # an image takes some 10 ms
ARCHITECTURES = {
    "ResNet-20": {"name": "resnet20", "classes": 10},
    "VGG-9": {"name": "vgg9", "classes": 10},
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


def plain_loop(model: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    for part, classes in zip(inputs.split(MICRO_BATCH), targets.split(MICRO_BATCH), strict=True):
        (cross_entropy(model(part), classes, reduction="sum") / len(inputs)).backward()


def architecture_rows(name: str, settings: dict, n: int) -> list[Row]:
    generator = torch_generator(0, "benchmarks", "training")
    inputs, targets = torch.randn(n, 3, 32, 32, generator=generator), torch.randint(10, (n,), generator=generator)
    model = initialised(settings, 0)
    loop = usual(model)
    set_keep_prob(model, KEEP_PROB)
    for module in model.modules():
        if isinstance(module, GroupedBatchNorm1d | GroupedBatchNorm2d):
            module.group = MICRO_BATCH
    model = model.to(memory_format=torch.channels_last).train()
    batches, loss = Batches(inputs, targets, MICRO_BATCH), training_loss("cross_entropy", targets)
    masks = GroupMasks(0, "benchmarks", "masks")
    rows = compare(
        f"full-batch gradient, {name}, n={n}",
        ("accumulate_gradients", lambda: accumulate_gradients(model, batches, loss, masks)),
        {"plain PyTorch loop": lambda: plain_loop(loop, inputs, targets)},
        measure_memory=False,
    )
    return [Row(**vars(row) | {"note": f"{row.note}; ours {n / row.ours_s:.0f} examples a second"}) for row in rows]


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """Every row of this benchmark."""
    with use_threads(threads):
        return [
            row
            for name, settings in ARCHITECTURES.items()
            for row in architecture_rows(name, settings, max(8, n // SHARE_OF_N))
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    print_table(rows(**vars(parser.parse_args())))
