"""Hessian-vector products and dense Hessians of a ResNet-20's and a decoder's block, against curvlinops and its kin.

The networks have the sizes of paper A, App. A: ResNet-20 with the first convolution of its first block (P = 2,304), and
a decoder of three layers with d_model = 50, d_k = 20, h = 4, d_ff = 256 with the query projection of its first layer (P
= 4,000). Every library gets the activations that the block reads, so that only what it does with them is compared, and
its operator is built beforehand.
"""

import argparse
import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from benchmarks.harness import Row, compare, error_row, print_table
from benchmarks.harness import threads as use_threads
from dropscape.curvature.hessian import HessianProducts, block_hessian, hessian_products
from dropscape.curvature.products import HessianOperator
from dropscape.numerics.seeds import torch_generator

# Examples: this share of ``n``, because a product on one image takes some 10 ms.
SHARE_OF_N = 500
VECTORS = 4
# A peer computes every so manieth column of a dense Hessian: each costs the same.
SHARE = 250
CLASSES, WORDS, LENGTH = 10, 1000, 16
PROMISED = 2  # times the better peer


class Residual(nn.Module):
    """Two convolutions with batch norms beside a shortcut; the first may halve the image."""

    def __init__(self, fan_in: int, width: int):
        super().__init__()
        stride = 1 if fan_in == width else 2
        self.conv1, self.norm1 = nn.Conv2d(fan_in, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.short = nn.Conv2d(fan_in, width, 1, stride, bias=False) if stride == 2 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(hidden)) + self.short(x))


class ResidualStages(nn.Module):
    """ResNet-20 without its stem: reads (n, 16, 32, 32)."""

    def __init__(self) -> None:
        super().__init__()
        widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        self.blocks = nn.Sequential(*(Residual(*pair) for pair in pairwise(widths)))
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x).mean((2, 3)))


class Attention(nn.Module):
    """Multi-head attention as in the papers, written out."""

    def __init__(self, width: int = 50, heads: int = 4, size: int = 20):
        super().__init__()
        self.heads, self.size = heads, size
        self.query, self.key, self.value = (nn.Linear(width, heads * size, bias=False) for _ in range(3))
        self.out = nn.Linear(heads * size, width, bias=False)

    def forward(self, x: Tensor, read: Tensor, causal: bool) -> Tensor:
        pairs = ((self.query, x), (self.key, read), (self.value, read))
        q, k, v = (project(y).unflatten(-1, (self.heads, self.size)).transpose(-2, -3) for project, y in pairs)
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.size)
        if causal:
            scores = scores + torch.full(scores.shape[-2:], -1e9, dtype=x.dtype).triu(1)
        return self.out((scores.softmax(-1) @ v).transpose(-2, -3).flatten(-2))


