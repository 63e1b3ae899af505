"""The transformer for translation (Vaswani et al., 2017; paper A, App. A).

Post-norm as in the original, sinusoidal positions. Paper A takes d_model 50, d_k = d_v = 20, d_ff 256, 4 heads and 3
layers: 4 heads of 20 are 80, so queries, keys and values are projected to 80 and back to 50.
Dropout masks the sums of embeddings and positions, and the output of every sub-layer before it is added (Vaswani et
al., section 5.4); nothing else.

The network reads one tensor of tokens (n, S + T): S of the source sentence, then T of the decoder's input, each
padded with ``PADDING``. Between its layers travels one tensor too, (n, S + T, d_model + 1), whose last entry marks
padding: the network is then a chain that can be cut before any of its layers, although the decoder reads two things.
"""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from dropscape.dropout.layers import MaskedDropout
from dropscape.models.chain import Chain
from dropscape.models.losses import PADDING


class Transformer(Chain):
    """Tokens int64 (n, S + T) to logits (n, T, V) of the token that follows each of the decoder's input.

    Args:
        source_vocabulary, target_vocabulary: numbers of tokens, padding included.
        source_length: S.
        d_model, d_k, d_ff, heads, layers: as Vaswani et al. write them; d_v is d_k, layers is their N.
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        source_length: int,
        d_model: int = 50,
        d_k: int = 20,
        d_ff: int = 256,
        heads: int = 4,
        layers: int = 3,
    ):
        sizes = (d_model, d_k, d_ff, heads)
        encoder = nn.Sequential(*(_EncoderLayer(source_length, *sizes) for _ in range(layers)))
        decoder = nn.Sequential(*(_DecoderLayer(source_length, *sizes) for _ in range(layers)))
        embedding = _Embeddings(source_vocabulary, target_vocabulary, source_length, d_model)
        output = _Output(source_length, d_model, target_vocabulary)
        super().__init__(OrderedDict(embedding=embedding, encoder=encoder, decoder=decoder, output=output))


class _Attention(nn.Module):
    """Multi-head attention with bias-free projections W^Q, W^K, W^V, W^O (Vaswani et al., section 3.2.2)."""

    def __init__(self, d_model: int, d_k: int, heads: int):
        super().__init__()
        self.heads = heads
        self.queries = _projection(d_model, heads * d_k)
        self.keys = _projection(d_model, heads * d_k)
        self.values = _projection(d_model, heads * d_k)
        self.output = _projection(heads * d_k, d_model)

    def forward(self, x: Tensor, read: Tensor, hidden: Tensor) -> Tensor:
        """Compute what x (n, T, d) reads of ``read`` (n, S, d) where not ``hidden``: bool, (n, 1, S) or (n, T, S)."""
        q, k, v = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.queries(x), self.keys(read), self.values(read))
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        # Not -inf: a sentence that is all padding would give NaN.
        weights = scores.masked_fill(hidden[:, None], torch.finfo(scores.dtype).min).softmax(dim=-1)
        return self.output((weights @ v).transpose(1, 2).flatten(2))


class _Residual(nn.Module):
    """LayerNorm(x + dropout(what the sub-layer wrote))."""

    def __init__(self, d_model: int):
        super().__init__()
        self.dropout = MaskedDropout()
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x: Tensor, written: Tensor) -> Tensor:
        return self.norm(x + self.dropout(written))


class _FeedForward(nn.Sequential):
    def __init__(self, d_model: int, d_ff: int):
        super().__init__(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))


class _Embeddings(nn.Module):
    """Tokens (n, S + T) to the state (n, S + T, d_model + 1): embeddings times sqrt(d_model) plus positions."""

    def __init__(self, source_vocabulary: int, target_vocabulary: int, source_length: int, d_model: int):
        super().__init__()
        self.source_length, self.d_model = source_length, d_model
        self.source = nn.Embedding(source_vocabulary, d_model)
        self.target = nn.Embedding(target_vocabulary, d_model)
        for table in (self.source, self.target):  # of order 1 after the scaling, as the positions are
            nn.init.normal_(table.weight, std=d_model**-0.5)
        self.source_dropout = MaskedDropout()
        self.target_dropout = MaskedDropout()

    def forward(self, tokens: Tensor) -> Tensor:
        source, target = tokens[:, : self.source_length], tokens[:, self.source_length :]
        sums = [
            dropout(table(side) * math.sqrt(self.d_model) + positions(side.shape[1], table.weight))
            for side, table, dropout in (
                (source, self.source, self.source_dropout),
                (target, self.target, self.target_dropout),
            )
        ]
        padded = (tokens == PADDING).to(sums[0].dtype)[..., None]
        return torch.cat([torch.cat(sums, dim=1), padded], dim=2)


class _EncoderLayer(nn.Module):
    """Self-attention of the source, then the feed-forward network; (n, S + T, d_model + 1) to the same."""

    def __init__(self, source_length: int, d_model: int, d_k: int, d_ff: int, heads: int):
        super().__init__()
        self.source_length = source_length
        self.attention = _Attention(d_model, d_k, heads)
        self.attention_residual = _Residual(d_model)
        self.feed_forward = _FeedForward(d_model, d_ff)
        self.feed_forward_residual = _Residual(d_model)

    def forward(self, state: Tensor) -> Tensor:
        source, target, source_padded, _ = _unpacked(state, self.source_length)
        source = self.attention_residual(source, self.attention(source, source, source_padded))
        source = self.feed_forward_residual(source, self.feed_forward(source))
        return _packed(source, target, state)


class _DecoderLayer(nn.Module):
    """Masked self-attention of the target, attention to the source, feed-forward; shapes as in ``_EncoderLayer``."""

    def __init__(self, source_length: int, d_model: int, d_k: int, d_ff: int, heads: int):
        super().__init__()
        self.source_length = source_length
        self.self_attention = _Attention(d_model, d_k, heads)
        self.self_attention_residual = _Residual(d_model)
        self.cross_attention = _Attention(d_model, d_k, heads)
        self.cross_attention_residual = _Residual(d_model)
        self.feed_forward = _FeedForward(d_model, d_ff)
        self.feed_forward_residual = _Residual(d_model)

    def forward(self, state: Tensor) -> Tensor:
        source, target, source_padded, target_padded = _unpacked(state, self.source_length)
        length = target.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=state.device).triu(1)
        read = self.self_attention(target, target, target_padded | future)
        target = self.self_attention_residual(target, read)
        target = self.cross_attention_residual(target, self.cross_attention(target, source, source_padded))
        target = self.feed_forward_residual(target, self.feed_forward(target))
        return _packed(source, target, state)


class _Output(nn.Module):
    """The last projection, of the target's part: the state (n, S + T, d_model + 1) to logits (n, T, V)."""

    def __init__(self, source_length: int, d_model: int, target_vocabulary: int):
        super().__init__()
        self.source_length = source_length
        self.logits = _projection(d_model, target_vocabulary, bias=True)

    def forward(self, state: Tensor) -> Tensor:
        return self.logits(_unpacked(state, self.source_length)[1])


