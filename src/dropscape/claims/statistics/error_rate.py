"""How fast the mean error of the iterates falls (paper D, Theorems 4.1 and 4.2)."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, Reduced, over_settings, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.claims.subnetworks import which_setting
from dropscape.subnetworks.slopes import error_slopes, last_decade


class ErrorRate(ExperimentStatistic):
    """Slope of log mean error of the iterates over the log of their number, in the last decade."""

    network: Literal["full", "visited"] = Field(description="The full network or the sub-networks of the iterates.")
    over: Reduced = Field(description="Which of the widths' and keep probabilities' values is meant.")
    widest: bool = Field(False, description="Whether only the largest width is meant.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on the mean over all iterates so far; the note has the widths for which Theorem 4.1 is stated.

        Nothing is judged where most iterates of the last decade err nowhere: the mean then falls like 1/T whatever
        the rate was.
        """
        errors = tables.experiment_table(experiment, "errors")
        margins = tables.experiment_table(experiment, "margins")
        if self.widest:
            errors = errors[errors["width"] == errors["width"].max()]
        rows = error_slopes(errors, f"mean_error_{self.network}").pivot_table(
            index="seed", columns=["width", "keep_prob"], values="slope", dropna=False
        )
        if rows.isna().to_numpy().any():
            return unmeasured("a mean error is zero throughout the last decade")
        required = margins["required_width"]
        note = f"{which_setting(rows.mean(), self.over, 'keep_prob')}; T to {errors['step'].max():,}; the theorem is "
        note += f"stated for widths from {required.min():.1e} to {required.max():.1e}, by keep probability"
        by_keep_prob = last_decade(errors).groupby("keep_prob")[f"error_{self.network}"]
        erring = by_keep_prob.agg(lambda error: (error > 0).mean())
        void = (
            f"at keep_prob {erring.idxmin():g} {erring.min():.0%} of the iterates in the last decade err at all: the "
            "mean falls like 1/T by itself"
        )
        return replace(over_settings(rows.to_numpy(), self.over, note), void="" if erring.min() > 0.5 else void)
