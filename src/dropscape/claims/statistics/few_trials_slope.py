"""The order that means of a few trials show (paper C, section 4.3, Fig. 1b, c)."""

from typing import Literal

import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.numerics.intervals import student
from dropscape.numerics.orders import slopes_of_repetitions


class FewTrialsSlope(ExperimentStatistic):
    """Slope of the norm of a difference of means over the learning rate, in log-log."""

    method: Literal["order_1", "order_2", "dropout"] = Field(
        description="The equation of an order; `dropout` is dropout again, with other masks."
    )
    order: Literal[1, 2] = Field(description="The order that it is to show.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the mean over repetitions, at the keep probability where it is farthest from the order."""
        table = tables.experiment_table(experiment, "few_trials")
        rows = table[table["method"] == self.method]
        if rows.empty:
            raise NotMeasuredError(f"{experiment} has no means of a few trials of {self.method}")
        slopes = {keep_prob: slopes_of_repetitions(own) for keep_prob, own in rows.groupby("keep_prob")}
        farthest = max(slopes, key=lambda keep_prob: abs(slopes[keep_prob].mean() - self.order))
        listed = ", ".join(f"{_range(own)} at keep {keep_prob:g}" for keep_prob, own in slopes.items())
        return with_interval(student(slopes[farthest]), len(slopes[farthest]), f"single ones: {listed}", "repetition")


def _range(slopes: pd.Series) -> str:
    return f"{slopes.min():.2f} to {slopes.max():.2f}"
