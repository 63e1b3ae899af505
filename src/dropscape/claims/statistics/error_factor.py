"""By what factor errors depend on the dropout rate (paper D, section 4: the theorems are agnostic to it)."""

from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, over_settings, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.slopes import DECADE, at_last_step


class ErrorFactor(ExperimentStatistic):
    """Largest factor between mean errors of the iterates at two keep probabilities, at the largest width."""

    network: Literal["full", "visited"] = Field(description="The full network or the sub-networks of the iterates.")
    between: Literal["keep_probs", "iterates"] = Field(
        "keep_probs", description="`iterates`: instead at the largest keep probability, of a tenth of the iterates."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over seeds, which see the same examples; the note has the theorem's own factor."""
        errors = tables.experiment_table(experiment, "errors")
        errors = errors[errors["width"] == errors["width"].max()]
        last = at_last_step(errors)
        if self.between == "iterates":
            few = at_last_step(errors[errors["step"] <= errors["step"].max() / DECADE])
            last = pd.concat([rows[rows["keep_prob"] == errors["keep_prob"].max()] for rows in (last, few)])
        elif errors["keep_prob"].nunique() < 2:
            return unmeasured(f"{experiment} has one keep probability")
        means = last.pivot_table(index="seed", columns=["keep_prob", "step"], values=f"mean_error_{self.network}")
        logs = np.log(means.to_numpy())
        pairs = np.stack([one - other for one, other in combinations(logs.T, 2)], axis=1)
        margins = tables.experiment_table(experiment, "margins").groupby("keep_prob")["error_bound"].mean()
        listed = ", ".join(f"{mean:.3g} at keep {keep_prob:g}" for (keep_prob, _), mean in means.mean().items())
        note = f"{listed}; with gamma in proportion to the keep probability the bound of "
        note += f"Theorem 4.1 differs by {margins.iloc[0] / margins.iloc[-1]:.2g}"
        found = over_settings(pairs, "largest", note, magnitude=True)
        return Measured(*np.exp([found.value, found.low, found.high]), found.units, note)
