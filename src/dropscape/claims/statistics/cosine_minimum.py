"""The smallest cosine of Hessian and covariance along training (paper C, Fig. 3)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables


class CosineMinimum(RunStatistic):
    """Smallest cosine of Hessian and covariance over the recorded steps."""

    estimate: Literal[
        "cosine", "cosine_unbiased", "cosine_dropout_loss", "cosine_per_example", "cosine_dropout_loss_per_example"
    ] = Field(
        description="`cosine`: of the Hessian of R_S and the covariance of the full batch's gradient, plain; "
        "`cosine_unbiased`: freed of its finite-sample bias; `cosine_dropout_loss`: of the Hessian of L_S; "
        "`cosine_per_example`: with the covariance of one example's gradient; "
        "`cosine_dropout_loss_per_example`: of both.",
    )
    rotated: bool = Field(False, description="Whether the covariance is turned at random, which leaves no alignment.")

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure the smallest cosine of each seed."""
        table = tables.run_table(run, "alignment")
        column = self.estimate.removesuffix("_unbiased") + "_rotated" if self.rotated else self.estimate
        if column not in table:
            raise NotMeasuredError(f"{run.name} has no {column}: alignment.mask_draws is 0")
        cosines = table[column]
        undefined = int(cosines.isna().sum())
        if undefined == len(table):
            return unmeasured("no cosine is defined")
        step = table.loc[cosines.idxmin(), "step"]
        note = f"smallest at step {step:.0f}" + (f"; {undefined} undefined" if undefined else "")
        return over_seeds(cosines.groupby(table["seed"]).min(), note, "correlation", table["step"].nunique())
