"""How far the test accuracy is from a number of the paper's (paper A, Fig. 1)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.schema import Name


class DistanceFromAccuracy(ExperimentStatistic):
    """Distance of a run's mean test accuracy from a given one, in percentage points."""

    run: Name = Field(description="The run.")
    accuracy: float = Field(ge=0, le=100, description="The accuracy that it is compared with, in percent.")
    at: Literal["end", "start"] = Field("end", description="The end of training, or its first recorded step.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on the mean over seeds."""
        run = tables.named_run(experiment, self.run)
        if self.at == "start":
            history = tables.run_table(run, "history")
            values = history.loc[history["step"] == history["step"].min(), "test_accuracy"].to_numpy(dtype=float)
        else:
            values = tables.at_end_of_training(run, "test_accuracy")
        note = f"{100 * values.mean():.1f} % for {self.accuracy:g} %"
        return over_settings(100 * values[:, None] - self.accuracy, "largest", note, magnitude=True)
