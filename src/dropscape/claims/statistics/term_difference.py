"""How far apart R_S or R_1 of two objectives are (paper B, Fig. 2b)."""

from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.objectives import KeepProbsStatistic, at_end, pair_note
from dropscape.claims.statistic import Tables


class TermDifference(KeepProbsStatistic):
    """Largest relative difference of a term of the loss of two objectives over the keep probabilities."""

    term: Literal["loss", "r1"] = Field(description="`loss`: R_S, the risk without dropout; `r1`: R_1.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure |a - b| over the mean of a and b at the end of training, seed by seed."""
        pairs = self.pairs(tables, experiment)
        values = [at_end(tables, pair, self.term) for pair in pairs]
        relative = np.stack([2 * (one - other) / (one + other) for one, other in (pair.T for pair in values)], axis=1)
        note = pair_note(pairs, values, int(np.argmax(np.abs(relative.mean(axis=0)))), "{:.3g}")
        return over_settings(relative, "largest", note, magnitude=True)
