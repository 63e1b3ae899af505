"""Networks by the name that the configuration gives them."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import nn

from dropscape.errors import ConfigurationError
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.models.resnet import resnet
from dropscape.models.transformer import Transformer
from dropscape.models.vgg import vgg9, vgg16
from dropscape.numerics.seeds import derived_seed

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "fnn": MaskedFullyConnected,
    "vgg9": vgg9,
    "vgg16": vgg16,
    "resnet20": resnet,
    "transformer": Transformer,
}


def build(settings: Mapping[str, Any]) -> nn.Module:
    """The network of the model settings, with fresh parameters from torch's global generator.

    ``settings["name"]`` is a key of ``ARCHITECTURES``, and the other settings are what it is called with; or it is
    ``package.module:function`` of the user's own, called with ``settings["arguments"]``. Dropout is wherever the
    network has a ``MaskedDropout``; its keep probability is a matter of the run.

    Raises:
        ConfigurationError: an unknown name, settings that do not fit it, or a function that gives no module.
    """
    name, arguments = settings["name"], {key: value for key, value in settings.items() if key != "name"}
    if ":" in name:
        function, arguments = _imported(name), arguments.get("arguments") or {}
    elif name in ARCHITECTURES:
        function = ARCHITECTURES[name]
    else:
        raise ConfigurationError(
            f"model.name is '{name}'; write one of {', '.join(ARCHITECTURES)}, or package.module:function of your own."
        )
    try:
        model = function(**arguments)
    except TypeError as error:
        raise ConfigurationError(f"model.name is '{name}', which does not take these settings: {error}.") from error
    if not isinstance(model, nn.Module):
        raise ConfigurationError(
            f"model.name is '{name}', which returned a {type(model).__name__}; write a function that returns a "
            "torch.nn.Module."
        )
    return model


def initialised(settings: Mapping[str, Any], seed: int) -> nn.Module:
    """``build`` with the seed's initialisation, the same whatever the dropout (paper A section 6.1)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "training", "initialisation"))
        return build(settings)


def keep_probs(settings: Mapping[str, Any]) -> float | tuple[float, ...]:
    """A run's keep probability for ``set_keep_prob``: of all dropout layers of its model, or of each.

    One number for a fully-connected network is that of the hidden layer ``dropout_after``; the others have no dropout.
    """
    keep_prob = settings["keep_prob"]
    if not isinstance(keep_prob, int | float):
        return tuple(keep_prob)
    if settings["model"]["name"] != "fnn":
        return keep_prob
    hidden = range(1, len(settings["model"]["widths"]) - 1)
    return tuple(keep_prob if layer == settings["dropout_after"] else 1.0 for layer in hidden)


def has_one_hidden_mask(settings: Mapping[str, Any]) -> bool:
    """Whether a run is of a fully-connected network with dropout after one layer, for which there are faster ways."""
    return settings["model"]["name"] == "fnn" and isinstance(settings["keep_prob"], int | float)


def _imported(name: str) -> Callable[..., nn.Module]:
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"model.name is '{name}', which cannot be imported ({error}); write package.module:function of a module on "
            "the Python path."
        ) from error
