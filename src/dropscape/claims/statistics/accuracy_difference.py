"""How far apart two objectives' test accuracies are (paper B, Fig. 2a)."""

import numpy as np

from dropscape.claims.bootstrap import over_seeds
from dropscape.claims.objectives import KeepProbsStatistic, accuracies, pair_note
from dropscape.claims.statistic import Measured, Tables


class AccuracyDifference(KeepProbsStatistic):
    """Largest distance of two objectives' test accuracies over the keep probabilities, in percentage points."""

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it on the means over seeds, between runs of the same keep probability and learning rate."""
        pairs = self.pairs(tables, experiment)
        values, differences = accuracies(tables, pairs)
        gaps = [abs(one.mean(axis=0)[0] - one.mean(axis=0)[1]) for one in values]
        note = pair_note(pairs, values, int(np.argmax(gaps)), "{:.1f} %")
        return over_seeds(lambda rows: float(np.abs(rows.mean(axis=0)).max()), differences, claim, experiment, note)
