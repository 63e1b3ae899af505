"""From statistics to verdicts, and which run speaks for a claim."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropscape.artifacts.tables import NotMeasuredError
from dropscape.claims import judge as module
from dropscape.claims.judge import FAILS, HOLDS, NOT_JUDGED, described, judge, judged
from dropscape.claims.measured import Measured, counted, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Run, RunStatistic, Tables, TheoryStatistic

ABOVE, BELOW, NEAR = {"above": 0.85}, {"below": 0.0}, {"near": 10.0, "factor": 2.0}
NAN = math.nan


@pytest.mark.parametrize(
    ("value", "low", "high", "expected", "verdict"),
    [
        (0.9, 0.86, 0.95, ABOVE, HOLDS),
        (0.9, 0.8, 0.95, ABOVE, NOT_JUDGED),
        (0.84, 0.8, 0.86, ABOVE, NOT_JUDGED),
        (0.8, 0.7, 0.84, ABOVE, FAILS),
        (0.85, 0.85, 0.85, ABOVE, FAILS),  # above means above
        (-0.9, -0.95, -0.1, BELOW, HOLDS),
        (-0.1, -0.2, 0.0, BELOW, NOT_JUDGED),
        (0.1, 0.05, 0.2, BELOW, FAILS),
        (math.inf, 3.0, math.inf, {"below": 1.0}, FAILS),
        (10.0, 6.0, 15.0, NEAR, HOLDS),
        (5.0, 5.0, 20.0, NEAR, HOLDS),  # within the factor includes its ends
        (10.0, 4.0, 15.0, NEAR, NOT_JUDGED),
        (4.0, 3.0, 4.9, NEAR, FAILS),
        (30.0, 21.0, 40.0, NEAR, FAILS),
        (30.0, 3.0, 40.0, NEAR, NOT_JUDGED),
        # Without an interval nothing is judged, whatever the value.
        (0.9, NAN, NAN, ABOVE, NOT_JUDGED),
        (0.9, 0.88, NAN, ABOVE, NOT_JUDGED),
        (NAN, NAN, NAN, ABOVE, NOT_JUDGED),
    ],
)
def test_verdict(value, low, high, expected, verdict):
    found = judged(Measured(value, low, high, 3), expected)
    assert found.verdict == verdict
    assert verdict == NOT_JUDGED or found.points_to == verdict


def test_reasons():
    def reason(value, low, high, expected=ABOVE, units=3, points=None, note=""):
        return judged(Measured(value, low, high, units, note, points=points), expected, 8).reason

    assert reason(0.9, 0.9, 0.9) == ""
    assert reason(0.8, 0.8, 0.8) == "expected above 0.85"
    assert reason(1.0, 1.0, 1.0, BELOW) == "expected below 0"
    assert reason(1.0, 1.0, 1.0, NEAR) == "expected within a factor of 2 of 10"
    assert reason(0.9, 0.8, 1.0) == "the interval contains the threshold: expected above 0.85"
    assert reason(30.0, 3.0, 40.0, NEAR) == "the interval is wider than what is expected"
    assert reason(NAN, NAN, NAN) == "the statistic is undefined"
    assert reason(NAN, NAN, NAN, note="no defined point") == "the statistic is undefined: no defined point"
    assert reason(0.9, 0.9, 0.9, points=7) == "too few points: 7, at least 8 are needed"
    assert reason(0.9, NAN, NAN) == "its interval is undefined"
    assert reason(0.9, 0.9, 0.9, units=2) == "rests on 2 seeds, at least 3 are needed"


@pytest.mark.parametrize(("value", "points_to"), [(0.9, HOLDS), (0.8, FAILS)])
@pytest.mark.parametrize("units", [1, 2])
def test_one_seed_and_two_are_no_verdict_but_point_somewhere(value, points_to, units):
    found = judged(Measured(value, value, value, units), ABOVE)
    assert (found.verdict, found.points_to) == (NOT_JUDGED, points_to)


@given(
    st.tuples(*[st.floats(-2, 2)] * 3).map(sorted),
    st.floats(-2, 2),
    st.sampled_from(["above", "below"]),
    st.integers(0, 20),
)
def test_a_claim_holds_if_the_interval_lies_on_its_side_and_fails_if_on_the_other(ordered, threshold, kind, points):
    low, value, high = ordered
    found = judged(Measured(value, low, high, 5, points=points), {kind: threshold}, 8)
    sign = 1 if kind == "above" else -1
    worst, best = sorted((sign * low, sign * high))
    if points < 8:
        expected = NOT_JUDGED
    elif worst > sign * threshold:
        expected = HOLDS
    else:
        expected = NOT_JUDGED if best > sign * threshold else FAILS
    assert found.verdict == expected
    assert bool(found.reason) == (found.verdict != HOLDS)


def test_expectations_in_words():
    assert described({"above": 0.85}) == "above 0.85"
    assert described({"below": 1e-8}) == "below 1e-08"
    assert described(NEAR) == "within a factor of 2 of 10"


CLAIM = {
    "study": "noise_structure",
    "figure": "fig4",
    "statement": "A sentence.",
    "origin": "paper",
    "place": "section 7",
    "quote": "much larger",
    "measures": "something",
    "statistic": {"name": "fake"},
    "expected": {"above": 1.0},
    "min_points": 1,
    "papers_settings_only": False,
    "run": None,
    "control": "an identity",
    "control_statistic": None,
}


@pytest.fixture
def fake(monkeypatch):
    """Lets claims name the statistic ``fake``, which is of the kind and measures what a test gives."""

    def named(kind, measure):
        class Fake(kind):
            def measure(self, *given):
                return measure(*given)

        monkeypatch.setattr(module, "statistic_named", Fake.model_validate)

    return named


def tables_of(*runs):
    return Tables(runs, {"runs": {}, "experiments": {}, "theory": {}})


@pytest.fixture
def verdict_of(fake):
    """The claim's row and its rows by run, for statistics given by run; runs named ``side...`` are not main."""

    def of(by_run, expected=CLAIM["expected"]):
        runs = [Run("mnist", name, not name.startswith("side")) for name in by_run]
        fake(RunStatistic, lambda tables, run: by_run[run.name])
        claims, rows = judge(
            {"claim": CLAIM | {"expected": expected}},
            tables_of(*runs, Run("cifar", "other", True)),
            {"claim": "mnist"},
            {"mnist": "5,000 digits"},
            "quick",
            {"claim": ["2,000 of 10,000 images", "2 of 3 seeds"]},
        )
        (claim,) = claims.to_dict("records")
        return claim, rows.to_dict("records")

    return of


