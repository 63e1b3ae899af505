"""What dropout adds to the test accuracy (paper A, Fig. 1; paper B, Table I)."""

import math

from dropscape.claims.bootstrap import between_extremes
from dropscape.claims.statistic import Measured, Run, RunStatistic, Tables


class AccuracyGain(RunStatistic):
    """Test accuracy with dropout minus that without, in percentage points."""

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it at the end of training; bounds are the extremes of the seeds, which share their starts."""
        plain = tables.without_dropout(run)
        one, other = (
            tables.run_table(each, "history").sort_values("step").groupby("seed")["test_accuracy"].last() * 100
            for each in (run, plain)
        )
        gain = one - other
        note = f"{one.mean():.1f} % against {other.mean():.1f} % of {plain.name}"
        if len(gain) == 1:
            return Measured(float(gain.iloc[0]), math.nan, math.nan, 1, f"{note}; one seed, no interval")
        return between_extremes(gain, len(gain), note)
