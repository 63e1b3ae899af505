"""How much of the training methods' mean trajectories lie within each other's bands (paper C, Fig. 1a)."""

from itertools import combinations
from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.statistic import Measured, Tables
from dropscape.claims.trajectories import Compared, Group, Means, TrajectoriesStatistic, weakest
from dropscape.equations.settings import Method


class TrajectoryOverlap(TrajectoriesStatistic):
    """Share of the training in which the mean of each of two methods lies within the other's band."""

    name: Literal["trajectory_overlap"]
    methods: list[Method] = Field(description="The methods, which are compared in pairs.", min_length=2)

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it at the setting and the pair of methods with the smallest share."""
        trajectories = self.trajectories(tables, experiment, self.methods)
        return weakest(trajectories, list(combinations(self.methods, 2)), _share, min, f"{claim}/{experiment}")


def _share(compared: Compared, pair: Group, means: Means) -> float:
    inside = np.ones(len(compared.weights))
    for mean, other in zip(means, reversed(pair), strict=True):
        band = compared.trials[other]
        within = (np.nanmin(band, axis=0) <= mean) & (mean <= np.nanmax(band, axis=0))
        inside = np.where(np.isnan(mean), np.nan, inside * within)
    return compared.along(inside)
