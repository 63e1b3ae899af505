"""Statistics of theory's tables."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.claims.experiments import measure

WHERE = {"state": "trained", "parameters": "one_layer"}


def theory(error=(0.1,), holds=(True,), state="trained", parameters="one_layer"):
    count = max(len(error), len(holds))
    columns = {"error": [*error, *[None] * (count - len(error))], "holds": [*holds, *[None] * (count - len(holds))]}
    return pd.DataFrame({"network": range(count), "state": state, "parameters": parameters} | columns)


def test_theory_error_is_the_median_of_the_networks_that_are_meant(tables):
    """A network counts once, with the median of its keep probabilities."""
    errors = (0.1, 0.4, math.nan, 0.2, 0.3, 0.6, 0.5)
    table = pd.concat(
        [theory(errors), theory(errors), theory((9.0,), state="random"), theory((8.0,), parameters="all")]
    )
    measured = measure("theory_error", tables(theory=table), table="theory", column="error", where=WHERE)
    assert (measured.value, measured.counted, measured.note) == (pytest.approx(0.35), "6 networks", "largest 0.6")
    assert (measured.low, measured.high) == (0.1, 0.6)  # of six: (1 - 2^-5) = 96.9 %
    found = measure("theory_error", tables(theory=table), table="theory", column="error", where={"state": "random"})
    assert found.value == 9 and math.isnan(found.low)


def test_counterexamples_are_counted_and_what_was_not_judged_is_left_out(tables):
    holds = [True] * 9 + [False] * 3 + [None, None]
    found = tables(theory=theory(holds=holds))
    measured = measure("counterexamples", found, table="theory", column="holds", where=WHERE)
    assert (measured.value, measured.low, measured.high) == (3, 3, 3)
    assert (measured.counted, measured.note) == ("12 cases", "3 of 12")
    # Then pandas reads a column of booleans, not of objects.
    found = tables(theory=theory(holds=[True, True]))
    assert measure("counterexamples", found, table="theory", column="holds", where=WHERE).value == 0
    found = tables(theory=theory(holds=[None, None]))
    assert math.isnan(measure("counterexamples", found, table="theory", column="holds", where=WHERE).value)


def test_ranks_over_networks(tables):
    """Medians over keep probabilities of ten networks that rise together but for two neighbours."""
    x = np.arange(10.0)
    y = x.copy()
    y[[4, 5]] = y[[5, 4]]
    rows = pd.DataFrame({"network": range(10), "state": "trained", "parameters": "all", "spread": x, "error": y})
    both = pd.concat([rows, rows.assign(error=rows["error"] + 0.1), rows.assign(state="random", error=-y)])
    given = {"table": "theory", "column": "error", "against": "spread"}
    measured = measure("theory_rank", tables(theory=both), **given, where={"state": "trained"})
    assert measured.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert measured.low < measured.value <= measured.high <= 1 and measured.counted == "10 networks"
    assert measure("theory_rank", tables(theory=both), **given, where={"state": "random"}).value < -0.9
    few = tables(theory=both[both["network"] < 3])
    assert math.isnan(measure("theory_rank", few, **given, where={"state": "trained"}).value)
