"""How much flatter one objective's minima are than another's by the paper's measure (paper B, section VII.B and C)."""

import numpy as np

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.objectives import KeepProbsStatistic, pair_note
from dropscape.claims.statistic import Tables
from dropscape.claims.statistics.flattening import curvatures


class HessianTraceRatio(KeepProbsStatistic):
    """Smallest ratio over keep probabilities and rates of Tr(H) at the second objective's minima to the first's."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the end of training, seed by seed; H is the Hessian of R_S in all parameters."""
        pairs = self.pairs(tables, experiment)
        values = [np.stack([curvatures(tables, run, "trace") for run in pair], axis=1) for pair in pairs]
        ratios = np.stack([value[:, 1] / value[:, 0] for value in values], axis=1)
        note = pair_note(pairs, values, int(np.argmin(np.log(ratios).mean(axis=0))), "{:.3g}")
        return over_settings(ratios, "smallest", note, "log")
