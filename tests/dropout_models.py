"""Models as people write them, each with torch's dropout: what tests of masks and of sampled gradients measure."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy


class Recurrent(nn.Module):
    """Two LSTMs with dropout between them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.LSTM(3, 4, batch_first=True), nn.LSTM(4, 4, batch_first=True)
        self.dropout, self.head = nn.Dropout(0.4), nn.Linear(4, 3)

    def forward(self, x):
        hidden, _ = self.second(self.dropout(self.first(x)[0]))
        return self.head(hidden[:, -1])


class SequenceFirst(nn.Module):
    """Self-attention and transformer layers in torch's default order (T, n, d)."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(4, 3)

    def forward(self, x):
        x = x.transpose(0, 1)
        x = self.layer(x, x, x)[0] if isinstance(self.layer, nn.MultiheadAttention) else self.layer(x)
        return self.head(x.mean(dim=0))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.TransformerDecoderLayer(4, 2, 6, 0.3, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.layer(x, x.flip(1)).mean(dim=1))


class Convolutional(nn.Sequential):
    """Dropout of channels before an in-place ReLU, batch norm, and frozen layers."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout2d(0.3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 2),
            nn.Dropout(0.2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 3),
        )  # fmt: skip
        self[0].requires_grad_(False)


@dataclass
class Output:
    """What a Hugging Face model returns."""

    logits: torch.Tensor
    hidden_states: tuple


class NamedInputs(nn.Module):
    """A block in the style of Hugging Face: named inputs, an output with fields, attention that hides padding."""

    def __init__(self, d=4):
        super().__init__()
        self.embeddings, self.dropout = nn.Embedding(7, d), nn.Dropout(0.3)
        self.query, self.key, self.value = (nn.Linear(d, d) for _ in range(3))
        self.norm, self.classifier = nn.LayerNorm(d), nn.Linear(d, 3)

    def forward(self, input_ids=None, attention_mask=None, return_dict=True):
        x = self.embeddings(input_ids)
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        scores = scores.masked_fill(attention_mask[:, None] == 0, torch.finfo(x.dtype).min)
        x = self.norm(x + self.dropout(scores.softmax(dim=-1)) @ self.value(x))
        logits = self.classifier(self.dropout(x[:, 0]))
        return Output(logits, (x,)) if return_dict else (logits,)


class Gpt(nn.Module):
    """Two blocks with causal attention; the head is the table of the embeddings, one dropout stands in all places."""

    def __init__(self, vocabulary=5, length=4, d=4):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, d), nn.Parameter(torch.randn(1, length, d))
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"norm": nn.LayerNorm(d), "qkv": nn.Linear(d, 3 * d), "mlp": nn.Linear(d, d)})
            for _ in range(2)
        )
        self.dropout, self.head = nn.Dropout(0.2), nn.Linear(d, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        x = self.tokens(tokens) + self.dropout(self.positions)
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        for block in self.blocks:
            q, k, v = block["qkv"](block["norm"](x)).chunk(3, dim=-1)
            scores = (q @ k.transpose(1, 2)).masked_fill(future, float("-inf"))
            x = x + self.dropout(scores.softmax(dim=-1)) @ v
            x = x + self.dropout(block["mlp"](x).relu())
        return self.head(x)


def token_loss(outputs, tokens):
    """The mean over an example's tokens, (n,)."""
    return cross_entropy(outputs.transpose(1, 2), tokens, reduction="none").mean(dim=1)


def class_loss(outputs, classes):
    return cross_entropy(outputs, classes, reduction="none")


def _encoder(batch_first):
    layer = nn.TransformerEncoderLayer(4, 2, 6, 0.3, batch_first=batch_first)
    return SequenceFirst(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False))


MODELS = {
    "recurrent": (Recurrent, ("first.weight_ih_l0",), (4, 3)),
    "attention": (lambda: SequenceFirst(nn.MultiheadAttention(4, 2, dropout=0.4)), ("layer.in_proj_weight",), (4, 4)),
    "encoder": (lambda: _encoder(False), ("layer.layers.0.linear1.weight",), (4, 4)),
    "decoder": (Decoder, ("layer.multihead_attn.in_proj_weight",), (3, 4)),
    "convolutional": (Convolutional, ("4.weight",), (2, 5, 5)),
    "gpt": (Gpt, ("tokens.weight",), None),
}


def dropout_model(name, n=5):
    """A model in float64 with its block, inputs, targets and per-example loss; batch norm has a population."""
    torch.manual_seed(0)
    build, block, shape = MODELS[name]
    model = build().double()
    if shape is None:
        return model, block, torch.randint(5, (n, 4)), torch.randint(5, (n, 4)), token_loss
    return model, block, torch.randn(n, *shape).double(), torch.randint(3, (n,)), class_loss
