"""The sharpest curvature of the loss in all parameters, along trainings with dropout and without.

Gradient descent with a learning rate eta is stable along a direction whose curvature is below 2 / eta; without dropout
the largest eigenvalue of the Hessian of R_S rises to about there and stays (Cohen et al. 2021, "Gradient descent on
neural networks typically occurs at the edge of stability").
"""

from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.curvature.kronecker import kronecker_trace
from dropscape.curvature.products import by_name
from dropscape.curvature.spectrum import spectrum
from dropscape.data.prepared import load_examples
from dropscape.dropout.masks import LayerMasks
from dropscape.jobs import Job
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import PerExampleLoss
from dropscape.numerics.certificates import Certificate
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.training.run_networks import load_networks, run_risk

TOLERANCE = 5e-3  # of the residual, relative to the eigenvalue: at 3e-2 Lanczos may stop at the second largest one


class GivenMasks(nn.Module):
    """A fully-connected network with masks among its inputs: fixed ones, so that its loss is not random.

    It reads (inputs (n, d), factors (n, m_l) of the activation of hidden layer l = ``dropout_after``).
    """

    def __init__(self, network: FullyConnected, dropout_after: int):
        super().__init__()
        self.network, self.dropout_after = network, dropout_after

    def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the outputs, (n, d')."""
        inputs, factors = given
        network = self.network
        hidden = network.hidden(inputs, self.dropout_after) * factors
        return network.after(hidden, self.dropout_after)


def largest_eigenvalue(
    model: nn.Module, inputs: Any, targets: Tensor, loss: str | PerExampleLoss
) -> tuple[dict[str, float], Certificate]:
    """Find the largest eigenvalue of the Hessian of the mean loss in all parameters, its residual and its certificate.

    The residual bounds the distance to the nearest eigenvalue, whichever that is.

    Arguments and errors are those of ``spectrum``. Products are float32, all else float64.
    """
    found = spectrum(model, None, (inputs, targets), loss, top=1, tolerance=TOLERANCE)
    return {"eigenvalue": float(found.eigenvalues[0]), "residual": float(found.residuals[0])}, found.certificate


def differentiated_trace(network: FullyConnected, inputs: Tensor, targets: Tensor, loss: PerExampleLoss) -> float:
    """Compute the trace of the Hessian of the mean loss in all parameters by differentiating the loss twice.

    Unlike ``kronecker_trace`` it knows nothing of the loss and the activation: a layer reads its parameters through
    z = W h + b alone, so that its part is the mean over the examples of (|h|^2 + 1) times the sum of the second
    derivatives of an example's loss by each unit's z. Float32, summed in float64.
    """
    total = 0.0
    for layer in range(network.depth):
        features = network.hidden(inputs, layer).detach()
        leaf = network.layers[layer](features).detach().requires_grad_()
        hidden = network.activate(leaf) if layer < network.depth - 1 else leaf
        losses = loss(network.after(hidden, layer + 1), targets)
        (slopes,) = torch.autograd.grad(losses.sum(), leaf, create_graph=True)
        weights = features.square().sum(dim=1) + 1
        for unit in range(leaf.shape[1]):
            (row,) = torch.autograd.grad(slopes[:, unit].sum(), leaf, retain_graph=True, materialize_grads=True)
            total += float((row[:, unit] * weights).sum(dtype=torch.float64))
    return total / len(inputs)


def drawn_factors(keep_prob: float, network: FullyConnected, layer: int, examples: int, seed: int) -> Tensor:
    """Draw a mask for each example, scaled: (n, m_l) float32 on the network's device.

    The mean of the loss over so many masks is close to its expectation R_S^drop, whatever the training's mask mode.
    """
    weight = network.layers[0].weight
    shape = (network.widths[layer], examples)
    masks = LayerMasks(keep_prob, shape, seed, "curvature", "masks", device=str(weight.device))
    return masks.mask(0).T.to(weight.dtype) / keep_prob


def measure_sharpness(job: Job) -> None:
    """Measure the sharpest curvature of R_S at the recorded steps of runs, and of R_S^drop where that is descended.

    The input ``snapshots`` has those of each of ``runs``. Writes ``sharpness``: run, seed, step; eigenvalue, the
    largest of the Hessian of R_S, residual, and trace, exact, for the squared error (1/n) sum_i |grad f(x_i)|^2 (paper
    B, section VII.B); differentiated_trace, the same without that identity, NaN for another loss; dropout_eigenvalue
    and dropout_residual, those of R_S^drop with one mask per example, NaN in runs without dropout. The provenance holds
    the certificates of both Hessians.
    """
    settings, rows, certificates = job.settings, [], []
    device = chosen_device(settings["device"])
    progress = Progress(f"sharpness {job.name}", len(settings["runs"]))
    files = zip(settings["runs"].items(), job.inputs["snapshots"], strict=True)
    for done, ((run, own), file) in enumerate(files, 1):
        examples = load_examples(job.inputs["data"], own["data"], device)
        inputs, targets, risk = examples.train_inputs, examples.train_targets, run_risk(settings, examples)
        snapshots, recorded = read_tensors(file)
        for number, step in enumerate(recorded["steps"]):
            stacked = {name: values[:, number] for name, values in snapshots.items()}
            for seed, network in load_networks(settings, stacked, examples):
                row = {"run": run, "seed": seed, "step": step}
                found, certificate = largest_eigenvalue(network, inputs, targets, risk)
                certificates.append(row | {"risk": certificate.record()})
                row |= found
                row["trace"] = kronecker_trace(network, inputs, by_name(risk))
                if by_name(risk) == "mse":
                    row["differentiated_trace"] = differentiated_trace(network, inputs, targets, risk)
                if own["keep_prob"] < 1:
                    after = own["dropout_after"]
                    factors = drawn_factors(own["keep_prob"], network, after, len(targets), seed)
                    masked = GivenMasks(network, after)
                    found, certificate = largest_eigenvalue(masked, (inputs, factors), targets, risk)
                    certificates[-1]["risk under dropout"] = certificate.record()
                    row |= {f"dropout_{key}": value for key, value in found.items()}
                rows.append(row)
        progress(done)
    columns = ["run", "seed", "step", "eigenvalue", "residual", "trace", "differentiated_trace"]
    columns += ["dropout_eigenvalue", "dropout_residual"]
    write_table(job.outputs["sharpness"], pd.DataFrame(rows).reindex(columns=columns))
    job.provenance(examples.description, device)["certificates"] = certificates
