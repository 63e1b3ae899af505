"""How far the mean trajectories of methods are apart (paper C, Fig. 1a and 2)."""

import math
from itertools import combinations
from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.statistic import Measured, Tables
from dropscape.claims.trajectories import Compared, Group, Means, TrajectoriesStatistic, weakest
from dropscape.equations.settings import Method


class TrajectoryDistance(TrajectoriesStatistic):
    """Distance between the mean trajectories of two methods over the width of their bands."""

    name: Literal["trajectory_distance"]
    methods: list[Method] = Field(description="The methods, which are compared in pairs.", min_length=2)

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure mean distances along training, at the setting and for the pair that are farthest apart."""
        trajectories = self.trajectories(tables, experiment, self.methods)
        return weakest(trajectories, list(combinations(self.methods, 2)), _distance, max, f"{claim}/{experiment}")


def _distance(compared: Compared, pair: Group, means: Means) -> float:
    width = compared.width(*pair)
    return compared.along(np.abs(means[0] - means[1])) / width if width else math.nan
