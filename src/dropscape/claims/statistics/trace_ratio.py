"""Alignment of Hessian and covariance over that of an isotropic covariance along training (paper A, Fig. 4)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.bootstrap import between_extremes
from dropscape.claims.statistic import Measured, Run, RunStatistic, Tables, unmeasured


class TraceRatio(RunStatistic):
    """Tr(H Σ) / Tr(H Σ̄), reduced over the recorded steps."""

    over_steps: Literal["minimum", "median"] = Field(description="How the recorded steps are reduced.")

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it at the tentative keep probability where it is smallest; bounds are the extremes of the seeds."""
        table = tables.run_table(run, "alignment")
        ratio = table["trace_h_sigma"] / table["trace_h_isotropic"]
        if ratio.isna().all():
            return unmeasured("no ratio is defined")
        per_seed = ratio.groupby([table["keep_prob"], table["seed"]])
        per_seed = per_seed.min() if self.over_steps == "minimum" else per_seed.median()
        weakest = per_seed.groupby("keep_prob").mean().idxmin()
        step = table.loc[ratio.idxmin(), "step"]
        note = f"keep_prob {weakest:g}; the smallest single ratio is at step {step:.0f}"
        return between_extremes(per_seed.loc[weakest], table["step"].nunique(), note)
