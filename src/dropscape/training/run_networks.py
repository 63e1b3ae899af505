"""The networks that a run trained, and its risk."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from dropscape.data.examples import Examples
from dropscape.models.losses import PerExampleLoss, smoothed_entropy, training_loss
from dropscape.models.registry import with_data_dimensions
from dropscape.models.restored import networks_of_seeds
from dropscape.training.backends import has_one_hidden_mask


def load_networks(
    settings: Mapping[str, Any], stacked: Mapping[str, Tensor], examples: Examples, with_dropout: bool = False
) -> Iterator[tuple[int, nn.Module]]:
    """Yield ``(seed, network)`` for every seed of a run, in evaluation mode, on the device of the examples.

    Args:
        settings: ``model`` and ``seeds``; with dropout also the run's ``keep_prob`` and ``dropout_after``.
        stacked: ``{name: (S, ...)}`` as its training wrote them.
        examples: of the run; they decide a transformer's vocabularies.
        with_dropout: whether masks will be drawn; those after one hidden layer need none here (``sampling.gradients``).
    """
    architecture = with_data_dimensions(settings["model"], examples.description)
    with_layers = with_dropout and not has_one_hidden_mask(settings)
    networks = networks_of_seeds(architecture, stacked, settings["seeds"], with_dropout=with_layers)
    return ((seed, network.to(examples.train_inputs.device)) for seed, network in networks)


def run_risk(settings: Mapping[str, Any], examples: Examples) -> PerExampleLoss:
    """Return the loss of one example whose mean over the training examples is R_S, the risk that the run descends.

    Everything is measured on it, label smoothing included: at the end of training it is this loss that is at a minimum.
    """
    return training_loss(settings["loss"], examples.train_targets, settings["label_smoothing"])


def risk_floor(settings: Mapping[str, Any], network: nn.Module, examples: Examples) -> float:
    """Return the smallest value that the risk can have: the entropy of smoothed targets in nats, else 0.

    The classes are counted on the network's own outputs.
    """
    if not settings["label_smoothing"]:
        return 0.0
    return smoothed_entropy(network(examples.train_inputs[:1]).shape[-1], settings["label_smoothing"])
