"""How much earlier one run's loss is below a level than another's (paper B, Fig. 9a)."""

import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Run, Tables
from dropscape.schema import Name, Positive


class StepsToLevel(ExperimentStatistic):
    """How many times as many steps another run needs until its loss is first below a level."""

    run: Name = Field(description="The run that is thought to be faster.")
    other: Name = Field(description="The other run.")
    level: Positive = Field(description="The level of the loss.")
    other_experiment: Name | None = Field(None, description="The other run's experiment; null means the same.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over common seeds; one that never gets there counts with its last step."""
        ours = self._first_below(tables, tables.named_run(experiment, self.run))
        theirs = self._first_below(tables, tables.named_run(self.other_experiment or experiment, self.other))
        seeds = ours.index.intersection(theirs.index)
        ours, theirs = ours.loc[seeds], theirs.loc[seeds]
        if ours["step"].isna().any() or not len(seeds):
            return unmeasured(f"the loss of {self.run} stays above {self.level:g}")
        never = int(theirs["step"].isna().sum())
        steps = theirs["step"].fillna(theirs["last"])
        note = f"{ours['step'].mean():,.0f} steps against {steps.mean():,.0f} of {self.other}"
        note += f", which does not get there with {never} of {len(steps)} seeds: at least so many" if never else ""
        return over_seeds(steps / ours["step"], note, "log")

    def _first_below(self, tables: Tables, run: Run) -> pd.DataFrame:
        """By seed the first recorded step with a loss below the level (NaN if there is none), and the last step."""
        history = tables.run_table(run, "history")
        below = history[history["loss"] < self.level].groupby("seed")["step"].min()
        last = history.groupby("seed")["step"].max()
        return pd.DataFrame({"step": below.reindex(last.index), "last": last})
