"""``python -m benchmarks.accuracy``: how far float32 Hessians are from float64, the smaller the loss the harder.

A network 784-20-20-10 learns 500 real digits. At losses from 1 to 1e-8 the Hessian of its middle layer, 400 x 400, is
computed in float32 by dropscape, by autograd on torch's own cross-entropy and by the peers that have one; the truth is
autograd in float64 at the same float32 parameters. An error is |H - truth| / |truth|, in Frobenius norms. What autograd
loses is what the float32 softmax loses; its rows come from ``torch.func``. The last column counts the ReLUs behind the
block that rounding of the pre-activation switches: then float32 has the Hessian of another network, whoever computes
it.
"""

import copy
import platform

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev

from benchmarks.setup import digits
from dropscape import block_hessian

BLOCK = "layers.1.weight"
LOSSES = [10.0**-exponent for exponent in range(9)]
STEPS = 40_000
CHUNK = 50  # rows of a Hessian at once


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(784, 20), nn.Linear(20, 20), nn.Linear(20, 10)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


def networks(inputs: Tensor, targets: Tensor) -> list[Network]:
    """The network when its mean loss, in float64, first falls below each of ``LOSSES``."""
    torch.manual_seed(0)
    network, found = Network().double(), []
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(inputs.double()), targets)
        if loss.item() < LOSSES[len(found)]:
            found.append(copy.deepcopy(network).float().eval())
            if len(found) == len(LOSSES):
                break
        loss.backward()
        optimizer.step()
    return found


def autograd_hessian(network: Network, inputs: Tensor, targets: Tensor) -> Tensor:
    """The Hessian of the block as ``torch.func`` gives it, (P, P)."""
    start = dict(network.named_parameters())[BLOCK].detach()

    def loss(vector: Tensor) -> Tensor:
        outputs = functional_call(network, {BLOCK: vector.view_as(start)}, inputs)
        return nn.functional.cross_entropy(outputs, targets)

    return jacrev(grad(loss), chunk_size=CHUNK)(start.flatten()).detach()


def curvlinops_hessian(network: Network, inputs: Tensor, targets: Tensor) -> Tensor:
    from curvlinops import HessianLinearOperator

    weight = network.get_parameter(BLOCK)
    data = [(inputs, targets)]
    operator = HessianLinearOperator(network, nn.CrossEntropyLoss(), [weight], data, check_deterministic=False)
    return operator @ torch.eye(weight.numel())


def eigenthings_hessian(network: Network, inputs: Tensor, targets: Tensor) -> Tensor:
    from hessian_eigenthings import HessianOperator, match_names, supervised_loss

    operator = HessianOperator(
        network, [(inputs, targets)], supervised_loss(nn.CrossEntropyLoss()), param_filter=match_names(BLOCK)
    )
    return torch.stack([operator.matvec(row) for row in torch.eye(network.get_parameter(BLOCK).numel())])


def switched(network: Network, exact: Network, inputs: Tensor) -> int:
    """How many pre-activations of the block's layer have another sign in float32."""
    rough, fine = (
        (one.layers[1](one.layers[0](x).relu()) > 0) for one, x in ((network, inputs), (exact, inputs.double()))
    )
    return int((rough != fine).sum())


def relative(found: Tensor, truth: Tensor) -> float:
    return float((found.double() - truth).norm() / truth.norm())


PEERS = (autograd_hessian, curvlinops_hessian, eigenthings_hessian)


def main() -> None:
    inputs, targets = digits(500)
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    columns = "loss", "dropscape", "autograd", "curvlinops", "hessian-eigenthings", "switched of 10,000"
    print("|", " | ".join(columns), "|\n" + "|---" * len(columns) + "|")
    for network in networks(inputs, targets):
        exact = copy.deepcopy(network).double()
        truth = autograd_hessian(exact, inputs.double(), targets)
        with torch.no_grad():
            loss = float(nn.functional.cross_entropy(exact(inputs.double()), targets))
        found = [block_hessian(network, BLOCK, (inputs, targets)).matrix]
        found += [peer(network, inputs, targets) for peer in PEERS]
        errors = " | ".join(f"{relative(one, truth):.1e}" for one in found)
        print(f"| {loss:.1e} | {errors} | {switched(network, exact, inputs)} |", flush=True)


if __name__ == "__main__":
    main()
