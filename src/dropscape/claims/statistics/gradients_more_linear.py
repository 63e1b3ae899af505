"""How much clearer a power law is with gradient samples than with trajectory samples (paper A, end of section 6.2)."""

from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.directions import SampleStatistic, projected_variance, r_squared, variance_flatness
from dropscape.claims.measured import Measured, fewest_points, over_seeds
from dropscape.claims.statistic import Run, Tables


class GradientsMoreLinear(SampleStatistic):
    """R² of the log-log fit with gradient samples minus R² with those of the trajectory, the ``sample``."""

    relation: Literal["variance_flatness", "projected_variance"] = Field(description="Which relation is fitted.")

    @property
    def drift_table(self) -> str:
        """That of the steps which the relation is measured on."""
        return "drift" if self.relation == "variance_flatness" else "projection_drift"

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it seed by seed, on the directions that each fit uses."""
        pairs = {"variance_flatness": variance_flatness, "projected_variance": projected_variance}[self.relation]
        samples = [pairs(tables, run, sample, self.directions) for sample in ("gradients", self.sample)]
        values = [[r_squared(group) for group in groups] for groups in samples]
        note = " against ".join(f"{np.mean(one):.3g}" for one in values)
        return over_seeds(np.subtract(*values), note, points=min(map(fewest_points, samples)))
