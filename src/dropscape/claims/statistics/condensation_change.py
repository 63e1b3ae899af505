"""How much a run condenses, also compared with its start or with another run (paper B, section VI)."""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables, other_seeds
from dropscape.schema import Name


class CondensationChange(ExperimentStatistic):
    """A measure of condensation at the end of a run, also compared with its start or another run's end."""

    run: Name = Field(description="The run.")
    column: Literal[
        "effective_ratio",
        "effective_ratio_unsigned",
        "leading_share",
        "leading_share_of_amplitude",
        "rotation",
        "movement",
        "movement_redrawn",
        "total_variation",
        "convexity_changes",
        "visible_convexity_changes",
        "excess_convexity_changes",
        "functional_intercepts",
    ] = Field(description="The measure, a column of the condensation stage's table.")
    compare: Literal["difference", "ratio", "value"] = Field(
        description="`difference`: minus the reference; `ratio`: over it, geometric mean; `value`: itself alone."
    )
    against: Name | None = Field(
        None,
        description="A run whose end is the reference; null: the run's first step; the run itself: its other seeds.",
    )
    layer: str | None = Field(None, description="One of condensation.layers; null means the first.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it seed by seed."""
        ours = self._by_step(tables, experiment, self.run)
        reference = ours.iloc[0] if self.against is None else self._by_step(tables, experiment, self.against).iloc[-1]
        one, other = ours.iloc[-1].to_numpy(dtype=float), reference.to_numpy(dtype=float)
        if np.isnan(one).any() or (self.compare != "value" and np.isnan(other).any()):
            return unmeasured(f"{self.column} is not defined")
        if self.run == self.against:
            other = other_seeds(other)
        note = f"{one.mean():.3g} against {other.mean():.3g} of {self.against or 'its first step'}"
        if self.compare == "ratio":
            return over_seeds(one / other, note, "log")
        return over_seeds(one - other if self.compare == "difference" else one, note)

    def _by_step(self, tables: Tables, experiment: str, run: str) -> pd.DataFrame:
        """The measure of the layer by step (in order) and seed."""
        table = tables.run_table(tables.named_run(experiment, run), "condensation")
        rows = table[table["layer"] == (self.layer or table["layer"].iloc[0])]
        return rows.pivot_table(index="step", columns="seed", values=self.column, dropna=False).sort_index()
