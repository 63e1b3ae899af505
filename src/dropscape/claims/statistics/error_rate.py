"""How fast the mean error of the iterates falls (paper D, Theorems 4.1 and 4.2)."""

import math
from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, Reduced, over_settings, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.claims.subnetworks import which_setting
from dropscape.subnetworks.slopes import error_slopes


class ErrorRate(ExperimentStatistic):
    """Slope of log mean error of the iterates over the log of their number, in the last decade."""

    network: Literal["full", "visited"] = Field(description="The full network or the sub-networks of the iterates.")
    over: Reduced = Field(description="Which of the widths' and keep probabilities' values is meant.")
    widest: bool = Field(False, description="Whether only the largest width is meant.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on the mean over all iterates so far; the note has the width for which Theorem 4.1 is stated."""
        errors = tables.experiment_table(experiment, "errors")
        slopes = error_slopes(errors, f"mean_error_{self.network}")
        if self.widest:
            slopes = slopes[slopes["width"] == slopes["width"].max()]
        rows = slopes.pivot_table(index="seed", columns=["width", "keep_prob"], values="slope", dropna=False)
        if rows.isna().to_numpy().any():
            return unmeasured("a mean error is zero throughout the last decade")
        note = f"{which_setting(rows.mean(), self.over, 'keep_prob')}; T to {errors['step'].max():,}"
        required = tables.experiment_table(experiment, "margins")["required_width"].min()
        known = f"the theorem is stated for widths from {required:.1e}"
        stated = "the margin is not known" if math.isnan(required) else known
        return over_settings(rows.to_numpy(), self.over, f"{note}; {stated}")
