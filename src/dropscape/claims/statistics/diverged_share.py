"""How many trials diverge at a setting (paper C, Fig. 2b)."""

from pydantic import Field

from dropscape.claims.measured import Measured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.claims.trajectories import at_setting, setting_note
from dropscape.numerics.intervals import share
from dropscape.schema import KeepProb, Positive


class DivergedShare(ExperimentStatistic):
    """Share of the trials of all methods that diverge."""

    learning_rate: Positive = Field(description="The learning rate.")
    keep_prob: KeepProb = Field(description="The keep probability.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it with exact 95 % bounds."""
        rows = at_setting(tables.experiment_table(experiment, "divergences"), self.learning_rate, self.keep_prob)
        if rows.empty:
            raise NotMeasuredError(f"{experiment} has no trials{setting_note(self.learning_rate, self.keep_prob)}")
        count, total = int(rows["diverged"].sum()), int(rows["trials"].sum())
        first = f", the first one after {rows['first_step'].min():.0f} steps" if count else ""
        return with_interval(share(count, total), total, f"{count} of {total} trials{first}", "trial")
