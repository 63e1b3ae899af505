"""Whether a barrier stands between two objectives' end points (paper B, Fig. 14a, b)."""

import numpy as np

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.objectives import TwoObjectivesStatistic
from dropscape.claims.statistic import Tables


class InterpolationBarrier(TwoObjectivesStatistic):
    """Largest rise of the loss between two objectives' end points above the higher one."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the largest of the pairs' means over seeds, in units of the loss; 0 where no barrier is."""
        paths = self.paths(tables, experiment)
        rises = [losses.max(axis=1) - losses[:, [0, -1]].max(axis=1) for _, losses in paths.values()]
        heights = np.stack(rises, axis=1)
        highest = list(paths)[int(heights.mean(axis=0).argmax())]
        note = f"largest of {len(paths)} pairs between {' and '.join(highest)}"
        return over_settings(heights, "largest", note)
