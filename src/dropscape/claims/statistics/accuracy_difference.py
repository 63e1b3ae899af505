"""How far apart two objectives' test accuracies are (paper B, Fig. 2a)."""

import numpy as np

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.objectives import KeepProbsStatistic, accuracies, pair_note
from dropscape.claims.statistic import Tables


class AccuracyDifference(KeepProbsStatistic):
    """Largest distance of two objectives' mean test accuracies over the keep probabilities, in percentage points."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it between runs of the same keep probability and learning rate, whose seeds are pairs."""
        pairs = self.pairs(tables, experiment)
        values, differences = accuracies(tables, pairs)
        note = pair_note(pairs, values, int(np.argmax(np.abs(differences.mean(axis=0)))), "{:.1f} %")
        return over_settings(differences, "largest", note, magnitude=True)