def exactly(value, note=""):
    return counted(value, 3, note)


def test_the_row_of_a_claim(verdict_of):
    claim, rows = verdict_of({"one": Measured(3.0, 2.0, 4.0, 3, "at step 7", points=30)})
    assert claim == {
        "claim": "claim",
        "study": "noise_structure",
        "figure": "noise_structure-fig4",
        "origin": "paper",
        "statement": "A sentence.",
        "place": "section 7",
        "quote": "much larger",
        "statistic": "something",
        "value": 3.0,
        "low": 2.0,
        "high": 4.0,
        "rests_on": "3 seeds",
        "expected": "above 1",
        "verdict": HOLDS,
        "points_to": HOLDS,
        "reason": "at step 7",
        "control": "none: an identity",
        "control_value": pytest.approx(NAN, nan_ok=True),
        "control_verdict": "",
        "deviations": "2,000 of 10,000 images; 2 of 3 seeds",
        "data": "5,000 digits",
        "scale": "quick",
    }
    assert rows == [
        {
            "claim": "claim",
            "run": "one",
            "main": True,
            "value": 3.0,
            "low": 2.0,
            "high": 4.0,
            "rests_on": "3 seeds",
            "points": 30,
            "verdict": HOLDS,
            "points_to": HOLDS,
            "reason": "",
            "control_value": pytest.approx(NAN, nan_ok=True),
            "control_verdict": "",
            "note": "at step 7",
        }
    ]


