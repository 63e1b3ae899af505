"""How far the mean trajectories of methods are apart (paper C, Fig. 1a and 2)."""

import math

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.trajectories import REPLICATE, Compared, Group, MethodPairsStatistic, Values


class TrajectoryDistance(MethodPairsStatistic):
    """Distance between the mean trajectories of two methods over that between two dropout trainings from one start."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it for the pair that is farthest apart."""
        return self.weakest(tables, experiment, self.pairs, _distance, "largest", REPLICATE)


def _distance(compared: Compared, pair: Group, trials: Values) -> float:
    replicates = compared.apart(*trials[2:])
    return compared.means_apart(*trials[:2]) / replicates if replicates else math.nan
