# %% [markdown]
# # A transformer block
#
# A model that is called with named inputs and returns a dictionary, as Hugging Face's are: the data may be such a
# batch, and `forward` says which part of the output is meant. The attention is torch's own, with dropout inside.
#
# The task: is the first token of a sequence found again in the rest of it?

# %%
import torch
from torch import nn

from dropscape import block_hessian, covariance_spectrum, dropout_gradients, hessian_products, loss_slice, spectrum

torch.manual_seed(0)


class Classifier(nn.Module):
    """One encoder layer on embedded tokens, and a head on the first place."""

    def __init__(self, tokens=12, size=16):
        super().__init__()
        self.embedding = nn.Embedding(tokens, size)
        self.place = nn.Parameter(torch.randn(8, size))
        self.layer = nn.TransformerEncoderLayer(size, nhead=2, dim_feedforward=32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(size, 2)

    def forward(self, input_ids):
        return {"logits": self.head(self.layer(self.embedding(input_ids) + self.place)[:, 0])}


input_ids = torch.randint(12, (256, 8))
labels = (input_ids[:, 1:] == input_ids[:, :1]).any(dim=1).long()
batch = {"input_ids": input_ids, "labels": labels}

# %%
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _ in range(150):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(input_ids)["logits"], labels)
    loss.backward()
    optimizer.step()
model.eval()
print(f"loss under dropout {loss.item():.3g}")

# %% [markdown]
# ## Hessians
#
# The matrix of a small block, or the extreme eigenvalues of a large one from products alone.


# %%
def logits(model, inputs):
    """The part of the output that the loss reads."""
    return model(**inputs)["logits"]


head = block_hessian(model, model.head, batch, forward=logits)
print(head)

# %%
largest = spectrum(model, model.layer, batch, forward=logits, top=5, max_products=60)
print(largest)
print(largest.to_pandas())

# %%
products = hessian_products(model, model.layer, batch, forward=logits)
vectors = largest.eigenvectors[:1].float()
print(f"v'Hv = {float((products(vectors) * vectors).sum()):.4g}, which is the largest eigenvalue")

# %% [markdown]
# ## The noise of dropout, in attention too

# %%
gradients = dropout_gradients(model, "layer.linear1.weight", batch, forward=logits, samples=100)
noise = covariance_spectrum(gradients)
print(gradients)
share = noise.eigenvalues[:10].sum() / noise.total_variance
print(f"ten of {gradients.samples.shape[1]} directions have {share:.0%} of the variance")

# %% [markdown]
# ## The loss along a random direction of all parameters, normalised filter by filter

# %%
curve = loss_slice(model, None, batch, forward=logits, alphas=[-0.5, -0.25, 0.0, 0.25, 0.5])
print(curve)
curve.plot()
