"""From measured statistics to verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dropscape.claims.measured import Measured, join_notes, unmeasured
from dropscape.claims.statistic import Tables, statistic_named

HOLDS, FAILS, NOT_JUDGED = "holds", "fails", "not judged"
FEWEST_UNITS = 3  # one seed is no verdict, and of two the interval is too wide to say anything
CLAIM_COLUMNS = (
    *("claim", "study", "figure", "origin", "statement", "place", "quote", "statistic"),
    *("value", "low", "high", "rests_on", "expected", "verdict", "points_to", "reason"),
    *("control", "control_value", "control_verdict", "deviations", "data", "scale"),
)
RUN_COLUMNS = (
    *("claim", "run", "main", "value", "low", "high", "rests_on", "points", "verdict", "points_to", "reason"),
    *("control_value", "control_verdict", "note"),
)


@dataclass(frozen=True)
class Verdict:
    """What a statistic says of a claim, and why if it does not hold."""

    verdict: str  # holds, fails or not judged
    points_to: str  # holds or fails: what the value alone says, "" where it is undefined
    reason: str = ""


def judged(measured: Measured, expected: Mapping[str, float], min_points: int = 1) -> Verdict:
    """The verdict on one measured statistic.

    A claim holds where the value and both its bounds meet what is expected and fails where all three miss it. In
    between the interval contains the threshold and nothing is judged; neither is what rests on fewer than three
    independent units (unless one is enough, as a counter-example is) or on too few points, nor a value that does not
    say what the claim is about.

    Expected is ``{"above": x}``, ``{"below": x}`` or ``{"near": x, "factor": f}`` (within a factor of f of x).
    """
    if math.isnan(measured.value):
        return Verdict(NOT_JUDGED, "", "the statistic is undefined" + (f": {measured.note}" if measured.note else ""))
    points_to = HOLDS if _meets(measured.value, expected) else FAILS
    if measured.void:
        return Verdict(NOT_JUDGED, points_to, measured.void)
    if measured.points is not None and measured.points < min_points:
        return Verdict(NOT_JUDGED, points_to, f"too few points: {measured.points}, at least {min_points} are needed")
    if measured.units < FEWEST_UNITS and not measured.decisive:
        return Verdict(NOT_JUDGED, points_to, f"rests on {measured.counted}, at least {FEWEST_UNITS} are needed")
    if math.isnan(measured.low) or math.isnan(measured.high):
        return Verdict(NOT_JUDGED, points_to, "its interval is undefined")
    met = [_meets(value, expected) for value in (measured.low, measured.value, measured.high)]
    if all(met):
        return Verdict(HOLDS, points_to)
    if "near" in expected and not any(met) and measured.low < expected["near"] < measured.high:
        return Verdict(NOT_JUDGED, points_to, "the interval is wider than what is expected")
    if not any(met):
        return Verdict(FAILS, points_to, f"expected {described(expected)}")
    return Verdict(NOT_JUDGED, points_to, f"the interval contains the threshold: expected {described(expected)}")


def with_control(verdict: Verdict, control: Measured, expected: Mapping[str, float]) -> tuple[Verdict, str]:
    """The verdict in the light of the claim's control, and the control's own verdict.

    Where the statistic holds on the control as well, it cannot tell what the claim says; where the control was not
    measured, nobody knows whether it can. A control of one seed cannot show that it fails but can show that it passes.
    """
    beside = judged(control, expected)
    passes = beside.verdict == HOLDS or (control.units < FEWEST_UNITS and beside.points_to == HOLDS)
    if verdict.verdict != NOT_JUDGED and (passes or not beside.points_to):
        why = "the control passes too" if passes else f"no control: {control.note}"
        verdict = Verdict(NOT_JUDGED, verdict.points_to, join_notes(why, verdict.reason))
    return verdict, beside.verdict


def described(expected: Mapping[str, float]) -> str:
    """What is expected, in words."""
    if "above" in expected:
        return f"above {expected['above']:g}"
    if "below" in expected:
        return f"below {expected['below']:g}"
    return f"within a factor of {expected['factor']:g} of {expected['near']:g}"


def judge(
    claims: Mapping[str, Mapping[str, Any]],
    tables: Tables,
    experiments: Mapping[str, str | None],
    data: Mapping[str, str],
    scale: str,
    deviations: Mapping[str, Sequence[str]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge the claims of a study.

    A claim that compares trainings is measured once. Any other claim about trainings is measured on every run of its
    figure's experiment; its verdict and its numbers are those of the weakest main run (of all runs, if none is): it
    holds only if it holds for every one of them. Its control is measured beside it, run by run or on one run.

    The claims by name are as in ``config/claims/<study>.yaml`` and have the ``study`` and ``control_statistic``;
    ``experiments`` are the experiment of each (None for theory), ``data`` the label of each experiment's data,
    ``deviations`` what differs from the paper in what each is judged on. Returns one row per claim (``CLAIM_COLUMNS``),
    and one per claim and run with its own verdict (``RUN_COLUMNS``).
    """
    rows, by_run = [], []
    for name, claim in claims.items():
        experiment = experiments[name]
        differs = deviations.get(name, ())
        of_papers_settings = not (claim["papers_settings_only"] and differs)
        measured = [{"claim": name} | row for row in _by_run(claim, tables, experiment, of_papers_settings)]
        by_run += measured
        deciding = [row for row in measured if row["main"]] or measured
        weakest = _weakest(deciding, claim["expected"])
        note = "" if weakest["note"] in weakest["reason"] else weakest["note"]
        holding = sum(row["verdict"] == HOLDS for row in deciding)
        several = f"holds in {holding} of {len(deciding)} runs, weakest in {weakest['run']}"
        control = claim["control"]
        rows.append(
            weakest
            | {key: claim[key] for key in ("study", "origin", "statement", "place", "quote")}
            | {
                "figure": f"{claim['study']}-{claim['figure']}" if claim["figure"] else "",
                "statistic": claim["measures"],
                "expected": described(claim["expected"]),
                "control": f"none: {control}" if isinstance(control, str) else control["what"],
                "reason": join_notes(several if len(deciding) > 1 else "", weakest["reason"], note),
                "deviations": "; ".join(differs),
                "data": data[experiment] if experiment else "random small networks",
                "scale": scale,
            }
        )
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS), pd.DataFrame(by_run, columns=RUN_COLUMNS)


