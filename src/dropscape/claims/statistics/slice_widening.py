"""How much wider slices of the loss are at the end point with dropout (paper A, Fig. 1; paper B, Fig. 1b)."""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables, other_seeds
from dropscape.schema import Positive


class SliceWidening(RunStatistic):
    """How many times wider slices of the loss are at the end point with dropout than without."""

    rise: Positive | None = Field(None, description="The rise of the loss that ends a slice; null: the judged one.")
    moved: Literal["weights", "all"] = Field("weights", description="What the directions move, a column of the table.")

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure each seed's geometric mean over the directions that have a width at both end points.

        The training without dropout meets its own other seeds.
        """
        plain = tables.without_dropout(run)
        one, other = (
            np.log(self._rows(tables, each).pivot_table("half_width", "seed", "direction", dropna=False))
            for each in (run, plain)
        )
        logs = one.to_numpy() - (other_seeds(other.to_numpy()) if run == plain else other.to_numpy())
        missing = int(np.isnan(logs).sum())
        if np.isnan(logs).all(axis=1).any():
            return unmeasured("a seed has no direction with a width at both end points")
        left_out = f"; {missing} of {logs.size} directions left out" if missing else ""
        note = f"against {plain.name}{left_out}"
        return over_seeds(np.exp(np.nanmean(logs, axis=1)), note, "log", logs.size - missing)

    def _rows(self, tables: Tables, run: Run) -> pd.DataFrame:
        rows = tables.run_table(run, "slice_widths")
        rise = rows.loc[rows["judged"], "rise"].iloc[0] if self.rise is None else self.rise
        rows = rows[np.isclose(rows["rise"], rise) & (rows["moved"] == self.moved)]
        if rows.empty:
            raise NotMeasuredError(f"{run.name} has no slices at a rise of {rise:g} that move {self.moved}")
        return rows
