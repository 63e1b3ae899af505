"""How far apart R_S or R_1 of two objectives are (paper B, Fig. 2b)."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.bootstrap import over_seeds
from dropscape.claims.objectives import KeepProbsStatistic, at_end, pair_note
from dropscape.claims.statistic import Measured, Tables


class TermDifference(KeepProbsStatistic):
    """Largest relative difference of a term of the loss of two objectives over the keep probabilities."""

    term: Literal["loss", "r1"] = Field(description="`loss`: R_S, the risk without dropout; `r1`: R_1.")

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure |a - b| over the mean of a and b, which are means over seeds at the end of training."""
        pairs = self.pairs(tables, experiment)
        values = [at_end(tables, pair, self.term) for pair in pairs]

        def relative(rows: NDArray) -> NDArray:
            means = rows.mean(axis=0)
            return 2 * np.abs(means[:, 0] - means[:, 1]) / (means[:, 0] + means[:, 1])

        rows = np.stack(values, axis=1)
        note = pair_note(pairs, values, int(np.argmax(relative(rows))), "{:.3g}")
        return over_seeds(lambda rows: float(relative(rows).max()), rows, claim, experiment, note)
