"""Errors of expectations along dropout's equations (paper C, Definition 1 and Fig. 1b, c).

They are norms of expectations; a norm whose square is within two standard errors of 0 is hidden by the noise of the
trials and left out (``dropscape.numerics.orders``). Bounds are normal 95 % bounds from the norms' standard errors.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Measured, unmeasured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.numerics.intervals import largest, normal
from dropscape.numerics.orders import largest_over_steps

Method = Literal["order_1", "order_2", "drift_1", "drift_2", "descent"]
Function = Literal["mean", "second_moment", "spread", "risk", "cosine", "bounded"]


class WeakErrorsStatistic(ExperimentStatistic):
    """A statistic of the weak errors of one method."""

    method: Method = Field(
        description="The equation of an order, the same without noise (`drift_1`, `drift_2`), or `descent` on L_S."
    )
    functions: list[Function] = Field(
        ["mean"], description="Test functions of Definition 1; `mean` is what Fig. 1(b, c) draws.", min_length=1
    )

    def errors(self, tables: Tables, experiment: str, method: str | None = None) -> pd.DataFrame:
        """The method's largest error over the steps, at each point and test function; NotMeasuredError without any."""
        table = tables.experiment_table(experiment, "weak_errors")
        method = method or self.method
        rows = table[(table["method"] == method) & table["function"].isin(self.functions)]
        if rows.empty:
            raise NotMeasuredError(f"{experiment} has no errors of {method}")
        return largest_over_steps(rows)

    def trials(self, tables: Tables, experiment: str) -> int:
        """The independent pairs of trials of each error."""
        return int(self.errors(tables, experiment)["trials"].min())


def hidden_note(hidden: int, total: int) -> str:
    """How many errors the noise hides, if any."""
    return f"the noise floor hides {hidden} of {total} errors: not above their sampling error" if hidden else ""


def largest_ratio(ratios: Mapping[str, tuple[float, float]], trials: int) -> Measured:
    """The largest of ratios, by name the logarithm of each and its standard error; undefined if one is."""
    lost = [name for name, (log, _) in ratios.items() if math.isnan(log)]
    if lost:
        return unmeasured(f"the noise floor hides an error that others are compared with: {', '.join(lost)}")
    found, _ = largest(lambda level: [normal(log, error, level) for log, error in ratios.values()])
    note = ", ".join(f"{math.exp(log):.3g} ({name})" for name, (log, _) in ratios.items())
    return with_interval(found.through(math.exp), trials, note, "trial")


def named(function: str, keep_prob: float, functions: Sequence[str]) -> str:
    """A curve in a note: its keep probability, and its test function where there are several."""
    return f"{function} at keep {keep_prob:g}" if len(functions) > 1 else f"keep {keep_prob:g}"
