"""By how much one objective's test accuracy is above another's (paper B, Fig. 2a and Fig. 13)."""

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, Reduced, over_settings
from dropscape.claims.objectives import KeepProbsStatistic, accuracies, pair_note
from dropscape.claims.statistic import Tables


class AccuracyAdvantage(KeepProbsStatistic):
    """Test accuracy on the first objective minus that on the second, in percentage points."""

    over: Reduced = Field(description="Which of the keep probabilities' values is meant.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it seed by seed, between runs of the same keep probability and learning rate."""
        pairs = self.pairs(tables, experiment)
        values, gains = accuracies(tables, pairs)
        index = int(np.argmax(gains.mean(axis=0)) if self.over == "largest" else np.argmin(gains.mean(axis=0)))
        one = pair_note(pairs, values, index, "{:.1f} %")
        note = f"over {len(pairs)} pairs of runs" if self.over == "mean" else one
        return over_settings(gains, self.over, note)
