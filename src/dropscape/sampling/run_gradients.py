"""Samples gradients of a run's block under fresh masks, by the fastest method for its network and dropout."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from dropscape.data.examples import Examples
from dropscape.models.registry import keep_probs
from dropscape.sampling.gradients import dropout_gradients
from dropscape.sampling.modules import module_gradients
from dropscape.training.backends import has_one_hidden_mask
from dropscape.training.run_networks import run_risk


def run_gradients(network: nn.Module, settings: Mapping[str, Any], examples: Examples, **options: Any) -> Tensor:
    """Sample gradients of the block, (N, P), of a network from ``load_networks`` with dropout.

    ``settings`` are the run's, with the ``keep_prob`` to sample with; ``options`` are ``samples``, ``seed``, ``device``
    and what else both methods take.
    """
    given = (network, settings["block"], examples.train_inputs, examples.train_targets)
    options = {"mask_mode": settings["mask_mode"], **options}
    if has_one_hidden_mask(settings):
        where = {"keep_prob": settings["keep_prob"], "dropout_after": settings["dropout_after"]}
        return dropout_gradients(*given, loss=settings["loss"], **where, **options)
    where = {"keep_prob": keep_probs(settings), "micro_batch": settings["micro_batch"]}
    return module_gradients(*given, run_risk(settings, examples), **where, **options)
