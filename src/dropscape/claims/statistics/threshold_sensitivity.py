"""How much the effective ratio depends on the cosine above which neurons are parallel (paper B, Definition 3)."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured, over_settings, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.schema import Name

COLUMN = "effective_ratio_unsigned"


class ThresholdSensitivity(ExperimentStatistic):
    """Largest factor by which an effective ratio changes when another measured threshold replaces the judged one."""

    run: Name = Field(description="The run.")
    against: Name | None = Field(
        None, description="A run: what changes is the ratio of both effective ratios; null: the run's own alone."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it in the first layer at the end, where opposite directions are one."""
        ratios = self._at_thresholds(tables, experiment, self.run)
        if self.against is not None:
            ratios = ratios / self._at_thresholds(tables, experiment, self.against)
        if ratios.shape[1] < 2:
            return unmeasured("condensation.other_thresholds is empty")
        note = ", ".join(f"{mean:.3g}" for mean in ratios.mean(axis=0)) + " at the judged threshold and the others"
        factors = over_settings(np.log(ratios[:, 1:] / ratios[:, :1]), "largest", note, magnitude=True)
        return Measured(*np.exp([factors.value, factors.low, factors.high]), factors.units, note)

    @staticmethod
    def _at_thresholds(tables: Tables, experiment: str, run: str) -> NDArray:
        """(S, thresholds), the judged one first."""
        table = tables.run_table(tables.named_run(experiment, run), "condensation")
        last = table[(table["layer"] == table["layer"].iloc[0]) & (table["step"] == table["step"].max())]
        columns = [column for column in table if column == COLUMN or column.startswith(f"{COLUMN}_at_")]
        return last.sort_values("seed")[columns].to_numpy(dtype=float)
