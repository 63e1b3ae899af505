"""Which of two methods stays nearer to a third (paper C, Fig. 2b)."""

import math

from pydantic import Field

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.trajectories import Compared, Group, TrajectoriesStatistic, Values
from dropscape.equations.settings import Method


class DistanceFactor(TrajectoriesStatistic):
    """How many times farther from a method's mean trajectory one method's is than another's."""

    far: Method = Field(description="The method that is thought to be farther away.")
    near: Method = Field(description="The method that is thought to be nearer.")
    reference: Method = Field("dropout", description="The method that both are compared with.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure mean distances along training, at the setting with the smallest factor."""
        methods = [self.far, self.near, self.reference]
        return self.weakest(tables, experiment, [methods], _factor, "smallest")


def _factor(compared: Compared, three: Group, trials: Values) -> float:
    one, other = (compared.means_apart(values, trials[2]) for values in trials[:2])
    return one / other if other else math.nan
