"""How far the mean trajectories of methods are apart (paper C, Fig. 1a and 2)."""

import math

import numpy as np

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.trajectories import Compared, Group, Means, MethodPairsStatistic


class TrajectoryDistance(MethodPairsStatistic):
    """Distance between the mean trajectories of two methods over the width of their bands."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure mean distances along training, at the setting and for the pair that are farthest apart."""
        return self.weakest(tables, experiment, self.pairs, _distance, "largest")


def _distance(compared: Compared, pair: Group, means: Means) -> float:
    bands = [np.nanmax(compared.trials[name], axis=0) - np.nanmin(compared.trials[name], axis=0) for name in pair]
    width = float(compared.weights @ np.mean(bands, axis=0))
    return compared.along(np.abs(means[0] - means[1])) / width if width else math.nan
