# %% [markdown]
# # Your own network: a CNN with `nn.Dropout`
#
# Everything here is public: `from dropscape import ...`, and each function takes
# `(model, block, data, loss)`. The model is plain PyTorch and is not changed.
#
# The data are small images of bars, horizontal or vertical, with noise; the network learns which.

# %%
import torch
from torch import nn

from dropscape import alignment, block_hessian, covariance_spectrum, dropout_gradients, interval_flatness

torch.manual_seed(0)
targets = torch.arange(200) % 2
bars = torch.zeros(200, 1, 8, 8)
for image, vertical, place in zip(bars, targets, torch.randint(1, 7, (200,)), strict=True):
    image[0, :, place] = float(vertical)
    image[0, place, :] += 1.0 - float(vertical)
inputs = bars + 0.3 * torch.randn_like(bars)

# %%
model = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(64, 16),
    nn.ReLU(),
    nn.Dropout(0.3),
    nn.Linear(16, 2),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(60):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
model.eval()
print(f"loss under dropout {loss.item():.3g}")

# %% [markdown]
# ## The exact Hessian of a block
#
# The loss must not be random, hence `model.eval()` above. A block is a parameter, several, or a whole layer. The method
# is the cheapest exact one, and the certificate says how far the result is from symmetric and from a finite difference
# in float64.

# %%
data = (inputs, targets)
hessian = block_hessian(model, "0.weight", data)
print(hessian)

# %%
spectrum = hessian.spectrum()
print(spectrum.to_pandas().head())
spectrum.plot()

# %% [markdown]
# ## The noise of dropout
#
# Gradients of the full batch at these parameters, under fresh masks. `nn.Dropout` acts with its own probability.

# %%
gradients = dropout_gradients(model, "0.weight", data, samples=400)
noise = covariance_spectrum(gradients)
print(gradients)
print(noise)

# %% [markdown]
# ## Flatness along the directions of the noise
#
# How far one can go until the loss has doubled. Dropout's noise is large where the loss is sharp, so the width falls
# as the variance grows: paper A, Fig. 2(d).

# %%
largest = torch.from_numpy(noise.eigenvectors[:20])
flatness = interval_flatness(model, "0.weight", data, directions=largest)
table = flatness.to_pandas().assign(variance=noise.eigenvalues[:20])
print(table[["index", "variance", "width"]].head())
correlation = table[["variance", "width"]].corr("spearman").iloc[0, 1]
print(f"rank correlation of variance and width {correlation:.2f}")
assert correlation < 0

# %% [markdown]
# ## Alignment of the noise with the Hessian
#
# Paper C, eq. (18): the cosine between the two matrices, and how much larger Tr(H Sigma) is than it would be for
# isotropic noise of the same size.

# %%
aligned = alignment(hessian, gradients)
print(f"cosine {aligned.cosine:.2f}, ratio {aligned.trace_h_sigma / aligned.trace_h_isotropic:.1f}")
assert aligned.trace_h_sigma > aligned.trace_h_isotropic