def positions(length: int, like: Tensor) -> Tensor:
    """Compute the sinusoids of Vaswani et al., section 3.5: (length, d) for ``like`` (..., d), in its dtype."""
    d = like.shape[-1]
    position = torch.arange(length, dtype=torch.float64, device=like.device)[:, None]
    index = torch.arange(d, dtype=torch.float64, device=like.device)
    angle = position / 10_000 ** (2 * (index // 2) / d)
    return torch.where(index % 2 == 0, angle.sin(), angle.cos()).to(like.dtype)


def _projection(fan_in: int, fan_out: int, bias: bool = False) -> nn.Linear:
    linear = nn.Linear(fan_in, fan_out, bias=bias)
    nn.init.xavier_uniform_(linear.weight)
    return linear


def _unpacked(state: Tensor, source_length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Split into source (n, S, d), target (n, T, d), and where they are padding, bool (n, 1, S) and (n, 1, T)."""
    values, padded = state[..., :-1], state[..., -1].bool()[:, None]
    return (
        values[:, :source_length],
        values[:, source_length:],
        padded[..., :source_length],
        padded[..., source_length:],
    )


def _packed(source: Tensor, target: Tensor, state: Tensor) -> Tensor:
    return torch.cat([torch.cat([source, target], dim=1), state[..., -1:]], dim=2)
