"""Networks by the name that the configuration gives them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from dropscape.errors import ConfigurationError
from dropscape.models.initial import normal_initialised
from dropscape.models.masked_fnn import MaskedFullyConnected
from dropscape.models.resnet import resnet, resnet18
from dropscape.models.transformer import Transformer
from dropscape.models.vgg import vgg9, vgg16
from dropscape.numerics.seeds import derived_seed
from dropscape.own_code import imported

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "fnn": MaskedFullyConnected,
    "vgg9": vgg9,
    "vgg16": vgg16,
    "resnet20": resnet,
    "resnet18": resnet18,
    "transformer": Transformer,
}


def build(settings: Mapping[str, Any]) -> nn.Module:
    """The network of the model settings, with fresh parameters from torch's global generator.

    ``settings["name"]`` is a key of ``ARCHITECTURES``, and the other settings are what it is called with; or it is
    ``own``, with ``function``, a ``package.module:function`` of the user's own, and its ``arguments``. Dropout is
    wherever the network has a ``MaskedDropout``; its keep probability is a matter of the run. ``initial_scale`` is one
    of ``initialised``.

    Raises:
        ConfigurationError: an unknown name, settings that do not fit it, or a function that gives no module.
    """
    name = settings["name"]
    arguments = {key: value for key, value in settings.items() if key not in ("name", "initial_scale")}
    if name == "own":
        name, arguments = settings["function"], settings["arguments"]
        function = imported(name, "model.function")
    elif name in ARCHITECTURES:
        function = ARCHITECTURES[name]
    else:
        raise ConfigurationError(
            f"model.name is '{name}'; write one of {', '.join(ARCHITECTURES)}, or own with a function of your own."
        )
    try:
        model = function(**arguments)
    except TypeError as error:
        raise ConfigurationError(f"the model '{name}' does not take its settings: {error}.") from error
    if not isinstance(model, nn.Module):
        raise ConfigurationError(
            f"model.function '{name}' returned a {type(model).__name__}; write one that returns a torch.nn.Module."
        )
    return model


def initialised(settings: Mapping[str, Any], seed: int) -> nn.Module:
    """``build`` with the seed's initialisation, the same whatever the dropout (paper A section 6.1).

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


def fitted(settings: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    """The model settings with what the data decides: a transformer's vocabularies and the length of its sources.

    Args:
        settings: of the model.
        description: of the examples.
    """
    if settings["name"] != "transformer":
        return dict(settings)
    vocabularies = {key: len(description[key]) for key in ("source_vocabulary", "target_vocabulary")}
    return {**settings, **vocabularies, "source_length": description["source_length"]}


def keep_probs(settings: Mapping[str, Any]) -> float | tuple[float, ...]:
    """A run's keep probability for ``set_keep_prob``: of all dropout layers of its model, or of each.

    For a fully-connected network it is that of the hidden layers ``dropout_after``, one or a list, with one number for
    all of them or a list; the other hidden layers have no dropout. Other networks have their own places.
    """
    keep_prob, after = settings["keep_prob"], settings["dropout_after"]
    if settings["model"]["name"] != "fnn":
        return keep_prob if isinstance(keep_prob, int | float) else tuple(keep_prob)
    layers = [after] if isinstance(after, int) else after
    values = [keep_prob] * len(layers) if isinstance(keep_prob, int | float) else keep_prob
    of_layer = dict(zip(layers, values, strict=True))
    return tuple(of_layer.get(layer, 1.0) for layer in range(1, len(settings["model"]["widths"]) - 1))
