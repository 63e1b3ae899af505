"""How much wider slices of the loss are at the end point with dropout (paper A, Fig. 1; paper B, Fig. 1b)."""

from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.slices import log_widening
from dropscape.claims.statistic import Run, RunStatistic, Tables
from dropscape.schema import Positive


class SliceWidening(RunStatistic):
    """How many times wider slices of the loss are at the end point with dropout than without."""

    rise: Positive | None = Field(None, description="The rise of the loss that ends a slice; null: the judged one.")
    moved: Literal["weights", "all"] = Field("weights", description="What the directions move, a column of the table.")

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure each seed's geometric mean over the directions that have a width at both end points."""
        logs = log_widening(tables, run, self.rise, self.moved)
        missing = int(np.isnan(logs).sum())
        if np.isnan(logs).all(axis=1).any():
            return unmeasured("a seed has no direction with a width at both end points")
        left_out = f"; {missing} of {logs.size} directions left out" if missing else ""
        note = f"against {tables.without_dropout(run).name}{left_out}"
        return over_seeds(np.exp(np.nanmean(logs, axis=1)), note, "log", logs.size - missing)
