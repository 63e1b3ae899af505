"""What kinds of noise do to flatness (paper C, section 6 and appendix D)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.directions import positive
from dropscape.claims.measured import Measured, unmeasured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.claims.trajectories import trial_names
from dropscape.numerics.intervals import student


class NoiseFlattening(ExperimentStatistic):
    """Trace of the Hessian at the end of training with a noise over that without any."""

    method: Literal["dropout", "sgd", "parameter_noise"] = Field(description="The noise.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over the trials that both have; those without two positive traces are left out."""
        table = tables.experiment_table(experiment, "noises")
        table = table.assign(trial=trial_names(table))
        traces = table.pivot_table(index="trial", columns="method", values="trace", dropna=False)
        if not {self.method, "descent"} <= set(traces):
            raise NotMeasuredError(f"{experiment} has no trainings under {self.method} and without noise to compare")
        noisy, quiet = positive(traces[[self.method, "descent"]]).T
        missing = len(traces) - len(noisy)
        if not len(noisy):
            return unmeasured("no trial with two positive traces")
        note = f"mean trace {noisy.mean():.3g} against {quiet.mean():.3g} without noise"
        note += f"; {missing} of {len(traces)} trials left out" if missing else ""
        return with_interval(student(noisy / quiet, "log"), len(noisy), note, "trial")
