"""Spearman's rank correlation of principal variance and interval flatness (paper A, Fig. 2)."""

from pydantic import Field

from dropscape.claims.directions import SampleStatistic, variance_flatness
from dropscape.claims.measured import Measured, over_groups
from dropscape.claims.statistic import Run, Tables
from dropscape.numerics.fits import spearman
from dropscape.schema import Count


class VarianceFlatnessRank(SampleStatistic):
    """Spearman's rank correlation of principal variance and interval flatness."""

    leading: Count | None = Field(None, description="Only so many leading directions; null means all.")
    held_out: bool = Field(False, description="Whether variances are those of held-out samples.")
    divergence: bool = Field(
        False, description="Whether the flatness is of the loss less the entropy of smoothed labels, a constant."
    )

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on the directions whose variance and flatness are defined and not zero."""
        which = self.leading, self.held_out, self.divergence
        groups = variance_flatness(tables, run, self.sample, self.directions, *which)
        return over_groups(spearman, groups, "correlation")
