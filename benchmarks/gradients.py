"""Dropout gradients at frozen parameters, against a loop over nn.Dropout and autograd with the prefix cached.

Ours is timed on SAMPLES gradients with everything it has to prepare. A peer is timed on a stated fraction of
them and scaled; the cached peers get their prefix for nothing.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness import Row, Work, compare
from benchmarks.harness import threads as use_threads
from benchmarks.setup import Setup, trained_network
from dropscape.dropout.masks import LayerMasks
from dropscape.sampling.gradients import dropout_gradients

KEEP_PROB = 0.8
SAMPLES = 300
GROWTH_SAMPLES = 50


def ours(setup: Setup, dropout_after: int, samples: int) -> Work:
    """Our gradients, from the images."""
    return lambda: dropout_gradients(
        setup.model,
        setup.block,
        (setup.inputs, setup.targets),
        keep_prob=KEEP_PROB,
        dropout_after=dropout_after,
        samples=samples,
        seed=0,
    )


def naive(setup: Setup, dropout_after: int, samples: int) -> Work:
    """The network with nn.Dropout in training mode; one forward and one backward pass from the images a sample."""
    modules: list[nn.Module] = []
    for number, layer in enumerate(setup.model.layers, 1):
        modules += [layer, nn.ReLU()] if number < setup.model.depth else [layer]
        modules += [nn.Dropout(1 - KEEP_PROB)] if number == dropout_after else []
    network = nn.Sequential(*modules).train()
    weight = setup.model.layers[1].weight

    def work() -> Tensor:
        result = torch.empty(samples, weight.numel())
        for row in result:
            row.copy_(torch.autograd.grad(F.cross_entropy(network(setup.inputs), setup.targets), weight)[0].view(-1))
        return result

    return work


def cached(setup: Setup, samples: int, masks: bool) -> Work:
    """Autograd above the cached first activation, dropout after layer 1; with our masks given, or by F.dropout."""
    weight, bias = setup.model.layers[1].weight, setup.model.layers[1].bias.detach()
    top = [parameter.detach() for parameter in setup.model.layers[2].parameters()]
    with torch.no_grad():
        prefix = setup.model.hidden(setup.inputs, 1)
    mask = LayerMasks(KEEP_PROB, prefix.shape, 0, "benchmarks", "masks").mask(0).float() / KEEP_PROB

    def work() -> Tensor:
        result = torch.empty(samples, weight.numel())
        for row in result:
            x = prefix * mask if masks else F.dropout(prefix, 1 - KEEP_PROB)
            logits = F.linear(torch.relu(F.linear(x, weight, bias)), *top)
            row.copy_(torch.autograd.grad(F.cross_entropy(logits, setup.targets), weight)[0].view(-1))
        return result

    return work


def products(setup: Setup, samples: int, chunk: int = 2_000) -> Work:
    """The four matrix products of dropout after layer 1 and nothing else, on arrays that stay in cache."""
    n, w2, w3 = len(setup.inputs), *(layer.weight.detach() for layer in list(setup.model.layers)[1:])
    chunk = min(chunk, n)
    x, z, delta = (torch.rand(len(w2), chunk) for _ in range(3))
    outputs, gradient = torch.rand(len(w3), chunk), torch.empty_like(w2)

    def work() -> None:
        for _ in range(samples * n // chunk):
            torch.mm(w2, x, out=z)
            torch.mm(w3, z, out=outputs)
            torch.mm(w3.T, outputs, out=delta)
            torch.mm(delta, x.T, out=gradient)

    return work


def mask_rows(n: int) -> list[Row]:
    """The mask generator against torch's."""
    masks, draws = LayerMasks(KEEP_PROB, (50, n), 0, "benchmarks", "masks"), 100
    mask, uniform = torch.empty(50, n, dtype=torch.bool), torch.empty(50, n)
    return compare(
        f"{draws} masks of 50 x {n}",
        ("SplitMix64, 32 bits, compiled", lambda: [masks.mask(draw, out=mask) for draw in range(draws)]),
        {
            "torch bernoulli_": lambda: [mask.bernoulli_(KEEP_PROB) for _ in range(draws)],
            "torch rand < p": lambda: [torch.lt(uniform.uniform_(), KEEP_PROB, out=mask) for _ in range(draws)],
        },
        note="keep_prob 0.8",
    )


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """The promised ratios at ``n`` examples, the products' limit, and the growth with n and with the block's width."""
    with use_threads(threads):
        setup = trained_network(n)
        # The products are the limit, not a peer: ours is slower than a part of itself, and the ratio says by how much.
        table = compare(
            f"{SAMPLES} dropout gradients after layer 1, n={n}, P=2500",
            ("written out, prefix cached", ours(setup, 1, SAMPLES)),
            {
                "nn.Dropout loop": naive(setup, 1, SAMPLES // 20),
                "autograd, prefix cached": cached(setup, SAMPLES // 10, masks=False),
                "autograd, prefix cached, mask given": cached(setup, SAMPLES // 10, masks=True),
                "the matrix products alone": products(setup, SAMPLES // 10),
            },
            limits={"nn.Dropout loop": 10.0, "autograd, prefix cached": 2.5, "the matrix products alone": 1 / 1.5},
            scales={
                "nn.Dropout loop": 20.0,
                "autograd, prefix cached": 10.0,
                "autograd, prefix cached, mask given": 10.0,
                "the matrix products alone": 10.0,
            },
        )
        table += compare(
            f"{SAMPLES} dropout gradients after layer 2, n={n}, P=2500",
            ("written out, prefix cached", ours(setup, 2, SAMPLES)),
            {"nn.Dropout loop": naive(setup, 2, SAMPLES // 20)},
            limits={"nn.Dropout loop": 7.0},
            scales={"nn.Dropout loop": 20.0},
        )
        table += mask_rows(n)
        for size, width in ((1_000, 50), (4_000, 50), (20_000, 50), (40_000, 50), (n, 100), (n, 200)):
            grown = trained_network(size, width=width)
            table += compare(
                f"{GROWTH_SAMPLES} dropout gradients after layer 1, n={size}, P={width**2}",
                ("written out, prefix cached", ours(grown, 1, GROWTH_SAMPLES)),
                {"the matrix products alone": products(grown, GROWTH_SAMPLES)},
                note="growth",
            )
        return table
