"""Sampled gradients of dropout, of any network by the fastest method: paper A sections 3.3 and 3.4.2."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dropscape.curvature.products import by_name, refuse_random_objective
from dropscape.dropout.layers import ModuleMasks, dropout_layers
from dropscape.dropout.masks import LayerMasks, check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.block import dense_layer_of_block, in_words
from dropscape.models.block_loss import Block, Forward, block_loss
from dropscape.models.fnn import FullyConnected, is_changed
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.models.prefix_suffix import Inputs
from dropscape.numerics.autograd_modes import as_measured
from dropscape.numerics.certificates import Certificate
from dropscape.sampling.certificate import certify_closed_form, certify_draws
from dropscape.sampling.closed_form import check_dropout_after, closed_form_gradients
from dropscape.sampling.modules import masked_draws, prepared


@dataclass(frozen=True, eq=False, repr=False)
class DropoutGradients:
    """Gradients of a block under fresh masks at frozen parameters; an array (N, P) where one is wanted."""

    samples: Tensor  # (N, P), float32 or float64, in the order of ``block_vector``, on the device that computed them
    method: Literal["closed form", "autograd"]
    block: tuple[str, ...]  # the parameters' names
    keep_probs: Mapping[str, float]  # of each dropout layer that draws
    mask_mode: str
    certificate: Certificate

    @property
    def masks(self) -> int:
        """How many layers draw a mask."""
        return len(self.keep_probs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The samples as numpy sees them."""
        values = self.samples.cpu().numpy()
        return values.astype(dtype or values.dtype, copy=bool(copy))

    def __repr__(self) -> str:
        n, size = self.samples.shape
        kept = ", ".join(f"{keep:g}" for keep in sorted(set(self.keep_probs.values())))
        return (
            f"DropoutGradients({n} gradients of {size} parameters of {in_words(self.block)}; method '{self.method}'; "
            f"masks '{self.mask_mode}' of {self.masks} layers, keep probability {kept}; {self.certificate})"
        )

    def to_pandas(self) -> pd.DataFrame:
        """The samples as a table, (N, P), its columns numbered as in ``block_vector``."""
        return pd.DataFrame(self.samples.cpu().numpy())

    def variances(self) -> Tensor:
        """Compute the min(N - 1, P) largest eigenvalues of the covariance (factor 1/N), float64, descending."""
        samples = self.samples.double()
        n, size = samples.shape
        centred = samples - samples.mean(dim=0)
        gram = centred @ centred.T if n <= size else centred.T @ centred
        return torch.linalg.eigvalsh(gram).flip(0)[: min(n - 1, size)] / n

    def plot(self, axes: Any = None) -> Any:
        """Draw the variances along the principal directions against their indices; returns the axes."""
        from matplotlib import pyplot

        axes = axes or pyplot.figure().gca()
        values = self.variances().cpu().numpy()
        axes.plot(np.arange(1, len(values) + 1), values, ".")
        axes.set(xlabel="principal direction", ylabel="variance", yscale="log")
        return axes


