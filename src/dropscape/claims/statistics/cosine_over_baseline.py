"""How far the cosine of Hessian and covariance is above that of a turned covariance (paper C, section 5.3)."""

import numpy as np

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables


class CosineOverBaseline(RunStatistic):
    """How many times larger the cosine is than that of the covariance turned at random, smallest over the steps."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it seed by seed; both cosines have the same norms, which cancel."""
        table = tables.run_table(run, "alignment")
        if "cosine_rotated" not in table:
            raise NotMeasuredError(f"{run.name} has no cosine_rotated")
        ratios = table["cosine"] / table["cosine_rotated"]
        if ratios.isna().any() or (ratios <= 0).any():
            return unmeasured("a cosine is not positive")
        smallest = ratios.groupby(table["seed"]).min()
        note = f"median over the steps {np.median(ratios):.3g}"
        return over_seeds(smallest, note, "log", table["step"].nunique())
