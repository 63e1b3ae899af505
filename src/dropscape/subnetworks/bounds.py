"""What the theorems of paper D promise of a run of Algorithm 1: its projection, error, distances and active neurons."""

import math
from dataclasses import dataclass


def max_norm(dimension: int, width: int, gamma: float | None = None) -> float:
    """Compute the c of Theorem 4.1; where no margin is known, without the term that it decides."""
    extra = 2 * math.sqrt(math.log(width))
    return math.sqrt(dimension) + max(extra, 0.0 if gamma is None else 1 / (14 * gamma**2)) + 1


def active_bound(width: int, keep_prob: float, steps: int, delta: float) -> float:
    """Bound the neurons that a mask of the first ``steps`` keeps, with probability 1 - delta (after Theorem 4.2)."""
    return keep_prob * width + math.sqrt(2 * width * math.log(steps / delta))


@dataclass(frozen=True)
class Bounds:
    """The quantities of Theorem 4.1 and Lemma 5.2 for a run of T steps; they hold from ``required_width`` on."""

    gamma: float  # the margin of Assumption 1
    learning_rate: float  # eta, in (0, ln 2)
    steps: int  # T
    width: int  # m
    c: float  # of the projection

    @property
    def lambda_(self) -> float:
        """The weight lambda of the competitor: U = W_1 + lambda V."""
        eta_steps = self.learning_rate * self.steps
        inside = 44 * math.log(24 * eta_steps * self.c * math.sqrt(self.width))
        return (5 * math.log(2 * eta_steps) + math.sqrt(inside)) / self.gamma

    @property
    def required_width(self) -> float:
        """The width from which on Theorem 4.1 holds."""
        return 2401 * self.gamma**-6 * self.lambda_**2

    @property
    def error(self) -> float:
        """Bound of the mean misclassification of the iterates, in expectation."""
        return 4 * self.lambda_**2 / (self.learning_rate * self.steps)

    @property
    def distance(self) -> float:
        """Bound of |w_r,t - w_r,1| for all neurons and iterates, with high probability (Lemma 5.2)."""
        return 7 * self.lambda_ / (2 * self.gamma * math.sqrt(self.width))
