"""Alignment of Hessian and covariance over that of an isotropic covariance along training (paper A, Fig. 4)."""

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, over_settings, unmeasured
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables


class TraceRatio(RunStatistic):
    """Tr(H Σ) / Tr(H Σ̄), reduced over the recorded steps."""

    over_steps: Literal["minimum", "median"] = Field(description="How the recorded steps are reduced.")

    baseline: Literal["isotropic", "active"] = Field(
        "isotropic", description="Isotropic in all parameters, as the paper has it, or in those that vary (`active`)."
    )
    covariance: Literal["measured", "rotated"] = Field(
        "measured", description="`rotated`: the mean over all rotations of the parameters that vary."
    )

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure each seed's, at the tentative keep probability where the geometric mean of seeds is smallest."""
        table = tables.run_table(run, "alignment")
        above = "trace_h_sigma" if self.covariance == "measured" else "trace_h_active"
        below = "trace_h_isotropic" if self.baseline == "isotropic" else "trace_h_active"
        if not {above, below} <= set(table):
            raise NotMeasuredError(f"{run.name} has no {above} or {below}")
        ratio = table[above] / table[below]
        if ratio.isna().any():
            return unmeasured("a ratio is not defined")
        by_training = ratio.groupby([table["seed"], table["keep_prob"]])
        rows = (by_training.min() if self.over_steps == "minimum" else by_training.median()).unstack()
        weakest = np.log(rows).mean().idxmin()
        note = f"keep_prob {weakest:g}; the smallest single ratio is at step {table.loc[ratio.idxmin(), 'step']:.0f}"
        return replace(over_settings(rows.to_numpy(), "smallest", note, "log"), points=table["step"].nunique())
