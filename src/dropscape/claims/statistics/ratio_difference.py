"""Whether a learning rate and the same gradient-penalty weight lead to similar solutions (paper B, Fig. 3b)."""

import numpy as np
from numpy.typing import NDArray

from dropscape.claims.bootstrap import over_seeds
from dropscape.claims.objectives import runs_by_rate_and_weight
from dropscape.claims.statistic import ExperimentStatistic, Measured, Run, Tables, unmeasured


class RatioDifference(ExperimentStatistic):
    """Largest factor between loss over squared gradient at a learning rate and at the same gradient-penalty weight."""

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it on geometric means over seeds of E R^drop / E |grad R^drop|^2; it is at least 1."""
        rates, weights = runs_by_rate_and_weight(tables, experiment)
        common = [value for value in rates if value in weights]
        if not common:
            return unmeasured("no learning rate is also a penalty")

        def logarithms(run: Run) -> NDArray:
            return np.log(tables.run_table(run, "ratios").sort_values("seed")["ratio"].to_numpy(dtype=float))

        pairs = [np.stack([logarithms(runs[value]) for runs in (rates, weights)], axis=1) for value in common]

        def factor(rows: NDArray) -> float:
            return float(np.exp(np.abs(np.diff(rows.mean(axis=0))).max()))

        note = f"at {len(common)} values from {min(common):g} to {max(common):g}"
        return over_seeds(factor, np.stack(pairs, axis=1), claim, experiment, note)
