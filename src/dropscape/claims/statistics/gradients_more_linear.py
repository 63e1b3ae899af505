"""How much clearer a power law is with gradient samples than with trajectory samples (paper A, end of section 6.2)."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.bootstrap import over_directions
from dropscape.claims.directions import projected_variance, r_squared, variance_flatness
from dropscape.claims.statistic import Measured, Run, RunStatistic, Tables


class GradientsMoreLinear(RunStatistic):
    """R² of the log-log fit with gradient samples minus R² with trajectory samples."""

    relation: Literal["variance_flatness", "projected_variance"] = Field(description="Which relation is fitted.")

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it on the directions that both fits use; the two samples are resampled independently."""
        pairs = {"variance_flatness": variance_flatness, "projected_variance": projected_variance}[self.relation]
        samples = [pairs(tables, run, sample) for sample in ("gradients", "trajectory")]
        groups = []
        for gradients, trajectory in zip(*samples, strict=True):
            tags = np.repeat([1.0, 0.0], [len(gradients), len(trajectory)])
            groups.append(np.column_stack([tags, np.concatenate([gradients, trajectory])]))

        def difference(rows: NDArray) -> float:
            return r_squared(rows[rows[:, 0] == 1, 1:]) - r_squared(rows[rows[:, 0] == 0, 1:])

        return over_directions(difference, groups, claim, run)
