"""When the cosine of Hessian and covariance is above a threshold for good (paper C, Fig. 3a)."""

import math
from typing import Literal

import pandas as pd
from pydantic import Field

from dropscape.claims.bootstrap import between_extremes
from dropscape.claims.statistic import Measured, Run, RunStatistic, Tables


class CosineSettles(RunStatistic):
    """First recorded step from which the cosine stays above a threshold."""

    estimate: Literal["cosine", "cosine_unbiased"] = Field(
        description="`cosine`: the papers' estimate; `cosine_unbiased`: freed of its finite-sample bias."
    )
    threshold: float = Field(description="The threshold.")

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it as the mean over seeds, infinite if one ends below the threshold; bounds are their extremes."""
        table = tables.run_table(run, "alignment").sort_values("step")
        steps = []
        for _, rows in table.groupby("seed"):
            below = rows[~(rows[self.estimate] > self.threshold)]
            later = rows[rows["step"] > below["step"].max()] if len(below) else rows
            steps.append(float(later["step"].min()) if len(later) else math.inf)
        return between_extremes(pd.Series(steps), table["step"].nunique(), f"of {int(table['step'].max())} steps")
