"""The dense exact Hessian of the 50x50 block: time, error and memory against curvlinops and plain double backward."""

import argparse
import copy
from collections.abc import Callable
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.harness import Row, bound_row, compare, error_row, peak_memory_mib, print_table
from benchmarks.harness import threads as use_threads
from benchmarks.setup import Setup, trained_network
from dropscape.curvature import hessian
from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.kronecker import KroneckerProducts
from dropscape.numerics.certificates import Certificate

# curvlinops was fastest with these among batches of 100 to 10,000 examples and 1 to 250 columns at once.
CURVLINOPS_BATCH, CURVLINOPS_COLUMNS = 1000, 50
# A slow peer computes every SHAREth column: each costs the same, so the whole costs SHARE times as much.
SHARE = 10
ERROR_ROWS = 100


class Suffix(nn.Module):
    """The layers from the block on, so that a peer too can start from the activations that the block reads."""

    def __init__(self, setup: Setup):
        super().__init__()
        _, self.block, self.output = (nn.Linear(unit.in_features, unit.out_features) for unit in setup.model.layers)
        self.block.load_state_dict(setup.model.layers[1].state_dict())
        self.output.load_state_dict(setup.model.layers[2].state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.output(torch.relu(self.block(x)))


def ours(setup: Setup, dtype: torch.dtype = torch.float32) -> Tensor:
    return block_hessian(setup.model, setup.block, (setup.inputs, setup.targets), dtype=dtype).matrix


def half_size_product(n: int, width: int) -> Callable[[], Tensor]:
    """The one product that both symmetries leave, of random numbers that are ready in memory."""
    pairs = width * (width + 1) // 2
    left, right = torch.rand(pairs, n), torch.rand(n, pairs)
    return lambda: left @ right


def curvlinops_columns(setup: Setup, columns: Tensor) -> Tensor:
    """The Hessian's ``columns`` by curvlinops, which gets the activations before the block, at its best setting."""
    from curvlinops import HessianLinearOperator

    model = Suffix(setup)
    with torch.no_grad():
        inputs = setup.model.hidden(setup.inputs, 1)
    data = list(zip(inputs.split(CURVLINOPS_BATCH), setup.targets.split(CURVLINOPS_BATCH), strict=True))
    weight = model.block.weight
    operator = HessianLinearOperator(model, nn.CrossEntropyLoss(), [weight], data, check_deterministic=False)
    matrix = torch.empty(weight.numel(), len(columns))
    for part, out in zip(columns.split(CURVLINOPS_COLUMNS), matrix.split(CURVLINOPS_COLUMNS, dim=1), strict=True):
        out.copy_(operator @ nn.functional.one_hot(part, weight.numel()).T.to(weight.dtype))
    return matrix


def double_backward_rows(setup: Setup, rows: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The Hessian's ``rows`` one by one into preallocated memory; activations before the block computed once."""
    model = copy.deepcopy(setup.model).to(dtype).requires_grad_(False)
    inputs = model.hidden(setup.inputs.to(dtype), 1)
    layer, output = model.layers[1:]
    weight = layer.weight.requires_grad_()
    loss = cross_entropy(output(torch.relu(layer(inputs))), setup.targets)
    gradient = torch.autograd.grad(loss, weight, create_graph=True)[0].flatten()
    matrix = torch.empty(len(rows), weight.numel(), dtype=dtype)
    for number, row in enumerate(rows):
        matrix[number] = torch.autograd.grad(gradient[row], weight, retain_graph=True)[0].flatten()
    return matrix


def speed_rows(n: int) -> list[Row]:
    setup = trained_network(n)
    size = setup.model.layers[1].weight.numel()
    some = torch.arange(0, size, SHARE)
    return compare(
        f"dense Hessian 50x50, n={n}",
        ("block_hessian", lambda: ours(setup)),
        {
            "curvlinops": lambda: curvlinops_columns(setup, some),
            "double backward by rows": lambda: double_backward_rows(setup, some),
        },
        limits={"curvlinops": 45, "double backward by rows": 25},
        scales={"curvlinops": SHARE, "double backward by rows": SHARE},
    )


def certificate_rows(n: int) -> list[Row]:
    """What the certificate costs of a Hessian: at most a twentieth."""
    setup = trained_network(n)

    def uncertified() -> Tensor:
        with (
            mock.patch.object(hessian, "certify_matrix", lambda *_: Certificate((), 0)),
            mock.patch.object(KroneckerProducts, "add_to", lambda *_: None),
        ):
            return ours(setup)

    return compare(
        f"dense Hessian 50x50, n={n}, certificate",
        ("block_hessian", lambda: ours(setup)),
        {"without its certificate": uncertified},
        repeats=15,
        limits={"without its certificate": 1 / 1.05},
    )


def error_rows(n: int) -> list[Row]:
    """Relative Frobenius errors on evenly spaced rows, against plain float64 double backward."""
    setup = trained_network(n)
    rows = torch.arange(0, setup.model.layers[1].weight.numel(), 2500 // ERROR_ROWS)
    reference = double_backward_rows(setup, rows, torch.float64)

    def error(matrix: Tensor) -> float:
        return float((matrix.double() - reference).norm() / reference.norm())

    name, peer = f"dense Hessian 50x50, n={n}, error", "promised, to float64 autograd"
    note = f"{len(rows)} evenly spaced rows"
    autograd = error(double_backward_rows(setup, rows))
    return [
        error_row(name, "float32", error(ours(setup)[rows]), peer, 2e-6, f"{note}; float32 autograd: {autograd:.1e}"),
        error_row(name, "float64", error(ours(setup, torch.float64)[rows]), peer, 1e-12, note),
    ]


def memory_rows(n: int) -> list[Row]:
    setup = trained_network(n)
    peak = peak_memory_mib(lambda: ours(setup))
    own = setup.model.layers[1].weight.numel() ** 2 * 4 / 2**20
    return [
        bound_row(f"dense Hessian 50x50, n={n}, memory", "peak", peak, "4x the Hessian's own", 4 * own, "MiB"),
    ]


def growth_rows(n: int) -> list[Row]:
    """How the time grows with the examples and with the block's width, next to the product that bounds it."""
    rows = []
    for examples in (n // 10, 4 * n // 10, n, 4 * n):
        setup = trained_network(examples)
        limit = 1 / 1.5 if examples >= 40_000 else 1 / 2.0
        rows += compare(
            f"dense Hessian 50x50, n={examples}",
            ("block_hessian", lambda setup=setup: ours(setup)),
            {"half-size product": half_size_product(examples, 50)},
            limits={"half-size product": limit} if examples >= n else None,
        )
    for width in (50, 100, 200):
        # The time is proportional to n, so fewer examples tell the same; at 200 the matrix alone takes 6 GB.
        examples = n // 20
        setup = trained_network(examples, width)
        rows += compare(
            f"dense Hessian {width}x{width}, n={examples}",
            ("block_hessian", lambda setup=setup: ours(setup)),
            {"half-size product": half_size_product(examples, width)},
            measure_memory=width < 200,
        )
    return rows


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """Every row of this benchmark."""
    with use_threads(threads):
        return [*speed_rows(n), *certificate_rows(n), *error_rows(n), *memory_rows(n), *growth_rows(n)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    print_table(rows(**vars(parser.parse_args())))
