"""Builds networks by the name that the configuration gives them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from dropscape.errors import ConfigurationError
from dropscape.models.initial import normal_initialised
from dropscape.models.settings import network_kind
from dropscape.numerics.seeds import derived_seed


def build(settings: Mapping[str, Any], with_dropout: bool = True) -> nn.Module:
    """Build the network of the model settings, with fresh parameters from torch's global generator.

    Dropout is wherever the network has a ``MaskedDropout``; the run decides its keep probability. ``initial_scale`` is
    left to ``initialised``. Without dropout the network may have a faster form with the same parameters. An unknown
    name, settings that do not fit it, or a function that gives no module are a ConfigurationError.
    """
    kind = network_kind(settings["name"])
    arguments = {key: value for key, value in settings.items() if key not in ("name", "initial_scale")}
    named = settings.get("function", settings["name"])
    try:
        model = (kind.build if with_dropout else kind.build_without_dropout)(**arguments)
    except TypeError as error:
        raise ConfigurationError(f"model '{named}' cannot be built from its settings: {error}.") from error
    if not isinstance(model, nn.Module):
        raise ConfigurationError(
            f"model.function '{named}' returned a {type(model).__name__}; write one that returns a torch.nn.Module."
        )
    return model


def initialised(settings: Mapping[str, Any], seed: int) -> nn.Module:
    """Build a network with the seed's initialisation, the same whatever the dropout (paper A section 6.1).

    It is torch's default, or that of ``normal_initialised`` where the settings of a fully-connected network have an
    ``initial_scale``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "training", "initialisation"))
        model = build(settings)
    if settings.get("initial_scale") is not None:
        drawn = normal_initialised(settings["widths"], settings["activation"], settings["initial_scale"], [seed])
        model.load_state_dict({name: value[0] for name, value in drawn.items()})
    return model


def with_data_dimensions(settings: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the examples' description decides, such as a transformer's vocabularies, to the model settings."""
    return network_kind(settings["name"]).with_data_dimensions(settings, description)


def keep_probs(settings: Mapping[str, Any]) -> float | tuple[float, ...]:
    """Give the keep probability of all dropout layers of a run's model, or of each, for ``set_keep_prob``."""
    kind = network_kind(settings["model"]["name"])
    return kind.keep_probs(settings["model"], settings["keep_prob"], settings["dropout_after"])