@pytest.mark.parametrize(
    ("expected", "values", "weakest"),
    [
        ({"above": 1.0}, {"strong": 9.0, "weak": 2.0, "middle": 5.0}, "weak"),
        ({"below": 1.0}, {"strong": -9.0, "weak": 0.5, "middle": 0.0}, "weak"),
        ({"near": 10.0, "factor": 2.0}, {"strong": 10.0, "weak": 6.0, "middle": 14.0}, "weak"),
        ({"near": 10.0, "factor": 2.0}, {"strong": 10.0, "weak": 19.0, "middle": 6.0}, "weak"),
        ({"above": 1.0}, {"strong": 9.0, "weak": 0.5, "weaker": 0.2}, "weaker"),
        ({"below": 1.0}, {"strong": 0.0, "weak": math.inf, "middle": 3.0}, "weak"),
    ],
)
def test_the_weakest_run_speaks(verdict_of, expected, values, weakest):
    claim, rows = verdict_of({name: exactly(value) for name, value in values.items()}, expected)
    assert claim["value"] == values[weakest]
    holding = sum(row["verdict"] == HOLDS for row in rows)
    assert claim["reason"].startswith(f"holds in {holding} of {len(values)} runs, weakest in {weakest}")


def test_a_failing_run_speaks_before_one_that_is_not_judged_and_that_before_one_that_holds(verdict_of):
    holds, unsure, fails = exactly(9.0), Measured(0.9, 0.1, 2.0, 3), exactly(0.95)
    assert verdict_of({"a": holds, "b": unsure})[0]["verdict"] == NOT_JUDGED
    claim, rows = verdict_of({"a": holds, "b": unsure, "c": fails})
    assert (claim["verdict"], claim["value"]) == (FAILS, 0.95)
    assert claim["reason"] == "holds in 1 of 3 runs, weakest in c; expected above 1"
    assert [row["verdict"] for row in rows] == [HOLDS, NOT_JUDGED, FAILS]


def test_an_undefined_run_is_weaker_than_a_defined_one_of_the_same_verdict(verdict_of):
    claim, _ = verdict_of({"unsure": Measured(0.9, 0.1, 2.0, 3), "undefined": unmeasured("why")})
    assert claim["verdict"] == NOT_JUDGED and math.isnan(claim["value"])
    assert claim["reason"] == "holds in 0 of 2 runs, weakest in undefined; the statistic is undefined: why"


def test_a_run_of_too_few_seeds_keeps_the_claim_from_holding(verdict_of):
    claim, _ = verdict_of({"one": exactly(9.0), "two": counted(8.0, 2, "")})
    assert (claim["verdict"], claim["points_to"]) == (NOT_JUDGED, HOLDS) and "rests on 2 seeds" in claim["reason"]


def test_runs_with_another_layer_or_mask_mode_are_shown_and_do_not_decide(verdict_of):
    claim, rows = verdict_of({"one": exactly(9.0), "side-second": exactly(0.1)})
    assert (claim["verdict"], claim["value"], claim["reason"]) == (HOLDS, 9.0, "")
    assert [(row["run"], row["main"], row["verdict"]) for row in rows] == [
        ("one", True, HOLDS),
        ("side-second", False, FAILS),
    ]


def test_a_claim_about_theory_has_no_figure_and_says_what_it_rests_on(fake):
    given, tables = [], tables_of()
    fake(TheoryStatistic, lambda *subject: given.append(subject) or exactly(0.5))
    statistic = {"name": "fake", "table": "t", "column": "c", "where": {}}
    claim = CLAIM | {"figure": None, "statistic": statistic, "expected": {"below": 1}}
    claims, by_run = judge({"t": claim}, tables, {"t": None}, {}, "quick", {})
    (row,) = claims.to_dict("records")
    assert (row["figure"], row["verdict"]) == ("", HOLDS)
    assert row["data"] == "random small networks"
    assert given == [(tables,)]
    assert by_run["run"].tolist() == [""]


@pytest.mark.parametrize("measured", [True, False])
def test_a_comparison_of_trainings_is_measured_once(measured, fake):
    def statistic(tables, experiment):
        assert experiment == "mnist"
        if not measured:
            raise NotMeasuredError("mnist has no runs on risk")
        return Measured(3.0, 2.0, 4.0, 3, "a note")

    fake(ExperimentStatistic, statistic)
    tables = tables_of(Run("mnist", "one", True), Run("mnist", "two", False))
    claims, by_run = judge({"claim": CLAIM}, tables, {"claim": "mnist"}, {"mnist": "digits"}, "quick", {})
    (claim,) = claims.to_dict("records")
    assert len(by_run) == 1 and by_run["run"].tolist() == [""]
    if measured:
        assert (claim["value"], claim["low"], claim["verdict"], claim["reason"]) == (3.0, 2.0, HOLDS, "a note")
    else:
        assert claim["verdict"] == NOT_JUDGED and claim["reason"].endswith("not measured: mnist has no runs on risk")


