"""By what factor errors depend on the dropout rate (paper D, section 4: the theorems are agnostic to it)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.slopes import DECADE, at_last_step


class ErrorFactor(ExperimentStatistic):
    """Mean error of the iterates at the smallest keep probability over that at the largest, at the largest width."""

    network: Literal["full", "visited"] = Field(description="The full network or the sub-networks of the iterates.")
    between: Literal["keep_probs", "iterates"] = Field(
        "keep_probs", description="`iterates`: instead at the largest keep probability, of a tenth of the iterates."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over seeds, which see the same examples; the note has the theorem's own factor."""
        errors = tables.experiment_table(experiment, "errors")
        errors = errors[errors["width"] == errors["width"].max()]
        smallest, largest = (errors[errors["keep_prob"] == q] for q in errors["keep_prob"].agg(["min", "max"]))
        if self.between == "iterates":
            smallest = largest[largest["step"] <= errors["step"].max() / DECADE]
        elif errors["keep_prob"].nunique() < 2:
            return unmeasured(f"{experiment} has one keep probability")
        column = f"mean_error_{self.network}"
        one, other = (at_last_step(few).set_index("seed")[column] for few in (smallest, largest))
        margins = tables.experiment_table(experiment, "margins").groupby("keep_prob")["error_bound"].mean()
        note = (
            f"{one.mean():.3g} over {other.mean():.3g}; with gamma in proportion to the keep probability the bound of "
        )
        note += f"Theorem 4.1 differs by {margins.iloc[0] / margins.iloc[-1]:.2g}"
        return over_seeds(one / other, note, scale="log")
