"""The smallest cosine of Hessian and covariance along training (paper C, Fig. 3a)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.bootstrap import between_extremes
from dropscape.claims.statistic import Measured, Run, RunStatistic, Tables, unmeasured


class CosineMinimum(RunStatistic):
    """Smallest cosine of Hessian and covariance over the recorded steps."""

    estimate: Literal["cosine", "cosine_unbiased"] = Field(
        description="`cosine`: the papers' estimate; `cosine_unbiased`: freed of its finite-sample bias."
    )

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it as the mean over seeds; bounds are their extremes."""
        table = tables.run_table(run, "alignment")
        cosines = table[self.estimate]
        undefined = int(cosines.isna().sum())
        if undefined == len(table):
            return unmeasured("no cosine is defined")
        step = table.loc[cosines.idxmin(), "step"]
        note = f"smallest at step {step:.0f}" + (f"; {undefined} undefined" if undefined else "")
        return between_extremes(cosines.groupby(table["seed"]).min(), table["step"].nunique(), note)
