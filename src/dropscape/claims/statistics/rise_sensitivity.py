"""How much the widening of slices depends on the rise of the loss that ends them (paper A, Fig. 1)."""

import numpy as np

from dropscape.claims.measured import Measured, over_settings, unmeasured
from dropscape.claims.slices import log_widening
from dropscape.claims.statistic import Run, RunStatistic, Tables


class RiseSensitivity(RunStatistic):
    """Largest relative change of the logarithm of the widening when another measured rise replaces the judged one."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on the directions that have a width at both end points for every rise."""
        table = tables.run_table(run, "slice_widths")
        judged = table.loc[table["judged"], "rise"].iloc[0]
        others = sorted(set(table.loc[table["moved"] == "weights", "rise"]) - {judged})
        if not others:
            return unmeasured("slices.rises needs two rises or more")
        logs = np.stack([log_widening(tables, run, rise, "weights") for rise in (judged, *others)])
        defined = ~np.isnan(logs).any(axis=0)
        if not defined.any(axis=1).all():
            return unmeasured("a seed has no direction with a width at both end points for every rise")
        means = np.mean(logs, axis=2, where=defined)
        if not means[0].all():
            return unmeasured("both end points have slices of the same width")
        note = f"rises of {', '.join(f'{rise:g}' for rise in others)} for {judged:g}"
        return over_settings((means[1:] / means[0] - 1).T, "largest", note, magnitude=True)
