"""How large the dropout loss is against its gradient, E R_S^drop / E |grad R_S^drop|^2 (paper B, section V.B, Fig. 3b).

R_2 is (learning rate / 4) E |grad R_S^drop|^2 (paper B, eq. 5), so the ratio says how much the trainings that it
regularised have of it. Expectations are over masks at frozen parameters, the gradient is that of all parameters, and a
batch norm reads the statistics of the whole training set, as in every measurement.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropscape.models.losses import PerExampleLoss
from dropscape.sampling.modules import masked_draws


@dataclass(frozen=True)
class LossGradientRatio:
    """Means over the masks.

    Attributes:
        mean_loss: E R_S^drop, in the loss's units.
        mean_squared_gradient: E |grad R_S^drop|^2, in (loss / parameter)^2.
    """

    mean_loss: float
    mean_squared_gradient: float

    @property
    def ratio(self) -> float:
        """E R_S^drop / E |grad R_S^drop|^2, in parameter^2 / loss; NaN where every gradient is zero."""
        return self.mean_loss / self.mean_squared_gradient if self.mean_squared_gradient else math.nan


def loss_gradient_ratio(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    loss: PerExampleLoss,
    *,
    keep_prob: float | Sequence[float],
    samples: int,
    seed: int,
    mask_mode: str = "per_example",
    micro_batch: int = 256,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> LossGradientRatio:
    """The means over ``samples`` fresh masks, each a full pass over the examples; summed in float64.

    Args:
        model: with a ``MaskedDropout`` wherever dropout acts. It is not changed.
        inputs: (n, ...). targets: (n, ...).
        loss: (outputs, targets) -> (n,).
        keep_prob: of all dropout layers, or of each.
        samples: N, how many masks.
        seed: of the masks; more samples continue fewer.
        micro_batch: examples differentiated at a time; changes memory and time, the result only by rounding.
        progress: called with (done, samples) after each.

    Raises:
        ConfigurationError: the keep probabilities do not fit the model, or an unknown mask mode.
    """
    block = [name for name, _ in model.named_parameters()]
    draws = masked_draws(
        model, block, inputs, targets, loss, keep_prob=keep_prob, samples=samples, seed=seed, mask_mode=mask_mode,
        purpose="ratio", micro_batch=micro_batch, device=device,
    )  # fmt: skip
    losses = squares = 0.0
    for done, (value, gradient) in enumerate(draws, 1):
        losses += float(value)
        squares += float(gradient.double().square().sum())
        if progress is not None:
            progress(done, samples)
    return LossGradientRatio(losses / samples, squares / samples)
