"""Prints the peak extra memory (MiB) of each measurement, and what it would hold without its limits, as json.

A separate program: the measured call runs in a fork, and a fork of the test process could inherit locked threads.
"""

import json

import torch
from torch.nn.functional import normalize

from benchmarks.harness import MIB, peak_memory_mib
from dropscape.curvature import jacobian, products
from dropscape.curvature.hessian import block_hessian, hessian_products
from dropscape.curvature.products import HessianOperator
from dropscape.flatness.interval import interval_flatness
from dropscape.flatness.slices import loss_slice
from dropscape.models import prefix_suffix
from dropscape.models.block import block_vector
from dropscape.numerics.devices import Budget
from dropscape.numerics.memory import bytes_per_example
from tests.toy_models import attentive, convolutional, mean_token_loss

LIMIT = MIB


def measurements(model, inputs, targets, block, loss):
    """{name: the measurement as a call without arguments}."""
    direction = normalize(torch.ones(1, block_vector(model, block).numel()), dim=1)
    return {
        "dense Hessian": lambda: block_hessian(model, block, (inputs, targets), loss),
        "products": lambda: hessian_products(model, block, (inputs, targets), loss).multiply(direction),
        "products by double backward": lambda: HessianOperator(model, block, inputs, targets, loss)(direction),
        "interval flatness": lambda: interval_flatness(
            model, block, (inputs, targets), directions=direction, loss=loss, max_width=1.0
        ),
        "slices": lambda: loss_slice(model, None, (inputs, targets), loss, alphas=[-0.1, 0.0, 0.1]),
    }


def main():
    torch.set_num_threads(1)
    limit = Budget(LIMIT, LIMIT)
    jacobian.GRAPH_BYTES = jacobian.ROW_BYTES = limit
    products.GRAPH_BYTES = products.KEPT_BYTES = jacobian.KEPT_BYTES = prefix_suffix.CACHE_BYTES = limit
    found = {}
    for kind, problem in {
        "convolution": (*convolutional(n=1200, pixels=16), ("first.weight",), "cross_entropy"),
        "attention": (
            *attentive(n=1500, length=12, words=40, width=16, size=1, heads=1),
            ("query.weight",),
            mean_token_loss,
        ),
    }.items():
        model, inputs, targets, block, loss = problem
        operator = HessianOperator(model, block, inputs, targets, loss)
        without_limits = bytes_per_example(operator._gradient, len(targets)) * len(targets)
        for name, work in measurements(*problem).items():
            found[f"{name}, {kind}"] = peak_memory_mib(work), without_limits / MIB
    print(json.dumps(found))


if __name__ == "__main__":
    main()
