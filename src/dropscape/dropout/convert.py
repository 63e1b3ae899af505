"""Torch's dropout layers, replaced by layers whose masks are drawn by seed and can be drawn again."""

from collections.abc import Callable
from copy import deepcopy

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from dropscape.dropout.kinds import MaskedAlphaDropout, MaskedAttention, MaskedChannelDropout
from dropscape.dropout.layers import MaskedDropout
from dropscape.dropout.wrappers import unwrapped
from dropscape.errors import ConfigurationError

_REPLACED: dict[type[nn.Module], Callable[[_DropoutNd, float], MaskedDropout]] = {
    nn.Dropout: lambda layer, keep: MaskedDropout(keep, inplace=layer.inplace),
    nn.Dropout1d: lambda layer, keep: MaskedChannelDropout(keep, (1,), inplace=layer.inplace),
    nn.Dropout2d: lambda layer, keep: MaskedChannelDropout(keep, (1, 2), inplace=layer.inplace),
    nn.Dropout3d: lambda layer, keep: MaskedChannelDropout(keep, (3,), inplace=layer.inplace),
    nn.AlphaDropout: lambda layer, keep: MaskedAlphaDropout(keep, inplace=layer.inplace),
    nn.FeatureAlphaDropout: lambda layer, keep: MaskedAlphaDropout(keep, channels=True, inplace=layer.inplace),
}


def with_masked_dropout(model: nn.Module) -> nn.Module:
    """Copy a model, with a ``MaskedDropout`` of keep probability 1 - p in place of each of torch's dropout layers.

    Replaced are ``nn.Dropout``, ``Dropout1d``, ``Dropout2d``, ``Dropout3d``, ``AlphaDropout``, ``FeatureAlphaDropout``
    and the dropout of ``nn.MultiheadAttention`` (so of transformer layers), each where its p is above 0. Parameters,
    buffers and their names stay; a layer that stands in two places still does. The copy is deterministic, in training
    mode too, but inside ``masks_in_force``. Of a compiled or distributed model the module inside is copied.

    Dropout that a forward pass computes itself cannot be seen here; ``dropout.probe`` finds it by running.

    Raises:
        ConfigurationError: dropout between the layers of an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, a layer derived
            from one of torch's, or a p of 1.
    """
    copied = deepcopy(unwrapped(model)[0])
    _refuse_recurrent_dropout(copied)
    replacements: dict[nn.Module, nn.Module] = {}
    for name, module in copied.named_modules():
        replacements[module] = _replacement(module, name or type(module).__name__)
    for module in replacements:
        for name, child in module._modules.items():
            if child is not None and replacements[child] is not child:
                module._modules[name] = replacements[child]
    return replacements[copied]


def drops_attention(module: nn.Module) -> bool:
    """Tell whether a module is torch's attention, with dropout that is not yet a ``MaskedDropout``."""
    return isinstance(module, nn.MultiheadAttention) and not isinstance(module, MaskedAttention) and module.dropout > 0


def _replacement(module: nn.Module, name: str) -> nn.Module:
    """Return what stands in place of a module: itself where it drops nothing."""
    if isinstance(module, _DropoutNd) and module.p > 0:
        if type(module) not in _REPLACED:
            raise _derived(module, name, "Dropout")
        replacement = _REPLACED[type(module)](module, _keep_prob(module.p, name))
        return replacement.train(module.training)
    if drops_attention(module):
        if type(module) is not nn.MultiheadAttention:
            raise _derived(module, name, "MultiheadAttention")
        return MaskedAttention.taken_from(module, _keep_prob(module.dropout, name))
    return module


def _keep_prob(p: float, name: str) -> float:
    if p >= 1:
        raise ConfigurationError(
            f"the model's layer '{name}' drops everything, p = {p:g}; write a p below 1, the share that is dropped."
        )
    return 1.0 - p


def _derived(module: nn.Module, name: str, kind: str) -> ConfigurationError:
    return ConfigurationError(
        f"the model's layer '{name}' is a {type(module).__name__}, whose masks cannot be drawn again; write nn.{kind} "
        "itself, or a dropscape.dropout.layers.MaskedDropout."
    )


def _refuse_recurrent_dropout(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, nn.RNNBase) and module.dropout > 0 and module.num_layers > 1:
            raise ConfigurationError(
                f"the model's layer '{name or type(module).__name__}' is an nn.{type(module).__name__} with dropout "
                f"{module.dropout:g} between its {module.num_layers} layers, whose masks cannot be drawn again; write "
                f"one nn.{type(module).__name__} for each layer with an nn.Dropout between them."
            )
