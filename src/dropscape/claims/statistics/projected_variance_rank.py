"""Spearman's rank correlation of Hessian eigenvalue and projected variance (paper A, Fig. 3)."""

from pydantic import Field

from dropscape.claims.directions import SampleStatistic, projected_variance
from dropscape.claims.measured import Measured, over_groups
from dropscape.claims.statistic import Run, Tables
from dropscape.numerics.fits import spearman
from dropscape.schema import Count


class ProjectedVarianceRank(SampleStatistic):
    """Spearman's rank correlation of Hessian eigenvalue and projected variance."""

    drift_table = "projection_drift"

    leading: Count | None = Field(None, description="Only so many leading eigenvalues; null means all.")

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on the eigenvectors whose eigenvalue is not numerically zero."""
        return over_groups(
            spearman, projected_variance(tables, run, self.sample, self.directions, self.leading), "correlation"
        )
