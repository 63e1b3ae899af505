"""From measured statistics to verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from dropscape.claims.statistic import Measured, Tables, join_notes, statistic_named

HOLDS, FAILS, NOT_JUDGED = "holds", "fails", "not judged"
CLAIM_COLUMNS = (
    *("claim", "study", "figure", "statement", "statistic", "value", "low", "high"),
    *("expected", "paper", "verdict", "reason", "data", "scale"),
)
RUN_COLUMNS = ("claim", "run", "main", "value", "low", "high", "points", "verdict", "reason", "note")


def judged(measured: Measured, expected: Mapping[str, float], min_points: int) -> tuple[str, str]:
    """The verdict on one measured statistic, and its reason.

    A claim holds where the value and both its bounds meet what is expected and fails where all three miss it. In
    between the interval contains the threshold and nothing is judged.

    Expected is ``{"above": x}``, ``{"below": x}`` or ``{"near": x, "factor": f}`` (within a factor of f of x).
    """
    if math.isnan(measured.value):
        return NOT_JUDGED, "the statistic is undefined" + (f": {measured.note}" if measured.note else "")
    if measured.points < min_points:
        return NOT_JUDGED, f"too few points: {measured.points}, at least {min_points} are needed"
    bounds = [value for value in (measured.low, measured.value, measured.high) if not math.isnan(value)]
    met = [_meets(value, expected) for value in bounds]
    if all(met):
        return HOLDS, ""
    if "near" in expected and not any(met) and min(bounds) < expected["near"] < max(bounds):
        return NOT_JUDGED, "the interval is wider than what is expected"
    if not any(met):
        return FAILS, f"expected {described(expected)}"
    return NOT_JUDGED, f"the interval contains the threshold: expected {described(expected)}"


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
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge the claims of a study.

    A claim that compares trainings is measured once. Any other claim about trainings is measured on every run of its
    figure's experiment; its verdict and its numbers are those of the weakest main run (of all runs, if none is): it
    holds only if it holds for every one of them.

    The claims by name are as in ``config/claims/<study>.yaml`` and have the ``study``; ``experiments`` are the
    experiment of each (None for theory), ``data`` the label of each experiment's data. Returns one row per claim
    (``CLAIM_COLUMNS``), and one per claim and run with its own verdict (``RUN_COLUMNS``).
    """
    rows, by_run = [], []
    for name, claim in claims.items():
        experiment = experiments[name]
        measured = []
        for run, main, value in statistic_named(claim["statistic"]).by_run(tables, experiment, name):
            verdict, reason = judged(value, claim["expected"], claim["min_points"])
            row = {"claim": name, "run": run, "main": main, "verdict": verdict, "reason": reason}
            measured.append(row | asdict(value))
        by_run += measured
        deciding = [row for row in measured if row["main"]] or measured
        weakest = _weakest(deciding, claim["expected"])
        note = "" if weakest["note"] in weakest["reason"] else weakest["note"]
        holding = sum(row["verdict"] == HOLDS for row in deciding)
        several = f"holds in {holding} of {len(deciding)} runs, weakest in {weakest['run']}"
        rows.append(
            {
                "claim": name,
                "study": claim["study"],
                "figure": f"{claim['study']}-{claim['figure']}" if claim["figure"] else "",
                "statement": claim["statement"],
                "statistic": claim["measures"],
                "expected": described(claim["expected"]),
                "paper": claim["paper"],
                "reason": join_notes(several if len(deciding) > 1 else "", weakest["reason"], note),
                "data": data[experiment] if experiment else "random small networks",
                "scale": scale,
            }
            | {key: weakest[key] for key in ("value", "low", "high", "verdict")}
        )
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS), pd.DataFrame(by_run, columns=RUN_COLUMNS)


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
