"""Whether Tr(H) is the mean squared gradient of the outputs at the ends of trainings (paper B, section VII.B)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.statistic import ExperimentStatistic, Tables


class TraceIdentity(ExperimentStatistic):
    """Largest relative difference over runs of a measure of the Hessian to the outputs' mean squared gradient."""

    of: Literal["differentiated_trace", "eigenvalue"] = Field(
        "differentiated_trace",
        description="The Hessian's trace, from second derivatives of the loss, or its largest `eigenvalue` alone.",
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the end of training, seed by seed."""
        table = tables.experiment_table(experiment, "sharpness")
        ends = table[table["step"] == table.groupby("run")["step"].transform("max")]
        rows = ends.assign(relative=ends[self.of] / ends["trace"] - 1).pivot(
            index="seed", columns="run", values="relative"
        )
        largest = rows.abs().stack().max()
        return over_settings(
            rows.to_numpy(), "largest", f"at most {largest:.2g} in {rows.size} networks", magnitude=True
        )
