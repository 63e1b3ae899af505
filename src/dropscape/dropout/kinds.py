"""Dropout of whole channels, alpha dropout and dropout of attention, with masks that can be drawn again.

Each is what torch's layer of that name does, but for where the masks come from (``MaskedDropout``).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.errors import ConfigurationError

# -lambda alpha of SELU, the value that it saturates at (Klambauer et al., 2017), with torch's digits.
_SATURATED = -1.7580993408473766


class MaskedChannelDropout(MaskedDropout):
    """``nn.Dropout1d``, ``2d`` and ``3d``: a channel of an example is kept or dropped as a whole.

    ``places`` are the numbers of dimensions that an input may have after (n, C); other inputs, of which torch would
    drop whole examples, are a ConfigurationError.
    """

    def __init__(self, keep_prob: float, places: tuple[int, ...], *, inplace: bool = False):
        super().__init__(keep_prob, inplace=inplace)
        self.places = places

    def _dropped(self, x: Tensor) -> Tensor:
        if x.ndim - 2 not in self.places:
            raise ConfigurationError(
                f"the layer '{self._in_force.layer}' drops channels of {2 + self.places[-1]} dimensions (n, C, ...), "
                f"but reads a tensor of shape {tuple(x.shape)}; write nn.Dropout there."
            )
        return x * _channelwise(self._masked(x.new_ones(x.shape[:2])), x)


class MaskedAlphaDropout(MaskedDropout):
    """``nn.AlphaDropout``: a dropped unit takes SELU's lowest value, and mean and variance stay (Klambauer et al.).

    With ``channels`` it is ``nn.FeatureAlphaDropout``: a channel of an example is dropped as a whole.
    """

    def __init__(self, keep_prob: float, *, channels: bool = False, inplace: bool = False):
        super().__init__(keep_prob, inplace=inplace)
        self.channels = channels

    def _dropped(self, x: Tensor) -> Tensor:
        ones = x.new_ones(x.shape[:2] if self.channels else x.shape)
        kept = _channelwise(self._masked(ones) > 0, x) if self.channels else self._masked(ones) > 0
        variance = self.keep_prob * (1 + (1 - self.keep_prob) * _SATURATED**2)
        scale = variance**-0.5
        return torch.where(kept, x, _SATURATED) * scale - _SATURATED * (1 - self.keep_prob) * scale


def _channelwise(values: Tensor, x: Tensor) -> Tensor:
    """View values (n, C) so that they multiply x (n, C, ...)."""
    return values.reshape(*values.shape, *(1,) * (x.ndim - 2))


class MaskedAttention(nn.MultiheadAttention):
    """``nn.MultiheadAttention`` whose attention probabilities a ``MaskedDropout`` drops.

    Made of one by ``taken_from``, so that it has the same parameters under the same names.
    """

    attention_dropout: MaskedDropout

    @classmethod
    def taken_from(cls, attention: nn.MultiheadAttention, keep_prob: float) -> "MaskedAttention":
        """Turn ``attention`` itself into one, with its parameters, hooks and mode."""
        attention.__class__ = cls
        attention.attention_dropout = MaskedDropout(keep_prob)
        return attention

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend as ``nn.MultiheadAttention`` does, with its arguments and results."""
        masks = {"key_padding_mask": key_padding_mask, "attn_mask": attn_mask, "is_causal": is_causal}
        if not self.attention_dropout.draws:
            options = {"need_weights": need_weights, "average_attn_weights": average_attn_weights}
            return self._attended(query, key, value, **masks, **options)
        # Torch says what each head attends to; the masks come between that and the values.
        options = {"need_weights": True, "average_attn_weights": False}
        _, weights = self._attended(query, key, value, **masks, **options)  # (n, heads, T, S)
        weights = weights if weights.ndim == 4 else weights[None]
        weights = self.attention_dropout(weights.flatten(2)).view_as(weights)
        read = (weights @ self._values(value)).transpose(1, 2).flatten(2)  # (n, T, E)
        read = self.out_proj(read)
        if query.ndim == 2:
            read, weights = read[0], weights[0]
        elif not self.batch_first:
            read = read.transpose(0, 1)
        if not need_weights:
            return read, None
        return read, weights.mean(dim=-3) if average_attn_weights else weights

    def _attended(self, *given: Tensor, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Attend without torch's dropout; its p stays, so that code which reads it and drops by itself is found."""
        p, self.dropout = self.dropout, 0.0
        try:
            return super().forward(*given, **options)
        finally:
            self.dropout = p

    def _values(self, value: Tensor) -> Tensor:
        """Project the values of each head, (n, heads, S, E / heads)."""
        if value.ndim == 2:
            value = value[None]
        elif not self.batch_first:
            value = value.transpose(0, 1)
        weight = self.in_proj_weight.chunk(3)[2] if self._qkv_same_embed_dim else self.v_proj_weight
        bias = None if self.in_proj_bias is None else self.in_proj_bias.chunk(3)[2]
        values = F.linear(value, weight, bias)
        if self.bias_v is not None:
            values = torch.cat([values, self.bias_v.expand(len(values), -1, -1)], dim=1)
        if self.add_zero_attn:
            values = F.pad(values, (0, 0, 0, 1))
        return values.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
