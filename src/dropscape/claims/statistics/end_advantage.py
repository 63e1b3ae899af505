"""Whether a method ends better than another on test data, at every setting (paper C, section 6)."""

from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, unmeasured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.claims.trajectories import trial_names
from dropscape.equations.settings import Method
from dropscape.numerics.intervals import smallest, student


class EndAdvantage(ExperimentStatistic):
    """By how much a method is better than another at the end of training, smallest over the settings."""

    method: Method = Field("order_1", description="The method.")
    than: Method = Field("descent", description="What it is compared with.")
    column: Literal["test_loss", "test_accuracy"] = Field(
        description="`test_accuracy`: the difference; `test_loss`: the other's over the method's."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the mean over the trials that neither lost, paired; a setting needs two of them."""
        table = tables.experiment_table(experiment, "trajectories")
        found, losses = {}, self.column == "test_loss"
        for setting, rows in table.groupby(["learning_rate", "keep_prob"]):
            rows = rows[rows["step"] == rows["step"].max()].assign(trial=trial_names)
            ends = rows.pivot_table(self.column, "trial", "method", dropna=False)
            if not {self.method, self.than} <= set(ends):
                raise NotMeasuredError(f"{experiment} has no trajectories of {self.method} and {self.than}")
            ends = ends[[self.method, self.than]].dropna()
            if len(ends) > 1:
                one, other = ends.to_numpy().T
                found[setting] = other / one if losses else one - other
        if not found:
            return unmeasured(f"no setting at which two trials of {self.method} and {self.than} reach the end")
        scale = "log" if losses else "linear"
        interval, index = smallest(lambda level: [student(values, scale, level) for values in found.values()])
        rate, keep_prob = list(found)[index]
        better = sum(float(np.mean(np.log(values) if losses else values)) > 0 for values in found.values())
        note = f"better at {better} of {len(found)}, weakest at learning rate {rate:g}, keep {keep_prob:g}"
        return with_interval(interval, min(map(len, found.values())), note, "trial")
