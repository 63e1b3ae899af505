"""Small modules of each architecture's kind, with random weights: what tests of curvature and flatness measure."""

import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy, max_pool2d

from dropscape.models.block import block_vector, split_vector


class Convolutional(nn.Module):
    """Convolutions, batch norms with fixed statistics, a residual sum, max and mean pooling."""

    def __init__(self, classes=3, width=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)
        self.short = nn.Conv2d(width, width, 1, stride=2)
        self.head = nn.Linear(width, classes)
        self.relu = nn.ReLU(inplace=True)

    def body(self, x):
        x = self.second(max_pool2d(self.relu(self.norm(self.first(x))), 2, 1)) + self.short(x)
        return self.head(self.relu(x).mean((2, 3)))

    def forward(self, x):
        return self.body(self.stem(x))

    def split(self, block):
        if any(name.startswith("stem") for name in block):
            return (lambda x: x), self.forward
        return self.stem, self.body


# Every layer of it, with and without its bias.
BLOCKS_OF_CONVOLUTIONAL = [
    ("stem.0.weight",),
    ("first.weight",),
    ("first.weight", "first.bias"),
    ("second.weight",),
    ("short.weight", "short.bias"),
    ("head.weight", "head.bias"),
]


class Attentive(nn.Module):
    """Two causal self-attentions and a reading of a second sentence; inputs are the pair of sentences."""

    def __init__(self, words=7, width=5, size=3, heads=2):
        super().__init__()
        self.heads, self.size = heads, size
        self.embedding = nn.Embedding(words, width)
        self.memory = nn.Linear(width, width)
        self.query = nn.Linear(width, heads * size)
        self.key = nn.Linear(width, heads * size, bias=False)
        self.value = nn.Linear(width, heads * size, bias=False)
        self.out = nn.Linear(heads * size, width)
        self.norm = nn.LayerNorm(width)
        self.again = nn.MultiheadAttention(width, 1, batch_first=True)
        self.read = nn.Linear(width, words)

    def prefix(self, sentences):
        source, target = sentences
        return self.embedding(target), torch.tanh(self.memory(self.embedding(source)))

    def suffix(self, read):
        x, memory = read
        q, k, v = (
            f(x).unflatten(-1, (self.heads, self.size)).transpose(1, 2) for f in (self.query, self.key, self.value)
        )
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        weights = (q @ k.transpose(-1, -2) / math.sqrt(self.size)).masked_fill(future, -math.inf).softmax(-1)
        x = self.norm(x + self.out((weights @ v).transpose(1, 2).flatten(2)))
        return self.read(x + self.again(x, memory, memory, need_weights=False)[0])

    def forward(self, sentences):
        return self.suffix(self.prefix(sentences))

    def split(self, block):
        if any(name.startswith(("embedding", "memory")) for name in block):
            return (lambda sentences: sentences), self.forward
        return self.prefix, self.suffix


def mean_token_loss(outputs, targets):
    """Cross-entropy a token, one mean a sentence: outputs (n, T, words), targets (n, T)."""
    return cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(dim=1)


def convolutional(n=9, loss="cross_entropy", seed=0, dtype=torch.float32, pixels=6, **settings):
    """``(model, inputs, targets)`` with batch-norm statistics that are not the default ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Convolutional(**settings)
        for norm in (model.stem[1], model.norm):
            norm.running_mean.normal_(std=0.2)
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
        classes = model.head.out_features
        targets = torch.randint(classes, (n,)) if loss == "cross_entropy" else torch.randn(n, classes, dtype=dtype)
        return model.eval().to(dtype), torch.randn(n, 2, pixels, pixels, dtype=dtype), targets


def attentive(n=6, length=4, seed=0, dtype=torch.float32, **settings):
    """``(model, inputs, targets)``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Attentive(**settings).eval().to(dtype)
        words = model.embedding.num_embeddings
        source, target, wanted = torch.randint(words, (3, n, length))
        return model, (source, target), wanted


def double(values):
    """Floating-point values in float64."""
    if isinstance(values, tuple):
        return tuple(double(value) for value in values)
    return values.double() if values.is_floating_point() else values


def autograd_hessian(model, block, inputs, targets, loss):
    """The oracle: (P, P) by torch.func.hessian of the mean over all examples, in float64.

    Not for blocks with a layer norm's parameters: torch 2.13's forward derivative of those is wrong.
    """
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.func.hessian(mean_loss_of(model, block, inputs, targets, loss))(
            block_vector(model, block).double()
        )


def difference_hessian(model, block, inputs, targets, loss, step=1e-6):
    """Another oracle: central differences of plain gradients in float64, good to about 1e-9 of the gradient's size."""
    gradient = torch.func.grad(mean_loss_of(model, block, inputs, targets, loss))
    origin = block_vector(model, block).double()
    steps = step * torch.eye(len(origin), dtype=torch.float64)
    return torch.stack([(gradient(origin + s) - gradient(origin - s)) / (2 * step) for s in steps])


def mean_loss_of(model, block, inputs, targets, loss):
    """The map from the block's vector to the mean loss over all examples, in float64."""
    state = {name: double(value) for name, value in model.state_dict().items()}

    def mean_loss(vector):
        moved = state | split_vector(model, block, vector)
        return loss(torch.func.functional_call(model, moved, (double(inputs),)), double(targets)).mean()

    return mean_loss
