"""The smallest cosine of Hessian and covariance along training (paper C, Fig. 3a)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables


class CosineMinimum(RunStatistic):
    """Smallest cosine of Hessian and covariance over the recorded steps."""

    estimate: Literal["cosine", "cosine_unbiased", "cosine_rotated"] = Field(
        description="`cosine`: the papers' estimate; `cosine_unbiased`: freed of its finite-sample bias; "
        "`cosine_rotated`: of the covariance turned at random within the parameters that vary."
    )

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure the smallest cosine of each seed."""
        table = tables.run_table(run, "alignment")
        if self.estimate not in table:
            raise NotMeasuredError(f"{run.name} has no {self.estimate}")
        cosines = table[self.estimate]
        undefined = int(cosines.isna().sum())
        if undefined == len(table):
            return unmeasured("no cosine is defined")
        step = table.loc[cosines.idxmin(), "step"]
        note = f"smallest at step {step:.0f}" + (f"; {undefined} undefined" if undefined else "")
        return over_seeds(cosines.groupby(table["seed"]).min(), note, "correlation", table["step"].nunique())