def _by_run(
    claim: Mapping[str, Any], tables: Tables, experiment: str | None, of_papers_settings: bool
) -> list[dict[str, Any]]:
    """A row for each run on which a claim is measured, with its verdict and its control's."""
    controls = None
    if claim["control_statistic"] is not None:
        control = claim["control"]
        of = statistic_named(claim["control_statistic"]).by_run
        found = of(tables, control["experiment"] or experiment, control["run"])
        controls = {run: measured for run, _, measured in found}
    rows = []
    for run, main, measured in statistic_named(claim["statistic"]).by_run(tables, experiment, claim["run"]):
        verdict = judged(measured, claim["expected"], claim["min_points"])
        row = {"run": run, "main": main, "rests_on": measured.counted, "control_value": math.nan, "control_verdict": ""}
        if controls is not None:
            one_for_all = next(iter(controls.values())) if len(controls) == 1 else unmeasured("it was not measured")
            control = controls.get(run, one_for_all)
            row["control_value"] = control.value
            verdict, row["control_verdict"] = with_control(verdict, control, claim["expected"])
        if not of_papers_settings:
            verdict = Verdict(NOT_JUDGED, "", "judged only where data and settings are the paper's")
        rows.append(row | vars(measured) | vars(verdict))
    return rows


def _meets(value: float, expected: Mapping[str, float]) -> bool:
    if "above" in expected:
        return value > expected["above"]
    if "below" in expected:
        return value < expected["below"]
    return expected["near"] / expected["factor"] <= value <= expected["near"] * expected["factor"]


def _weakest(rows: Sequence[dict[str, Any]], expected: Mapping[str, float]) -> dict[str, Any]:
    """The row that speaks most against the claim: a failing one before one not judged, then the worst value."""

    def strength(row: dict[str, Any]) -> tuple[int, float]:
        rank = [FAILS, NOT_JUDGED, HOLDS].index(row["verdict"])
        value = row["value"]
        if math.isnan(value):
            return rank, -math.inf
        if "above" in expected:
            return rank, value
        if "below" in expected:
            return rank, -value
        return rank, -abs(math.log(max(value, 1e-300) / expected["near"]))

    return min(rows, key=strength)
