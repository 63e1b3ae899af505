"""By how much one objective's test accuracy is above another's (paper B, Fig. 2a and Fig. 13)."""

import numpy as np
from pydantic import Field

from dropscape.claims.bootstrap import Reduced, reduced_over_seeds
from dropscape.claims.objectives import KeepProbsStatistic, accuracies, pair_note
from dropscape.claims.statistic import Measured, Tables


class AccuracyAdvantage(KeepProbsStatistic):
    """Test accuracy on the first objective minus that on the second, in percentage points."""

    over: Reduced = Field(description="Which of the keep probabilities' values is meant.")

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it on the means over seeds, between runs of the same keep probability and learning rate."""
        pairs = self.pairs(tables, experiment)
        values, gains = accuracies(tables, pairs)
        index = int(np.argmax(gains.mean(axis=0)) if self.over == "largest" else np.argmin(gains.mean(axis=0)))
        one = pair_note(pairs, values, index, "{:.1f} %")
        note = f"over {len(pairs)} pairs of runs" if self.over == "mean" else one
        return reduced_over_seeds(gains, self.over, claim, experiment, note)
