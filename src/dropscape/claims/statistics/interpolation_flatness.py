"""How much more the loss bends at one objective's end points than at another's (paper B, Fig. 14c to f)."""

import numpy as np
from numpy.typing import NDArray

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.objectives import TwoObjectivesStatistic
from dropscape.claims.statistic import Tables


class InterpolationFlatness(TwoObjectivesStatistic):
    """Relative difference of the loss's second derivatives at the second and the first objective's end points."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure (c_second - c_first) / (|c_second| + |c_first|), the mean over pairs; 0 where both ends bend alike.

        c is the second derivative of a parabola fitted to the quarter of a seed's path at that end.
        """
        paths = self.paths(tables, experiment)
        first, second = np.stack([_bends(alphas, losses) for alphas, losses, _ in paths.values()], axis=1).T
        relative = (second - first) / (np.abs(second) + np.abs(first))
        note = f"{len(paths)} pairs; mean second derivatives {first.mean():.3g} and {second.mean():.3g}"
        return over_seeds(relative.mean(axis=0), note)


def _bends(alphas: NDArray, losses: NDArray) -> NDArray:
    """(S, 2): second derivatives of the parabolas through the first and the last quarter of each path."""
    quarters = (alphas <= 0.25, alphas >= 0.75)
    return np.stack([2 * np.polyfit(alphas[near], losses[:, near].T, 2)[0] for near in quarters], axis=1)
