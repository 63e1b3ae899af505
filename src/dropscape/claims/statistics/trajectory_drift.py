"""How far a trajectory moves on while it is sampled (paper A, section 3.4)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.statistic import Run, RunStatistic, Tables


class TrajectoryDrift(RunStatistic):
    """A measure of the drift of the trajectory over the steps that are sampled."""

    quantity: Literal["linear_share", "quadratic_share", "displacement", "loss_fall"] = Field(
        description="Share of the variance that a straight line or a parabola of the step explains; the way from the "
        "first step to the last over the noise's root mean square distance from the parabola; or the share by which "
        "the loss under dropout falls from the first tenth of the steps to the last."
    )

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it seed by seed; a way on a log scale."""
        drift = tables.run_table(run, "drift")
        note = f"stationary in {drift['stationary'].sum()} of {len(drift)} seeds"
        return over_seeds(drift[self.quantity], note, "log" if self.quantity == "displacement" else "linear")
