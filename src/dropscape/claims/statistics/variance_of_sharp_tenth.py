"""How large the variance is in the sharpest directions (paper A, section 6.1)."""

import numpy as np

from dropscape.claims.directions import SampleStatistic, variance_flatness
from dropscape.claims.measured import Measured, over_groups
from dropscape.claims.statistic import Run, Tables


class VarianceOfSharpTenth(SampleStatistic):
    """How many times larger the variance in the sharpest tenth of the directions is than in the other nine."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Compare geometric means over the directions whose variance and flatness are defined and not zero."""
        return over_groups(_factor, variance_flatness(tables, run, self.sample, self.directions), "log")


def _factor(pairs: np.ndarray) -> float:
    logs = np.log(pairs[np.argsort(pairs[:, 0]), 1])
    sharp = max(1, len(logs) // 10)
    return float(np.exp(logs[:sharp].mean() - logs[sharp:].mean()))