CONTROL = {"what": "the training without dropout", "experiment": None, "run": "plain", "statistic": {}}


@pytest.mark.parametrize(
    ("on_control", "verdict", "beside", "why"),
    [
        (exactly(1.0), HOLDS, FAILS, ""),
        (Measured(1.1, 0.4, 1.8, 3), HOLDS, NOT_JUDGED, ""),  # it may be chance that it is above
        (exactly(2.0), NOT_JUDGED, HOLDS, "the control passes too"),
        (counted(2.0, 1, ""), NOT_JUDGED, NOT_JUDGED, "the control passes too"),  # one seed is enough to show that
        (counted(0.5, 1, ""), HOLDS, NOT_JUDGED, ""),
        (unmeasured("not measured: no table"), NOT_JUDGED, NOT_JUDGED, "no control: not measured: no table"),
    ],
)
def test_a_claim_whose_control_passes_is_not_judged(on_control, verdict, beside, why, fake):
    values = {"one": exactly(5.0), "two": exactly(3.0), "plain": on_control}
    fake(RunStatistic, lambda tables, run: values[run.name])
    runs = [Run("mnist", name, name != "plain") for name in values]
    claim = CLAIM | {"control": CONTROL, "control_statistic": {"name": "fake"}}
    claims, by_run = judge({"claim": claim}, tables_of(*runs), {"claim": "mnist"}, {"mnist": "digits"}, "quick", {})
    (row,) = claims.to_dict("records")
    assert (row["verdict"], row["points_to"], row["value"]) == (verdict, HOLDS, 3.0)
    assert row["control"] == "the training without dropout" and row["control_verdict"] == beside
    assert row["control_value"] == pytest.approx(on_control.value, nan_ok=True)
    assert why in row["reason"] and ("control" in row["reason"]) == bool(why)
    assert set(by_run["control_verdict"]) == {beside}


def test_a_claim_about_one_run_is_judged_on_it_and_says_so_where_it_is_not_there(fake):
    fake(RunStatistic, lambda tables, run: exactly({"one": 0.5, "two": 3.0}[run.name]))
    tables = tables_of(Run("mnist", "one", True), Run("mnist", "two", False))
    claims = {name: CLAIM | {"run": name} for name in ("two", "three")}
    table, by_run = judge(claims, tables, dict.fromkeys(claims, "mnist"), {"mnist": "digits"}, "quick", {})
    assert table["verdict"].tolist() == [HOLDS, NOT_JUDGED] and by_run["run"].tolist() == ["two", "three"]
    assert "mnist has no run 'three'" in table["reason"][1]


@pytest.mark.parametrize("deviations", [(), ("3 of 5 seeds",)])
def test_a_number_of_the_papers_is_judged_only_at_the_papers_settings(deviations, fake):
    fake(RunStatistic, lambda tables, run: exactly(3.0))
    claim, tables = CLAIM | {"papers_settings_only": True}, tables_of(Run("mnist", "one", True))
    given = {"claim": claim}, tables, {"claim": "mnist"}, {"mnist": "digits"}, "quick", {"claim": deviations}
    for table in judge(*given):
        (row,) = table.to_dict("records")
        assert (row["verdict"], row["points_to"]) == ((NOT_JUDGED, "") if deviations else (HOLDS, HOLDS))
        assert ("the paper's" in row["reason"]) == bool(deviations) and row["value"] == 3.0


def test_each_run_has_a_control_of_its_own_unless_one_is_named(monkeypatch):
    class Fake(RunStatistic):
        null: bool = False

        def measure(self, tables, run):
            return exactly({"one": 0.5, "two": 7.0}[run.name] if self.null else 9.0)

    monkeypatch.setattr(module, "statistic_named", Fake.model_validate)
    claim = CLAIM | {
        "statistic": {"name": "fake"},
        "control": CONTROL | {"run": None},
        "control_statistic": {"name": "fake", "null": True},
    }
    runs = [Run("mnist", name, True) for name in ("one", "two")]
    claims, by_run = judge({"claim": claim}, tables_of(*runs), {"claim": "mnist"}, {"mnist": "digits"}, "quick", {})
    assert by_run["verdict"].tolist() == [HOLDS, NOT_JUDGED] and by_run["control_value"].tolist() == [0.5, 7.0]
    assert claims["verdict"].tolist() == [NOT_JUDGED]
