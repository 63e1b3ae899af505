"""The networks that a run trained, and its risk, as every stage that measures them needs both."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from dropscape.data.examples import Examples
from dropscape.models.losses import PerExampleLoss, training_loss
from dropscape.models.registry import fitted
from dropscape.models.restored import networks_of_seeds
from dropscape.training.roads import has_one_hidden_mask


def networks_of_run(
    settings: Mapping[str, Any], stacked: Mapping[str, Tensor], examples: Examples, with_dropout: bool = False
) -> Iterator[tuple[int, nn.Module]]:
    """``(seed, network)`` for every seed of a run, in evaluation mode.

    Args:
        settings: ``model`` and ``seeds``; with dropout also the run's ``keep_prob`` and ``dropout_after``.
        stacked: ``{name: (S, ...)}`` as its training wrote them.
        examples: of the run; they decide a transformer's vocabularies.
        with_dropout: whether masks will be drawn in the network. A fully-connected network with one dropout layer
            needs no place for them (``sampling.gradients``).
    """
    architecture = fitted(settings["model"], examples.description)
    places = with_dropout and not has_one_hidden_mask(settings)
    return networks_of_seeds(architecture, stacked, settings["seeds"], with_dropout=places)


def risk_of_run(settings: Mapping[str, Any], examples: Examples) -> PerExampleLoss:
    """The loss of one example whose mean over the training examples is R_S, that which the run descends.

    Everything is measured on it, label smoothing included: at the end of training it is this loss that is at a minimum.
    """
    return training_loss(settings["loss"], examples.train_targets, settings["label_smoothing"])
