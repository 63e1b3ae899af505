"""The test accuracy that trainings on an objective reach (paper B, section V.A)."""

from pydantic import Field

from dropscape.claims.measured import Measured, Reduced, over_settings
from dropscape.claims.objectives import at_end
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.training.settings import Objective


class ObjectiveAccuracy(ExperimentStatistic):
    """Test accuracy on an objective at the end of training, in percent."""

    objective: Objective = Field(description="The objective.")
    over: Reduced = Field(description="Which of the runs' accuracies is meant.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on all runs on the objective."""
        runs = [run for run in tables.experiment_runs(experiment) if run.objective == self.objective]
        if not runs:
            raise NotMeasuredError(f"{experiment} has no runs on {self.objective}")
        accuracies = 100 * at_end(tables, runs, "test_accuracy")
        means = ", ".join(f"{mean:.1f} %" for mean in accuracies.mean(axis=0))
        return over_settings(accuracies, self.over, f"{', '.join(run.name for run in runs)}: {means}")