@as_measured()
def dropout_gradients(
    model: nn.Module,
    block: Block,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    *,
    samples: int,
    keep_prob: float | Sequence[float] | None = None,
    seed: int = 0,
    mask_mode: str = "per_example",
    forward: Forward | None = None,
    device: str | torch.device | None = None,
    micro_batch: int = 256,
    progress: Callable[[int, int], None] | None = None,
    purpose: str = "gradients",
    dropout_after: int | None = None,
) -> DropoutGradients:
    """Sample gradients of R_S^drop with respect to the block under fresh masks at frozen parameters.

    Dropout acts where the model has torch's dropout layers or ``MaskedDropout``, each with its own keep probability
    (1 - p) unless ``keep_prob`` says otherwise. All else is in evaluation mode. The model is not touched.

    A ``FullyConnected`` is given dropout after one of its hidden layers by ``dropout_after``; the gradient of the
    weight of one layer is then written out, some ten times faster than autograd. Sample i depends on seed, purpose
    and i alone, so that more samples continue fewer, and two with different purposes are independent.

    Args:
        model: maps inputs (n, ...) to outputs (n, ...).
        block: a parameter's name, names, or a submodule.
        data: (inputs, targets), a dictionary, a Dataset or a DataLoader; these three and what follows as in
            ``block_loss``.
        loss: "cross_entropy", "mse", a loss of ``torch.nn`` or a callable (outputs, targets) -> (n,).
        samples: N.
        keep_prob: of all dropout layers, or of each in the order of ``dropout_layers``.
        seed: of the masks.
        mask_mode: ``per_example`` draws each example's mask, as ``nn.Dropout`` does; ``shared`` one for all examples.
        forward: (model, inputs) -> outputs, where the model does not give them by itself.
        device: where to compute; None: where the model is.
        micro_batch: see ``masked_draws``.
        progress: called with (done, samples).
        purpose: names these samples.
        dropout_after: the hidden layer of a ``FullyConnected``, from 1.

    Raises:
        ConfigurationError: no layer drops anything, so that all samples would be the same; the forward pass draws
            random numbers of its own (``dropout.probe``); a layer cannot be converted (``dropout.convert``); or
            arguments that do not fit the model.
        CertificateError: the gradients are wrong (``sampling.certificate``).
    """
    for name, value in {"samples": samples, "micro_batch": micro_batch}.items():
        if not isinstance(value, Integral) or value < 1:
            raise ConfigurationError(f"{name} is {value!r}; write a whole number, at least 1.")
    given = block_loss(model, block, data, loss, forward)
    model, block, inputs, targets, loss = given.given
    device = next(model.parameters()).device if device is None else device
    options = {"samples": samples, "seed": seed, "mask_mode": mask_mode, "purpose": purpose, "device": device}
    options["progress"] = progress
    if dropout_after is not None:
        model, keep_prob = _with_dropout_after(model, dropout_after, keep_prob)
        name = by_name(loss)
        if _has_closed_form(model, block, inputs, name) and keep_prob[dropout_after - 1] < 1:
            only = {"keep_prob": keep_prob[dropout_after - 1], "dropout_after": dropout_after, "loss": name}
            rows = closed_form_gradients(model, block, inputs, targets, **only, **options)

            def masks(shape: tuple[int, int]) -> LayerMasks:
                return LayerMasks(only["keep_prob"], shape, seed, "sampling", purpose, mask_mode, rows.device)

            certificate = certify_closed_form(model, block, inputs, targets, rows, masks, **only)
            keep_probs = {f"dropouts.{dropout_after - 1}": only["keep_prob"]}
            return _demanded(DropoutGradients(rows, "closed form", block, keep_probs, mask_mode, certificate))
    masked, keep_probs = prepared(model, inputs, keep_prob)
    if not keep_probs:
        raise _nothing_dropped(masked)
    refuse_random_objective(masked.eval(), inputs, targets, loss)
    rows = torch.empty(0)
    given = (masked, block, inputs, targets, output_loss(loss))
    for number, (_, gradient) in enumerate(masked_draws(*given, micro_batch=micro_batch, **options)):
        rows = rows if number else gradient.new_empty(samples, len(gradient))
        rows[number] = gradient
    masks = ModuleMasks(seed, "sampling", purpose, mask_mode)
    again = {"seed": seed, "purpose": purpose, "mask_mode": mask_mode, "micro_batch": micro_batch}
    certificate = certify_draws(*given, rows, masks, **again)
    return _demanded(DropoutGradients(rows, "autograd", block, keep_probs, mask_mode, certificate))


def _demanded(found: DropoutGradients) -> DropoutGradients:
    found.certificate.demand(
        f"the gradient of {in_words(found.block)} under dropout",
        "write the layer whose derivative is wrong another way, or float64 if rounding does it",
    )
    return found


def _with_dropout_after(
    model: nn.Module, layer: int, keep_prob: float | Sequence[float] | None
) -> tuple[MaskedFullyConnected, tuple[float, ...]]:
    """Give a fully-connected network its dropout layers, and each its keep probability: 1 but for the one."""
    if type(model) not in (FullyConnected, MaskedFullyConnected):
        raise ConfigurationError(
            f"dropout_after is {layer}, but the model is a {type(model).__name__}, not a FullyConnected; leave "
            "dropout_after out: dropout acts where the model has a dropout layer."
        )
    if is_changed(model):
        raise ConfigurationError(
            f"dropout_after is {layer}, but the {type(model).__name__} has hooks or a forward of its own, which the "
            "network with dropout would not have; leave dropout_after out and give the model dropout layers."
        )
    check_dropout_after(model, layer)
    if not isinstance(keep_prob, Real):
        raise ConfigurationError(
            f"keep_prob is {keep_prob} with dropout_after {layer}; write the probability that a unit of that layer is "
            "kept, for example keep_prob=0.8."
        )
    check_keep_prob(keep_prob)
    keep_probs = tuple(keep_prob if number == layer else 1.0 for number in range(1, model.depth))
    return MaskedFullyConnected.taken_from(model), keep_probs


def _has_closed_form(model: nn.Module, block: Sequence[str], inputs: Inputs, loss: str | PerExampleLoss) -> bool:
    """Tell whether ``closed_form`` knows the gradient; a weight that two layers share is in neither's alone."""
    return (
        isinstance(loss, str)
        and dense_layer_of_block(block) is not None
        and isinstance(inputs, Tensor)
        and model.layers[0].weight.dtype in (torch.float32, torch.float64)
        and len({id(layer.weight) for layer in model.layers}) == model.depth
    )


def _nothing_dropped(masked: nn.Module) -> ConfigurationError:
    """Say why all samples would be the same."""
    layers = dropout_layers(masked)
    if layers and all(layer.keep_prob == 1 for layer in layers.values()):
        what = "dropout layers keep everything", "write a keep_prob below 1, the share that is kept"
    elif layers:
        what = f"forward pass calls none of the dropout layers ({', '.join(layers)})", "call them there"
    elif isinstance(masked, FullyConnected):
        what = "FullyConnected has no dropout", "write dropout_after, the hidden layer that it follows, and keep_prob"
    else:
        what = "model has no dropout layer with p > 0", "put an nn.Dropout(p) where dropout acts"
    return ConfigurationError(f"all gradients would be the same, because the {what[0]}; {what[1]}.")
