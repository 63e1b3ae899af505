"""Whether a method's trajectories vary about dropout's as those of dropout with other masks do (paper C, Fig. 1a)."""

import math

from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.trajectories import REPLICATE, Compared, Group, TrajectoriesStatistic, Values
from dropscape.equations.settings import Method


class TrajectorySpread(TrajectoriesStatistic):
    """Spread of a method's differences to dropout from the same start over that of a second dropout training's.

    It is 1 where the method's noise is as large as dropout's, and 1/sqrt 2 without noise, wherever its mean is.
    """

    method: Method = Field(description="The method.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure mean distances of the trials' differences from their mean, to either dropout training."""
        return self.weakest(tables, experiment, [[self.method]], _spread, "largest", REPLICATE)


def _spread(compared: Compared, one: Group, trials: Values) -> float:
    method, *replicates = trials
    noise = _about_mean(compared, *replicates)
    return sum(_about_mean(compared, method, other) for other in replicates) / 2 / noise if noise else math.nan


def _about_mean(compared: Compared, values: NDArray, others: NDArray) -> float:
    differences = values - others
    return compared.apart(differences, differences.mean(axis=0))
