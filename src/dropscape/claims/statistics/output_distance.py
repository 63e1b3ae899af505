"""How far apart the functions are that two networks of one input have learned (paper B, Fig. 5)."""

import numpy as np
import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.schema import Name


class OutputDistance(ExperimentStatistic):
    """Root mean square difference of two runs' outputs over the standard deviation of the training targets."""

    run: Name = Field(description="The one run.")
    other: Name = Field(description="The other run.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the end of both, on the points of the interval, seed by seed."""
        one, other = (self._outputs(tables, experiment, name) for name in (self.run, self.other))
        targets = tables.training_points(tables.named_run(experiment, self.run))["target"]
        distances = np.sqrt(((one - other) ** 2).mean(axis=1)) / targets.std(ddof=0)
        return over_seeds(distances, f"of {self.run} and {self.other}", "log")

    @staticmethod
    def _outputs(tables: Tables, experiment: str, run: str) -> pd.DataFrame:
        """Outputs by seed and x at the last step."""
        table = tables.run_table(tables.named_run(experiment, run), "function")
        return table[table["step"] == table["step"].max()].pivot_table("output", "seed", "x", dropna=False)
