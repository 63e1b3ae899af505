"""The claims table as the first page of the report and the summary at the end of a run both show it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table

_WORDS = {  # of one claim and of several
    "holds": ("claim holds", "claims hold"),
    "fails": ("fails", "fail"),
    "not judged": ("is not judged", "are not judged"),
}
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
    counts = {verdict: int((claims["verdict"] == verdict).sum()) for verdict in _WORDS}
    return ", ".join(f"{count} {_WORDS[verdict][count != 1]}" for verdict, count in counts.items()) + "."
