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
    learning_rate: float | None = Field(None, description="Only runs with this learning rate; null means all.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on all runs on the objective, at the learning rate if one is given."""
        runs = [run for run in tables.experiment_runs(experiment) if run.objective == self.objective]
        runs = [run for run in runs if self.learning_rate in (None, run.settings["learning_rate"])]
        if not runs:
            at = "" if self.learning_rate is None else f" at the learning rate {self.learning_rate:g}"
            raise NotMeasuredError(f"{experiment} has no runs on {self.objective}{at}")
        accuracies = 100 * at_end(tables, runs, "test_accuracy")
        means = ", ".join(f"{mean:.1f} %" for mean in accuracies.mean(axis=0))
        return over_settings(accuracies, self.over, f"{', '.join(run.name for run in runs)}: {means}")
