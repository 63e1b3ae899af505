"""How much wider slices of the loss are at the end point with dropout (paper A, Fig. 1; paper B, Fig. 1b)."""

import numpy as np

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import Run, RunStatistic, Tables, other_seeds


class SliceWidening(RunStatistic):
    """How many times wider slices of the loss are at the end point with dropout than without."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure each seed's geometric mean over the directions that have a width at both end points.

        The training without dropout meets its own other seeds.
        """
        plain = tables.without_dropout(run)
        one, other = (
            np.log(tables.run_table(each, "slice_widths").pivot_table("half_width", "seed", "direction", dropna=False))
            for each in (run, plain)
        )
        logs = one.to_numpy() - (other_seeds(other.to_numpy()) if run == plain else other.to_numpy())
        missing = int(np.isnan(logs).sum())
        if np.isnan(logs).all(axis=1).any():
            return unmeasured("a seed has no direction with a width at both end points")
        left_out = f"; {missing} of {logs.size} directions left out" if missing else ""
        note = f"against {plain.name}{left_out}"
        return over_seeds(np.exp(np.nanmean(logs, axis=1)), note, "log", logs.size - missing)
