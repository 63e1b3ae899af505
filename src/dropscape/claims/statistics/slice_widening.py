"""How much wider slices of the loss are where training with dropout ends (paper A, Fig. 1)."""

import math

import numpy as np

from dropscape.claims.bootstrap import over_directions
from dropscape.claims.statistic import Measured, Run, RunStatistic, Tables


class SliceWidening(RunStatistic):
    """How many times wider slices of the loss are at the end point with dropout than without."""

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure the geometric mean over directions; those without a width at either end point are left out."""
        plain = tables.without_dropout(run)
        one, other = (tables.run_table(each, "slice_widths").set_index(["seed", "direction"]) for each in (run, plain))
        ratio = np.log(one["half_width"] / other["half_width"])
        missing = int(ratio.isna().sum())
        ratio = ratio.dropna()
        groups = [rows.to_numpy()[:, None] for _, rows in ratio.groupby("seed")]
        measured = over_directions(lambda rows: float(rows.mean()), groups, claim, run)
        bounds = [math.exp(value) for value in (measured.value, measured.low, measured.high)]
        left_out = f"; {missing} of {missing + len(ratio)} directions left out" if missing else ""
        return Measured(*bounds, measured.points, f"against {plain.name}{left_out}")
