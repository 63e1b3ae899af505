"""The claims table as the first page of the report and the summary at the end of a run both show it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table

VERDICTS = ("holds", "fails", "not judged")
NUMBERS = ("value", "low", "high")


def read_claims(path: str | Path) -> pd.DataFrame:
    """The claims table with every text column as text (empty, where the file has nothing) and floats elsewhere.

    ArtifactError if the file is missing or damaged.
    """
    claims = read_table(path)
    for column in claims.columns.difference(NUMBERS):
        claims[column] = ["" if pd.isna(value) else str(value) for value in claims[column]]
    return claims.astype(dict.fromkeys(NUMBERS, float))


def measured(claim: Mapping[str, Any]) -> str:
    """Our number with its interval, such as ``0.913 [0.88, 0.94]``; the bounds only where there are any."""
    if math.isnan(claim["value"]):
        return "undefined"
    if math.isnan(claim["low"]) and math.isnan(claim["high"]):
        return f"{claim['value']:.3g}"
    return f"{claim['value']:.3g} [{claim['low']:.3g}, {claim['high']:.3g}]"


def tally(claims: pd.DataFrame) -> str:
    """How many claims hold, fail and are not judged, in one sentence."""
    counts = {verdict: int((claims["verdict"] == verdict).sum()) for verdict in VERDICTS}
    return (
        f"{_count(counts['holds'], 'claim holds', 'claims hold')}, {_count(counts['fails'], 'fails', 'fail')}, "
        f"{_count(counts['not judged'], 'is', 'are')} not judged."
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
