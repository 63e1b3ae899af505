"""The ten largest Hessian eigenvalues of the 50x50 block, without the matrix, against PyHessian and its kin."""

import argparse
import contextlib
import copy
import io

import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn

from benchmarks.harness import Row, bound_row, compare, print_table
from benchmarks.harness import threads as use_threads
from benchmarks.setup import Setup, trained_network
from dropscape.curvature.products import HessianOperator
from dropscape.curvature.spectrum import spectrum
from dropscape.models.fnn import FullyConnected

COUNT = 10
PYHESSIAN = "PyHessian, its defaults"
# As many Lanczos steps as ours needs for its tolerance; the default of 20 is less accurate, more steps take longer.
LANCZOS_STEPS = 22
EIGENTHINGS = f"hessian-eigenthings, {LANCZOS_STEPS} steps"
# The question answered as well as each peer answers it: the largest error of ours is then below that of the peer.
TOLERANCES = {PYHESSIAN: 3e-3, EIGENTHINGS: 1e-4}


def ours(setup: Setup, tolerance: float = 1e-5) -> Tensor:
    found = spectrum(setup.model, setup.block, (setup.inputs, setup.targets), top=COUNT, tolerance=tolerance)
    return found.eigenvalues


def reference(setup: Setup) -> Tensor:
    """By double backward in float64 and ARPACK, which share no code with the structured products and our Lanczos."""
    multiply = HessianOperator(
        setup.model, setup.block, setup.inputs, setup.targets, "cross_entropy", dtype=torch.float64
    )
    operator = LinearOperator(
        (multiply.size, multiply.size),
        matvec=lambda vector: multiply(torch.from_numpy(vector.reshape(1, -1)))[0].numpy(),
        dtype="float64",
    )
    values = eigsh(operator, COUNT, which="LA", tol=1e-12, return_eigenvectors=False)
    return torch.from_numpy(values).sort(descending=True).values


def _with_block_only(setup: Setup) -> FullyConnected:
    """A copy whose other parameters need no gradient, so that a peer that has no blocks computes this one only."""
    model = copy.deepcopy(setup.model)
    for name, value in model.named_parameters():
        value.requires_grad_(name in setup.block)
    return model


def pyhessian(setup: Setup, tolerance: float = 1e-3, iterations: int = 100) -> Tensor:
    """Power iteration, by default with the package's own tolerance and limit; its graph is built once."""
    from pyhessian import hessian

    torch.manual_seed(0)
    with contextlib.redirect_stderr(io.StringIO()):
        found = hessian(
            _with_block_only(setup), nn.CrossEntropyLoss(), data=(setup.inputs, setup.targets), cuda=False
        ).eigenvalues(maxIter=iterations, tol=tolerance, top_n=COUNT)[0]
    return torch.tensor(found, dtype=torch.float64)


def hessian_eigenthings(setup: Setup) -> Tensor:
    """Its Lanczos with full reorthogonalisation on one batch of all examples."""
    from hessian_eigenthings import HessianOperator, lanczos, match_names, supervised_loss

    operator = HessianOperator(
        _with_block_only(setup),
        [(setup.inputs, setup.targets)],
        supervised_loss(nn.CrossEntropyLoss()),
        param_filter=match_names(*setup.block),
    )
    found = lanczos(operator, k=COUNT, max_iter=LANCZOS_STEPS, which="LA", seed=0)
    return found.eigenvalues.double().sort(descending=True).values


def error(found: Tensor, exact: Tensor) -> float:
    """Largest relative error of an eigenvalue."""
    return float(((found - exact) / exact).abs().max())


def rows(n: int = 10_000, threads: int = 1) -> list[Row]:
    """Every row of this benchmark."""
    with use_threads(threads):
        setup = trained_network(n)
        exact = reference(setup)
        peers = {
            PYHESSIAN: pyhessian,
            "PyHessian, tol=1e-6": lambda setup: pyhessian(setup, 1e-6, 1000),
            EIGENTHINGS: hessian_eigenthings,
        }
        errors = {name: error(peer(setup), exact) for name, peer in peers.items()}
        name = f"top {COUNT} eigenvalues 50x50, n={n}"
        timed = compare(
            name,
            ("spectrum", lambda: ours(setup)),
            {peer: lambda run=run: run(setup) for peer, run in peers.items()},
            limits={"PyHessian, tol=1e-6": 10},
        )
        compared = [("spectrum", error(ours(setup), exact), peer) for peer in peers]
        for peer, tolerance in TOLERANCES.items():
            call = f"spectrum, tolerance={tolerance:g}"
            timed += compare(
                name,
                (call, lambda tolerance=tolerance: ours(setup, tolerance)),
                {peer: lambda run=peers[peer]: run(setup)},
                limits={peer: 10},
            )
            compared.append((call, error(ours(setup, tolerance), exact), peer))
        return timed + [
            bound_row(f"{name}, error", call, value, peer, errors[peer], "largest relative errors")
            for call, value, peer in compared
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    print_table(rows(**vars(parser.parse_args())))
