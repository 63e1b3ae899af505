"""Whether a learning rate and the same gradient-penalty weight lead to similar solutions (paper B, Fig. 3b)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured, over_settings, unmeasured
from dropscape.claims.objectives import runs_by_rate_and_weight
from dropscape.claims.statistic import ExperimentStatistic, Run, Tables


class RatioDifference(ExperimentStatistic):
    """Largest factor between loss over squared gradient at a learning rate and at the same gradient-penalty weight."""

    reverse: bool = Field(False, description="Whether the smallest rate meets the largest weight, and so on.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on geometric means over seeds of E R^drop / E |grad R^drop|^2; it is at least 1."""
        rates, weights = runs_by_rate_and_weight(tables, experiment)
        common = [value for value in rates if value in weights]
        if not common:
            return unmeasured("no learning rate is also a penalty")

        def logarithms(run: Run) -> NDArray:
            return np.log(tables.run_table(run, "ratios").sort_values("seed")["ratio"].to_numpy(dtype=float))

        others = common[::-1] if self.reverse else common
        differences = [
            logarithms(rates[one]) - logarithms(weights[other]) for one, other in zip(common, others, strict=True)
        ]
        note = f"at {len(common)} values from {min(common):g} to {max(common):g}"
        found = over_settings(np.stack(differences, axis=1), "largest", note, magnitude=True)
        return replace(found, **{key: float(np.exp(getattr(found, key))) for key in ("value", "low", "high")})
