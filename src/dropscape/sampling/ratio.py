"""How large the dropout loss is against its gradient, E R_S^drop / E |grad R_S^drop|^2 (paper B, section V.B, Fig. 3b).

R_2 is (learning rate / 4) E |grad R_S^drop|^2 (paper B, eq. 5), so the ratio says how large the dropout loss of a
regularised training is against R_2. Expectations are over masks at frozen parameters, the gradient is that of all
parameters, and a batch norm reads the statistics of the whole training set, as in every measurement.
"""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from dropscape.models.losses import PerExampleLoss
from dropscape.sampling.modules import masked_draws


@dataclass(frozen=True)
class LossGradientRatio:
    """Means over the masks."""

    mean_loss: float  # E R_S^drop, in the loss's units
    mean_squared_gradient: float  # E |grad R_S^drop|^2, in (loss / parameter)^2

    @property
    def ratio(self) -> float:
        """E R_S^drop / E |grad R_S^drop|^2, in parameter^2 / loss; NaN where every gradient is zero."""
        return self.mean_loss / self.mean_squared_gradient if self.mean_squared_gradient else math.nan


def loss_gradient_ratio(
    model: nn.Module, inputs: Tensor, targets: Tensor, loss: PerExampleLoss, *, samples: int, **options: Any
) -> LossGradientRatio:
    """Average over ``samples`` fresh masks, each a full pass over the examples; summed in float64.

    Arguments and errors are those of ``masked_draws``.
    """
    block = [name for name, _ in model.named_parameters()]
    losses = squares = 0.0
    for value, gradient in masked_draws(
        model, block, inputs, targets, loss, samples=samples, purpose="ratio", **options
    ):
        losses += float(value)
        squares += float(gradient.double().square().sum())
    return LossGradientRatio(losses / samples, squares / samples)
