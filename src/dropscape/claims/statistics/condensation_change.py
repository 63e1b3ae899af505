"""How much a run condenses, also compared with its start or with another run (paper B, section VI)."""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.schema import Name

Column = Literal[
    "effective_ratio",
    "effective_ratio_lower",
    "effective_ratio_unsigned",
    "effective_ratio_unsigned_lower",
    "leading_share",
    "leading_share_of_amplitude",
    "leading_share_of_a",
    "leading_share_of_w",
    "rotation",
    "movement",
    "movement_redrawn",
    "hessian_trace",
    "total_variation",
    "convexity_changes",
    "visible_convexity_changes",
    "excess_convexity_changes",
    "functional_intercepts",
]


class CondensationChange(ExperimentStatistic):
    """A measure of condensation in a run, also compared with its start or with another run."""

    run: Name = Field(description="The run.")
    column: Column = Field(description="The measure, a column of the condensation stage's table.")
    compare: Literal["difference", "ratio", "value"] = Field(
        description="`difference`: minus the reference; `ratio`: over it, geometric mean; `value`: itself alone."
    )
    against: Name | None = Field(None, description="A run whose end is the reference; null: the run's first step.")
    other_experiment: Name | None = Field(None, description="The experiment of `against`; null means the same.")
    against_column: Column | None = Field(None, description="The reference's measure; null means the same.")
    moments: Literal["end", "training"] = Field(
        "end", description="`end`: at the last step; `training`: mean over the recorded steps after the first."
    )
    layer: str | None = Field(None, description="One of condensation.layers; null means the first.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it seed by seed, and step by step where it is a mean over the training."""
        ours, reference = self._by_step(tables, experiment, self.run, self.column), None
        if self.against is not None:
            other = self.other_experiment or experiment
            reference = self._by_step(tables, other, self.against, self.against_column or self.column)
        steps = slice(1, None) if self.moments == "training" else slice(-1, None)
        one = ours.iloc[steps].to_numpy(dtype=float)
        other = np.broadcast_to(ours.iloc[:1] if reference is None else reference.iloc[steps], one.shape).astype(float)
        if np.isnan(one).any() or (self.compare != "value" and np.isnan(other).any()):
            return unmeasured(f"{self.column} is not defined")
        note = f"{one.mean():.3g} against {other.mean():.3g} of {self.against or 'its first step'}"
        if self.compare == "ratio":
            return over_seeds(np.exp(np.log(one / other).mean(axis=0)), note, "log")
        return over_seeds((one - other if self.compare == "difference" else one).mean(axis=0), note)

    def _by_step(self, tables: Tables, experiment: str, run: str, column: str) -> pd.DataFrame:
        """The measure of the layer by step (in order) and seed."""
        table = tables.run_table(tables.named_run(experiment, run), "condensation")
        rows = table[table["layer"] == (self.layer or table["layer"].iloc[0])]
        return rows.pivot_table(index="step", columns="seed", values=column, dropna=False).sort_index()