class DecoderLayer(nn.Module):
    def __init__(self, width: int = 50, inner: int = 256):
        super().__init__()
        self.own, self.cross = Attention(width), Attention(width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.inner = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.norms[0](x + self.own(x, x, causal=True))
        x = self.norms[1](x + self.cross(x, memory, causal=False))
        return self.norms[2](x + self.inner(x))


class Decoder(nn.Module):
    """Reads (n, 2, length, 50): the target's embeddings and the encoder's output; writes one score a word and
    position."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer() for _ in range(3))
        self.read = nn.Linear(50, WORDS)

    def forward(self, pair: Tensor) -> Tensor:
        x, memory = pair[:, 0], pair[:, 1]
        for layer in self.layers:
            x = layer(x, memory)
        return self.read(x).transpose(1, 2)


def token_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy a token, one mean a sentence: its mean is that of ``nn.CrossEntropyLoss``, which peers get."""
    return cross_entropy(outputs, targets, reduction="none").mean(dim=1)


class Problem:
    """A network, its block, data and loss in the two forms that the libraries read."""

    def __init__(self, kind: str, n: int):
        generator = torch_generator(0, "benchmarks", kind)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.model = (ResidualStages() if kind == "ResNet-20" else Decoder()).eval()
        if kind == "ResNet-20":
            self.block = ("blocks.0.conv1.weight",)
            self.inputs = torch.randn(n, 16, 32, 32, generator=generator).relu()
            self.targets = torch.randint(CLASSES, (n,), generator=generator)
            self.loss = "cross_entropy"
        else:
            self.block = ("layers.0.own.query.weight",)
            self.inputs = torch.randn(n, 2, LENGTH, 50, generator=generator)
            self.targets = torch.randint(WORDS, (n, LENGTH), generator=generator)
            self.loss = token_loss
        self.mean_loss = nn.CrossEntropyLoss()
        self.size = self.model.get_parameter(self.block[0]).numel()
        self.name = f"{kind}, P={self.size}, n={n}"

    def products(self) -> HessianProducts:
        return hessian_products(self.model, self.block, (self.inputs, self.targets), self.loss)

    def exact(self, vectors: Tensor) -> Tensor:
        return HessianOperator(self.model, self.block, self.inputs, self.targets, self.loss, torch.float64)(vectors)

    def dense(self) -> Tensor:
        return block_hessian(self.model, self.block, (self.inputs, self.targets), self.loss).matrix

    def curvlinops(self, kind: str = "HessianLinearOperator") -> object:
        import curvlinops

        return getattr(curvlinops, kind)(
            self.model,
            self.mean_loss,
            [self.model.get_parameter(self.block[0])],
            [(self.inputs, self.targets)],
            check_deterministic=False,
        )

    def eigenthings(self) -> object:
        from hessian_eigenthings import HessianOperator as Operator
        from hessian_eigenthings import match_names, supervised_loss

        return Operator(
            self.model,
            [(self.inputs, self.targets)],
            supervised_loss(self.mean_loss),
            param_filter=match_names(*self.block),
        )


def product_rows(problem: Problem) -> list[Row]:
    """The same few vectors by each library; the peer with columns gets them all at once or one by one."""
    vectors = torch.randn(VECTORS, problem.size, generator=torch_generator(0, "benchmarks", "vectors"))
    ours, curvlinops, eigenthings = problem.products(), problem.curvlinops(), problem.eigenthings()
    peers = {
        "curvlinops, all columns at once": lambda: curvlinops @ vectors.T,
        "curvlinops, one by one": lambda: [curvlinops @ vector for vector in vectors],
        "hessian-eigenthings": lambda: [eigenthings.matvec(vector) for vector in vectors],
    }
    name = f"{VECTORS} Hessian-vector products, {problem.name}"
    table = compare(
        name,
        (f"hessian_products, {ours.method}", lambda: ours.multiply(vectors)),
        peers,
        limits=dict.fromkeys(peers, PROMISED),
    )
    exact = problem.exact(vectors)
    error = float((ours.multiply(vectors).double() - exact).norm() / exact.norm())
    return [*table, error_row(f"{name}, error", "float32", error, "to double backward in float64", 1e-5)]


def dense_rows(problem: Problem) -> list[Row]:
    """The whole matrix; peers on evenly spaced columns, as many at once as they are given."""
    columns = one_hot(torch.arange(0, problem.size, SHARE), problem.size).float()
    share = problem.size / len(columns)
    method = block_hessian(problem.model, problem.block, (problem.inputs[:4], problem.targets[:4]), problem.loss).method
    hessian, eigenthings = problem.curvlinops(), problem.eigenthings()
    peers = {
        "curvlinops": lambda: hessian @ columns.T,
        "hessian-eigenthings": lambda: [eigenthings.matvec(column) for column in columns],
    }
    if method == "jacobian":
        # Then the Gauss-Newton matrix is the Hessian.
        gauss_newton = problem.curvlinops("GGNLinearOperator")
        peers["curvlinops, Gauss-Newton"] = lambda: gauss_newton @ columns.T
    table = compare(
        f"dense Hessian, {problem.name}",
        (f"block_hessian, {method}", problem.dense),
        peers,
        limits=dict.fromkeys(peers, PROMISED),
        scales=dict.fromkeys(peers, share),
        measure_memory=method == "jacobian",
    )
    rows = columns[::4]
    exact = problem.exact(rows)
    found = problem.dense()[rows.argmax(dim=1)].double()
    error = float((found - exact).norm() / exact.norm())
    table.append(error_row(f"dense Hessian, {problem.name}, error", "float32", error, "to float64 products", 1e-4))
    return table


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """Every row of this benchmark."""
    with use_threads(threads):
        table = []
        for kind in ("ResNet-20", "decoder"):
            problem = Problem(kind, max(4, n // SHARE_OF_N))
            table += product_rows(problem) + dense_rows(problem)
        return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    print_table(rows(**vars(parser.parse_args())))
