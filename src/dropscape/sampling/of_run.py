"""Gradients of a run's block under fresh masks, by whichever way its network and dropout allow."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from dropscape.data.examples import Examples
from dropscape.models.registry import keep_probs
from dropscape.sampling.gradients import dropout_gradients
from dropscape.sampling.modules import module_gradients
from dropscape.training.of_run import risk_of_run
from dropscape.training.roads import has_one_hidden_mask


def gradients_of_run(network: nn.Module, settings: Mapping[str, Any], examples: Examples, **options: Any) -> Tensor:
    """(N, P) gradients of the block.

    Args:
        network: from ``networks_of_run`` with dropout.
        settings: the run's, with the ``keep_prob`` to sample with.
        options: ``samples``, ``seed``, ``device`` and what else both ways take.
    """
    given = (network, settings["block"], examples.train_inputs, examples.train_targets)
    options = {"mask_mode": settings["mask_mode"], **options}
    if has_one_hidden_mask(settings):
        where = {"keep_prob": settings["keep_prob"], "dropout_after": settings["dropout_after"]}
        return dropout_gradients(*given, loss=settings["loss"], **where, **options)
    where = {"keep_prob": keep_probs(settings), "micro_batch": settings["micro_batch"]}
    return module_gradients(*given, risk_of_run(settings, examples), **where, **options)
