"""Statistics of theory's tables."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dropscape.claims.judge import FAILS, NOT_JUDGED, judged
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


def test_one_counterexample_is_a_verdict_and_is_told(tables):
    table = theory(holds=[True, False]).assign(function=["one", "other"])
    measured = measure("counterexamples", tables(theory=table), table="theory", column="holds", where=WHERE)
    assert measured.note == "1 of 2: other" and judged(measured, {"below": 1}).verdict == FAILS
    none = measure(
        "counterexamples", tables(theory=theory(holds=[True, True])), table="theory", column="holds", where=WHERE
    )
    assert judged(none, {"below": 1}).verdict == NOT_JUDGED


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


def test_the_order_of_a_flow_is_the_mean_slope_of_its_networks(tables):
    """Errors c rate^k of three networks, k = 1.8, 2, 2.2."""
    rates = np.array([0.04, 0.02, 0.01])
    rows = [
        {"network": index, "flow": flow, "learning_rate": rate, "error": (index + 1) * rate**power}
        for index, own in enumerate((1.8, 2.0, 2.2))
        for flow, power in (("with_r2", own), ("other", 3.0))
        for rate in rates
    ]
    given = {"table": "theory", "column": "error", "where": {"flow": "with_r2"}}
    measured = measure("flow_order", tables(theory=pd.DataFrame(rows)), **given)
    low, high = stats.t.interval(0.95, 2, 2.0, stats.sem([1.8, 2.0, 2.2]))
    assert (measured.value, measured.low, measured.high) == pytest.approx((2, low, high))
    assert measured.counted == "3 networks" and measured.note.startswith("slopes 1.80 to 2.20; geometric mean of the ")
    two = pd.DataFrame([row for row in rows if row["learning_rate"] > 0.01])
    assert math.isnan(measure("flow_order", tables(theory=two), **given).value)
