"""The smallest alignment of Hessian and covariance along training (paper C, section 5.3 and Fig. 3)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables


class AlignmentMinimum(RunStatistic):
    """Smallest alignment of Hessian and covariance over the recorded steps."""

    estimate: Literal[
        *("cosine", "cosine_unbiased", "cosine_dropout_loss", "cosine_per_example", "cosine_dropout_loss_per_example"),
        *("rank", "r_squared"),
    ] = Field(
        description="`cosine`: of the Hessian of R_S and the covariance of the full batch's gradient, plain; "
        "`cosine_unbiased`: freed of its finite-sample bias; `cosine_dropout_loss`: of the Hessian of L_S; "
        "`cosine_per_example`: with the covariance of one example's gradient; "
        "`cosine_dropout_loss_per_example`: of both; `rank`: Spearman's correlation of the Hessian's eigenvalues with "
        "the variances along their eigenvectors; `r_squared`: R² of the log-log fit of these.",
    )
    rotated: bool = Field(False, description="Whether the covariance is turned at random, which leaves no alignment.")

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure the smallest of each seed."""
        table = tables.run_table(run, "alignment")
        column = self.estimate.removesuffix("_unbiased") + "_rotated" if self.rotated else self.estimate
        if column not in table:
            setting = "mask_draws" if self.estimate.startswith("cosine") else "eigenvector_steps"
            raise NotMeasuredError(f"{run.name} has no {column}: alignment.{setting} is 0")
        if not self.estimate.startswith("cosine"):
            table = table[table["eigenvectors"].notna()]  # the steps whose Hessian has a spectrum
        values = table[column]
        undefined = int(values.isna().sum())
        if undefined == len(table):
            return unmeasured("no value is defined")
        step = table.loc[values.idxmin(), "step"]
        note = f"smallest at step {step:.0f}" + (f"; {undefined} undefined" if undefined else "")
        scale = "linear" if self.estimate == "r_squared" else "correlation"
        return over_seeds(values.groupby(table["seed"]).min(), note, scale, table["step"].nunique())
