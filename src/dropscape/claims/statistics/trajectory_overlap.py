"""How much of the training methods' mean trajectories lie within each other's bands (paper C, Fig. 1a)."""

import numpy as np

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.trajectories import Compared, Group, Means, MethodPairsStatistic


class TrajectoryOverlap(MethodPairsStatistic):
    """Share of the training in which the mean of each of two methods lies within the other's band."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the setting and the pair of methods with the smallest share."""
        return self.weakest(tables, experiment, self.pairs, _share, "smallest")


def _share(compared: Compared, pair: Group, means: Means) -> float:
    inside = np.ones(len(compared.weights))
    for mean, other in zip(means, reversed(pair), strict=True):
        band = compared.trials[other]
        within = (np.nanmin(band, axis=0) <= mean) & (mean <= np.nanmax(band, axis=0))
        inside = np.where(np.isnan(mean), np.nan, inside * within)
    return compared.along(inside)
