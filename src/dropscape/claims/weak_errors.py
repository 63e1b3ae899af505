"""Errors of the equations' expected ends (paper C, Fig. 1b, c).

They are norms of expectations; a norm within two standard errors of 0 is hidden by the noise of the trials and left
out (``dropscape.numerics.orders``). Bounds are normal 95 % bounds from the norms' standard errors.
"""

from typing import Literal

import pandas as pd
from pydantic import Field

from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables


class WeakErrorsStatistic(ExperimentStatistic):
    """A statistic of the errors of one equation."""

    order: Literal[1, 2] = Field(description="The order of the equation.")

    def errors(self, tables: Tables, experiment: str) -> pd.DataFrame:
        """The errors of the equation's expected ends; NotMeasuredError if there are none."""
        table = tables.experiment_table(experiment, "weak_errors")
        rows = table[table["order"] == self.order]
        if rows.empty:
            raise NotMeasuredError(f"{experiment} has no errors of order {self.order}")
        return rows

    def trials(self, tables: Tables, experiment: str) -> int:
        """The independent pairs of trials of each error."""
        return int(self.errors(tables, experiment)["trials"].min())


def hidden_note(hidden: int, total: int) -> str:
    """How many errors the noise hides, if any."""
    return f"the noise floor hides {hidden} of {total} errors: not above their sampling error" if hidden else ""
