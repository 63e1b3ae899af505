"""How much a run condenses, compared with its start or with another run (paper B, section VI)."""

import math
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.bootstrap import over_seeds
from dropscape.claims.statistic import ExperimentStatistic, Measured, Tables, unmeasured
from dropscape.schema import Name


class CondensationChange(ExperimentStatistic):
    """A measure of condensation at the end of a run, compared with its start or another run's end."""

    run: Name = Field(description="The run.")
    column: Literal[
        "effective_ratio",
        "effective_ratio_unsigned",
        "leading_share",
        "total_variation",
        "convexity_changes",
        "visible_convexity_changes",
    ] = Field(description="The measure, a column of the condensation stage's table.")
    compare: Literal["difference", "ratio"] = Field(description="`difference`: minus the reference; `ratio`: over it.")
    against: Name | None = Field(None, description="A run whose end is the reference; null: the run's first step.")
    layer: str | None = Field(None, description="One of condensation.layers; null means the first.")

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it on the means over seeds."""
        ours = self._by_step(tables, experiment, self.run)
        reference = ours.iloc[0] if self.against is None else self._by_step(tables, experiment, self.against).iloc[-1]
        rows = np.stack([ours.iloc[-1].to_numpy(dtype=float), reference.to_numpy(dtype=float)], axis=1)[:, None]
        if np.isnan(rows).any():
            return unmeasured(f"{self.column} is not defined")

        def compared(rows: NDArray) -> float:
            one, other = rows.mean(axis=(0, 1))
            if self.compare == "difference":
                return float(one - other)
            return float(one / other) if other else math.nan

        one, other = rows.mean(axis=(0, 1))
        note = f"{one:.3g} against {other:.3g} of {self.against or 'its first step'}"
        return over_seeds(compared, rows, claim, experiment, note)

    def _by_step(self, tables: Tables, experiment: str, run: str) -> pd.DataFrame:
        """The measure of the layer by step (in order) and seed."""
        table = tables.run_table(tables.named_run(experiment, run), "condensation")
        rows = table[table["layer"] == (self.layer or table["layer"].iloc[0])]
        return rows.pivot_table(index="step", columns="seed", values=self.column, dropna=False).sort_index()
