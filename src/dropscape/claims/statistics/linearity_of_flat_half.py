"""Where variance and flatness follow a power law more closely (paper A, section 6.1)."""

import numpy as np

from dropscape.claims.directions import SampleStatistic, r_squared, variance_flatness
from dropscape.claims.measured import Measured, over_groups
from dropscape.claims.statistic import Run, Tables


class LinearityOfFlatHalf(SampleStatistic):
    """R² of the log-log fit in the flatter half of the directions minus that in the sharper half."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on the directions whose variance and flatness are defined and not zero."""
        return over_groups(_difference, variance_flatness(tables, run, self.sample, self.directions))


def _difference(pairs: np.ndarray) -> float:
    ordered = pairs[np.argsort(pairs[:, 0])]
    middle = len(ordered) // 2
    return r_squared(ordered[middle:]) - r_squared(ordered[:middle])
