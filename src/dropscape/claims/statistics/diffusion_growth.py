"""How the noise of dropout along training grows with the learning rate and with dropout (paper C, section 4.3)."""

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.claims.trajectories import trial_names


class DiffusionGrowth(ExperimentStatistic):
    """Mean of eta Tr Sigma along dropout over that with the next smaller learning rate or the next larger keep_prob."""

    varied: Literal["learning_rate", "keep_prob"] = Field(description="What the two trainings differ in.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over the trials, of the two trainings with the smallest factor."""
        table = tables.experiment_table(experiment, "matrices")
        by_setting = table.groupby(["learning_rate", "keep_prob"])
        diffusions = {setting: setting[0] * _along_training(rows) for setting, rows in by_setting}
        index, sign = (0, 1) if self.varied == "learning_rate" else (1, -1)
        ordered = sorted(diffusions, key=lambda setting: (setting[1 - index], sign * setting[index]))
        pairs = [pair for pair in pairwise(ordered) if pair[0][1 - index] == pair[1][1 - index]]
        if not pairs:
            raise NotMeasuredError(f"{experiment} has no two trainings that differ in {self.varied} alone")
        factors = np.stack([diffusions[more] / diffusions[less] for less, more in pairs], axis=1)
        means = np.exp(np.log(factors).mean(axis=0))
        (_, (rate, keep_prob)) = pairs[int(means.argmin())]
        note = f"of {len(pairs)}, at learning rate {rate:g}, keep {keep_prob:g}; mean {means.mean():.3g}"
        return replace(over_settings(factors, "smallest", note, "log"), unit="trial")


def _along_training(rows: pd.DataFrame) -> np.ndarray:
    """The mean of Tr Sigma over the steps, of each trial (T,), by the trapezoidal rule."""
    traces = rows.assign(trial=trial_names(rows)).pivot_table("trace", "step", "trial").sort_index()
    return np.trapezoid(traces.to_numpy(), traces.index, axis=0) / traces.index.max()
