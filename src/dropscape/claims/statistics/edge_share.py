"""How near the sharpest curvature along training comes to the edge of stability (beyond paper A)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables


class EdgeShare(RunStatistic):
    """Largest eigenvalue of the Hessian along training over 2 / learning rate."""

    of: Literal["risk", "dropout"] = Field(
        "risk", description="Of R_S, or of R_S^drop, which a training with dropout descends."
    )

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Geometric mean over seeds, of the recorded step with the largest one."""
        table = tables.experiment_table(run.experiment, "sharpness")
        rows = table[table["run"] == run.name]
        column = "eigenvalue" if self.of == "risk" else "dropout_eigenvalue"
        if rows[column].isna().all():
            raise NotMeasuredError(f"{run.name} has no such Hessian")
        largest = rows.groupby("seed")[column].max()
        edge = 2 / run.settings["learning_rate"]
        return over_seeds(largest / edge, f"at most {largest.mean():.3g}, the edge is {edge:g}", "log")
